//! Whether routes can be the protected resources that the configuration says they are.

use std::collections::BTreeMap;

use super::scope::scope_fault;
use crate::config::Config;
use crate::diagnostic::Diagnostic;
use crate::route::protected_resource::name_of;
use crate::route::settings::{Access, ResourceSettings, RouteSettings};
use crate::session::settings::BASIC;

/// Checks `routes[].resource`.
pub(super) fn diagnostics(config: &Config) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    let mut named = BTreeMap::new();
    for (number, route) in config.routes.iter().enumerate() {
        let Some(resource) = &route.resource else {
            continue;
        };
        let at = format!("routes[{number}]");
        check(&at, route, resource, config, &mut found);
        let Some(name) = name_of(route, config.public_url.as_str()) else {
            let message = "missing key: the route has many hosts, and a resource has one address";
            found.push(Diagnostic::error(format!("{at}.resource.name"), message));
            continue;
        };
        let at = format!("{at}.resource.name");
        let path = route.path.as_base();
        if name.path() != path {
            let message = "clients reach the route at another path, and refuse metadata of a resource \
                 that is not where they asked";
            let hint = format!("use `{}{path}`", name.origin());
            found.push(Diagnostic::warning(at.clone(), message).hint(hint));
        }
        let is_local = config.public_url.is_loopback();
        if name.as_str().starts_with("http:") && !is_local {
            let message = "a resource has an `https` address (RFC 9728 section 1.2)";
            found.push(Diagnostic::warning(at.clone(), message));
        }
        let first = *named.entry(name.as_str().to_owned()).or_insert(number);
        if first != number {
            let other = config
                .routes
                .get(first)
                .and_then(|route| route.resource.as_ref());
            if other != Some(resource) {
                let message = format!("routes[{first}] says something else of the same resource");
                found.push(Diagnostic::error(at, message));
            }
        }
    }
    found
}

fn check(
    at: &str,
    route: &RouteSettings,
    resource: &ResourceSettings,
    config: &Config,
    found: &mut Vec<Diagnostic>,
) {
    if route.auth == Access::None {
        let message = "`auth: none` takes no tokens: remove one of the two";
        found.push(Diagnostic::error(format!("{at}.resource"), message));
    }
    if route.audience.is_some() {
        let message = "the audience of a resource is its `name`: remove one of the two";
        found.push(Diagnostic::error(format!("{at}.audience"), message));
    }
    for parameter in ["resource_metadata", "scope"] {
        if route.challenge.says(parameter) {
            let message = format!("`resource` already says the `{parameter}`");
            found.push(Diagnostic::error(format!("{at}.challenge"), message));
        }
    }
    for (place, scope) in resource.scopes.iter().enumerate() {
        let fault = match scope_fault(scope) {
            // Others issue the tokens, with scopes of theirs.
            None if !resource.authorization_servers.is_empty() => None,
            None if scope == BASIC || config.session.scopes.contains(scope) => None,
            None => Some("no session has this scope: it is not in `session.scopes`"),
            fault => fault,
        };
        let path = format!("{at}.resource.scopes[{place}]");
        found.extend(fault.map(|fault| Diagnostic::error(path, fault)));
    }
}
