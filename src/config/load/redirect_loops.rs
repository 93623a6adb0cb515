//! Redirects that lead back to their own route, for whoever follows them. Where the next request may be
//! another one, or another route's, nothing is said: a redirect to the canonical host, or to `https` behind a
//! proxy, looks like a loop and is none.

use std::collections::BTreeMap;

use http::Method;

use crate::canonical::{CanonicalPath, Host, Origin, PathPrefix};
use crate::config::Config;
use crate::listener::Listener;
use crate::route::settings::{Method as Named, Redirect, RouteSettings};
use crate::route::{RouteTable, RouteTableSettings};

/// Whether who follows the redirect of a route is redirected again, and so on.
pub(super) fn is_endless(
    number: usize,
    route: &RouteSettings,
    redirect: &Redirect,
    config: &Config,
) -> bool {
    let to = redirect.to.as_str();
    let (host, path) = match to.split_once("://") {
        None => (None, to),
        Some((scheme, rest)) => {
            let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
            let origin = Origin::parse(&format!("{scheme}://{authority}"));
            if origin.is_ok_and(|origin| origin == config.public_url) {
                (Some(authority), path)
            } else {
                return false;
            }
        }
    };
    let Some(target) = path_here(path, config).filter(|_| follows_here(route, redirect)) else {
        return false;
    };
    let is_same = route.path.covers(&target) && target.covers(&route.path);
    if !is_same && (route.exact || !route.path.covers(&target)) {
        return false;
    }
    match host {
        Some(host) => returns(number, route, redirect, (host, &target), config),
        // The very same request: whatever it had to carry, it carries.
        None if is_same && redirect.append_path && keeps_method(redirect) => true,
        // It may no longer carry what this route matches.
        None if route.matches.is_some() => false,
        None => {
            let mut others = config.routes.iter().enumerate();
            !others.any(|(other, taker)| other != number && takes(taker, &target, route))
        }
    }
}

/// Whether a route may get requests for a path instead of another route, which is for the path, too.
fn takes(taker: &RouteSettings, target: &PathPrefix, route: &RouteSettings) -> bool {
    let is_for_target = match taker.exact {
        true => taker.path.covers(target) && target.covers(&taker.path),
        false => taker.path.covers(target),
    };
    is_for_target && route.path.covers(&taker.path)
}

/// Whether the requests of a route come back to it from a host of its own, by the table of routes. Before,
/// they were at any host.
fn returns(
    number: usize,
    route: &RouteSettings,
    redirect: &Redirect,
    (host, target): (&str, &PathPrefix),
    config: &Config,
) -> bool {
    // At one host or some listeners, it is for who comes there first. And at another address, proxies in
    // front may add or remove the fields that are matched.
    let is_everywhere = route.host.is_none() && route.listeners.is_empty();
    let mut routes = config.routes.iter();
    let is_matched = routes.any(|it| it.matches.is_some() && it.is_same_place(route));
    let table = Table::of(config, redirect).filter(|_| is_everywhere && !is_matched);
    let Some(table) = table else {
        return false;
    };
    let mut is_for_some = false;
    for listener in table.listeners() {
        for method in METHODS {
            if table.route(listener, (ELSEWHERE, &route.path), &method) != Some(number) {
                continue;
            }
            is_for_some = true;
            let next = match keeps_method(redirect) {
                true => &method,
                false => &Method::GET,
            };
            if table.route(listener, (host, target), next) != Some(number) {
                return false;
            }
        }
        // Whoever asks another host for such a path gets somewhere.
        let mut others = config.routes.iter().enumerate();
        let is_served = |(other, below): (usize, &RouteSettings)| {
            let takes = |method| table.route(listener, (host, &below.path), method) == Some(other);
            below.host.is_some() && target.covers(&below.path) && METHODS.iter().any(takes)
        };
        if redirect.append_path && others.any(is_served) {
            return false;
        }
    }
    is_for_some
}

/// The routes of a configuration, by their numbers.
struct Table {
    routes: RouteTable,
    listeners: Vec<String>,
}

impl Table {
    /// `None` where the routes are no table, which is an error of its own. What they do, and whom they ask
    /// for what, makes no difference: all of them redirect here.
    fn of(config: &Config, redirect: &Redirect) -> Option<Self> {
        let named = |(number, route): (usize, &RouteSettings)| RouteSettings {
            name: Some(number.to_string()),
            upstream: None,
            split: Vec::new(),
            redirect: Some(redirect.clone()),
            respond: None,
            require: BTreeMap::new(),
            scopes: Vec::new(),
            mcp: None,
            resource: None,
            ..route.clone()
        };
        let named: Vec<_> = config.routes.iter().enumerate().map(named).collect();
        let settings = RouteTableSettings {
            routes: &named,
            ..config.route_table()
        };
        let routes = RouteTable::new(&settings, &BTreeMap::new()).ok()?;
        Some(Self {
            routes,
            listeners: config.listeners.iter().map(Listener::name).collect(),
        })
    }

    fn listeners(&self) -> impl Iterator<Item = &str> {
        self.listeners.iter().map(String::as_str)
    }

    /// The number of the route that gets such requests.
    fn route(
        &self,
        listener: &str,
        (host, path): (&str, &PathPrefix),
        method: &Method,
    ) -> Option<usize> {
        let host = Host::parse(host).ok()?;
        let path = CanonicalPath::parse(path.as_str()).ok()?;
        let route = self.routes.find_at(listener, &host, &path, method).ok()?;
        route.name.parse().ok()
    }
}

/// The path that a redirect leads to, if routes are for it.
fn path_here(path: &str, config: &Config) -> Option<PathPrefix> {
    let path = match path.trim_end_matches('/') {
        "" => "/",
        path => path,
    };
    let path = PathPrefix::parse(path).ok()?;
    let is_own =
        config.api_prefix.covers(&path) || config.server.health_path.as_ref() == Some(&path);
    (!is_own).then_some(path)
}

/// Whether the route is for the request that follows a redirect: after 301, 302 and 303 that is a GET.
fn follows_here(route: &RouteSettings, redirect: &Redirect) -> bool {
    keeps_method(redirect)
        || route.any_method
        || route.methods.is_empty()
        || route.methods.contains(&Named::Get)
}

fn keeps_method(redirect: &Redirect) -> bool {
    matches!(redirect.status.code().as_u16(), 307 | 308)
}

/// The methods of HTTP itself.
const METHODS: [Method; 7] = [
    Method::GET,
    Method::HEAD,
    Method::POST,
    Method::PUT,
    Method::PATCH,
    Method::DELETE,
    Method::OPTIONS,
];
/// A host that nobody has (RFC 6761 section 6.4).
const ELSEWHERE: &str = "elsewhere.invalid";
