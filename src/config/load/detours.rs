//! Routes that lead past what another one protects.
//!
//! Which route a request is on goes by its path and its host. Its upstream sees another path where that is
//! rewritten, and clients choose the host that they name. So what a route with `/admin` asks for is asked of
//! nobody who gets to the same servers' `/admin` by way of another route.

use std::collections::HashMap;

use crate::canonical::{HostPattern, PathPrefix};
use crate::config::Config;
use crate::diagnostic::Diagnostic;
use crate::route::admits_others;
use crate::route::settings::RouteSettings;

type Numbered<'a> = (usize, &'a RouteSettings);

/// Checks each route against those that its requests could be on. Thousands of routes are checked at each
/// reload.
pub(super) fn diagnostics(config: &Config) -> Vec<Diagnostic> {
    let mut by_host: HashMap<Option<&HostPattern>, Vec<Numbered<'_>>> = HashMap::new();
    for numbered in config.routes.iter().enumerate() {
        let same = by_host.entry(numbered.1.host.as_ref()).or_default();
        same.push(numbered);
    }
    let is_rewritten = |(_, route): &Numbered<'_>| route.replace_prefix.is_some();
    let mut found = Vec::new();
    for (host, routes) in &by_host {
        let same = routes.iter().any(is_rewritten).then_some(routes);
        let elsewhere: Vec<_> = match host {
            Some(_) => by_host.get(&None).into_iter().collect(),
            None => {
                let named = by_host.iter().filter(|(host, _)| host.is_some());
                named.map(|(_, routes)| routes).collect()
            }
        };
        let others = same.into_iter().chain(elsewhere).flatten();
        let mut others: Vec<_> = others.copied().collect();
        others.sort_by_key(|(number, _)| *number);
        let warned = routes
            .iter()
            .filter_map(|route| detour(*route, &others, config));
        found.extend(warned);
    }
    found.sort_by_key(|(number, _)| *number);
    found.into_iter().map(|(_, warning)| warning).collect()
}

/// The first of the others that this route leads past.
fn detour(
    (number, route): Numbered<'_>,
    others: &[Numbered<'_>],
    config: &Config,
) -> Option<(usize, Diagnostic)> {
    others.iter().find_map(|(other_number, other)| {
        let public = way_past(route, other)?;
        let table = config.route_table();
        if !admits_others(route, other, &table) {
            return None;
        }
        let mut rest = config.routes.iter();
        let is_closed = rest
            .any(|third| is_before(third, route, &public) && !admits_others(third, other, &table));
        (!is_closed).then(|| {
            (
                number,
                warning((number, route), (*other_number, other), &public),
            )
        })
    })
}

/// The path by which `route` leads to what `other` protects.
fn way_past(route: &RouteSettings, other: &RouteSettings) -> Option<PathPrefix> {
    let is_shared = |(_, name): (String, &str)| other.upstreams().any(|(_, one)| one == name);
    let is_same_host = route.host == other.host;
    let is_rewritten = route.replace_prefix.is_some() || other.replace_prefix.is_some();
    let (shown, protected) = (seen_by_servers(route), seen_by_servers(other));
    let may_be = match (&route.host, &other.host) {
        // Either is for the same requests, apart from what is said of methods and fields.
        _ if is_same_host => is_rewritten && route.path != other.path,
        (None, Some(_)) => true,
        (Some(_), None) => shown != protected,
        _ => false,
    };
    let leads_there = match route.exact {
        true => shown == protected,
        false => shown.covers(protected),
    };
    if !may_be || !leads_there || !shares_methods(route, other) || !route.upstreams().any(is_shared)
    {
        return None;
    }
    let rest = protected.as_base().strip_prefix(shown.as_base())?;
    let public = format!("{}{rest}", route.path.as_base());
    PathPrefix::parse(if public.is_empty() { "/" } else { &public }).ok()
}

fn seen_by_servers(route: &RouteSettings) -> &PathPrefix {
    route.replace_prefix.as_ref().unwrap_or(&route.path)
}

fn shares_methods(one: &RouteSettings, other: &RouteSettings) -> bool {
    let (own, others) = (&one.methods, &other.methods);
    own.is_empty() || others.is_empty() || own.iter().any(|method| others.contains(method))
}

/// Whether requests for this path are on `third` and not on `route`.
fn is_before(third: &RouteSettings, route: &RouteSettings, path: &PathPrefix) -> bool {
    third.matches.is_none()
        && third.methods.is_empty()
        && third.host == route.host
        && !third.exact
        && third.path.covers(path)
        && route.path.covers(&third.path)
        && third.path != route.path
}

fn warning(
    (number, route): Numbered<'_>,
    (other_number, other): Numbered<'_>,
    public: &PathPrefix,
) -> Diagnostic {
    let protected = &other.path;
    if route.host == other.host {
        let message = format!(
            "`{public}` leads to what routes[{other_number}] protects as `{protected}` at the same servers, and asks \
             for less"
        );
        let hint = "ask for the same on both routes, or replace the prefix by one that does not lead there";
        let key = match route.replace_prefix {
            Some(_) => "replace_prefix",
            None => "path",
        };
        return Diagnostic::warning(format!("routes[{number}].{key}"), message).hint(hint);
    }
    let (message, hint) = match &route.host {
        None => (
            format!(
                "whoever names another host gets by `{public}` to what routes[{other_number}] protects at the same \
                 servers"
            ),
            "clients choose the host that they name: give this route a `host`, or ask for the same on both",
        ),
        Some(host) => (
            format!(
                "at `{host}`, `{public}` is on this route, which asks for less than routes[{other_number}] at the \
                 same servers"
            ),
            "routes with a `host` come first: repeat the other one for this host, or ask for the same on both",
        ),
    };
    Diagnostic::warning(format!("routes[{number}].host"), message).hint(hint)
}
