//! Routes on which nobody gets anywhere, whatever is sent.

use crate::canonical::{Origin, PathPrefix};
use crate::config::Config;
use crate::diagnostic::Diagnostic;
use crate::listener::Listener;
use crate::route::settings::{Method, Redirect, RouteSettings};

/// Checks where routes lead, and who reaches them.
pub(super) fn diagnostics(config: &Config) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    for (number, route) in config.routes.iter().enumerate() {
        let at = |key: &str| format!("routes[{number}].{key}");
        if let Some(redirect) = &route.redirect
            && is_endless(number, route, redirect, config)
        {
            let message = "leads back to this route, without end";
            let hint = "redirect to what another route or another host serves";
            found.push(Diagnostic::error(at("redirect.to"), message).hint(hint));
        }
        if route.client_networks.admit_nobody() {
            let message =
                "`deny`, which takes precedence, has all of these networks: nobody could pass";
            found.push(Diagnostic::error(at("client_networks.allow"), message));
        }
        if is_only_redirected(route, config) {
            let message =
                "these listeners redirect every request to `https`, so none comes to this route";
            let hint = "name the listener that serves `https`, or omit `listeners`";
            found.push(Diagnostic::error(at("listeners"), message).hint(hint));
        }
    }
    found
}

/// Whether who follows a redirect is redirected again, and so on. Where another route may take the next
/// request, it is not.
fn is_endless(number: usize, route: &RouteSettings, redirect: &Redirect, config: &Config) -> bool {
    let target = path_here(route, redirect.to.as_str(), config);
    let Some(target) = target.filter(|_| follows_here(route, redirect)) else {
        return false;
    };
    let is_same = route.path.covers(&target) && target.covers(&route.path);
    if is_same && redirect.append_path && keeps_method(redirect) {
        // The very same request.
        return true;
    }
    let comes_back = is_same || !route.exact && route.path.covers(&target);
    let mut others = config.routes.iter().enumerate();
    comes_back && !others.any(|(other, taker)| other != number && takes(taker, &target, route))
}

/// Whether a route may get requests for a path instead of another route, which is for the path, too.
fn takes(taker: &RouteSettings, target: &PathPrefix, route: &RouteSettings) -> bool {
    let is_for_target = match taker.exact {
        true => taker.path.covers(target) && target.covers(&taker.path),
        false => taker.path.covers(target),
    };
    is_for_target && route.path.covers(&taker.path)
}

/// The path that a redirect leads to, if that is where the route is.
fn path_here(route: &RouteSettings, to: &str, config: &Config) -> Option<PathPrefix> {
    let path = match to.split_once("://") {
        None => to,
        Some((scheme, rest)) => {
            let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
            let origin = Origin::parse(&format!("{scheme}://{authority}")).ok()?;
            // At some listeners only, it may be for who comes by `http`.
            let is_everywhere = route.host.is_none() && route.listeners.is_empty();
            if !is_everywhere || origin != config.public_url {
                return None;
            }
            path
        }
    };
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
        || route.methods.contains(&Method::Get)
}

fn keeps_method(redirect: &Redirect) -> bool {
    matches!(redirect.status.code().as_u16(), 307 | 308)
}

/// Whether all listeners that the route names only redirect.
fn is_only_redirected(route: &RouteSettings, config: &Config) -> bool {
    let redirects = |name: &String| {
        let mut listeners = config.listeners.iter();
        listeners.any(|listener: &Listener| listener.redirect_to_https && listener.name() == *name)
    };
    !route.listeners.is_empty() && route.listeners.iter().all(redirects)
}
