//! Routes with `match` that ask for something else than the route for all other requests.
//!
//! Clients decide what they send, so `match` protects nothing: where both routes lead to the same servers,
//! what only one of them asks for is asked of nobody.

use crate::config::Config;
use crate::diagnostic::Diagnostic;
use crate::route::asks_for_all_of;
use crate::route::settings::RouteSettings;

/// Checks the routes that have a `match`.
pub(super) fn diagnostics(config: &Config) -> Vec<Diagnostic> {
    let routes = config.routes.iter().enumerate();
    let matching = routes.filter(|(_, route)| route.matches.is_some());
    matching
        .filter_map(|(number, route)| difference(number, route, config))
        .collect()
}

fn difference(number: usize, route: &RouteSettings, config: &Config) -> Option<Diagnostic> {
    let mut routes = config.routes.iter().enumerate();
    let (base_number, base) =
        routes.find(|(_, other)| other.matches.is_none() && other.is_same_place(route))?;
    let is_shared = |(_, name): (String, &str)| base.upstreams().any(|(_, other)| other == name);
    if !route.upstreams().any(is_shared) {
        return None;
    }
    let table = config.route_table();
    let message = if !asks_for_all_of(base, route, &table) {
        format!(
            "routes[{base_number}] leads to the same servers and asks for less: whoever leaves out what \
             is matched here passes there"
        )
    } else if !asks_for_all_of(route, base, &table) {
        format!(
            "routes[{base_number}] leads to the same servers and asks for more: whoever sends what is \
             matched here passes without"
        )
    } else {
        return None;
    };
    let hint = "clients decide what they send: ask for the same on both routes";
    Some(Diagnostic::warning(format!("routes[{number}].match"), message).hint(hint))
}
