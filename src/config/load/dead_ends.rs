//! Routes on which nobody gets anywhere, whatever is sent.

use super::redirect_loops::is_endless;
use crate::config::Config;
use crate::diagnostic::Diagnostic;
use crate::listener::Listener;
use crate::route::settings::RouteSettings;

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

/// Whether all listeners that the route names only redirect.
fn is_only_redirected(route: &RouteSettings, config: &Config) -> bool {
    let redirects = |name: &String| {
        let mut listeners = config.listeners.iter();
        listeners.any(|listener: &Listener| listener.redirect_to_https && listener.name() == *name)
    };
    !route.listeners.is_empty() && route.listeners.iter().all(redirects)
}
