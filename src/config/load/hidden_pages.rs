//! Pages of apps that the gateway hides by an answer of its own.

use crate::config::Config;
use crate::diagnostic::Diagnostic;
use crate::route::settings::{Method, RouteSettings};

/// Checks `server.health_path`.
pub(super) fn diagnostics(config: &Config) -> Vec<Diagnostic> {
    let Some(path) = &config.server.health_path else {
        return Vec::new();
    };
    if config.api_prefix.covers(path) {
        let message = "the paths below `api_prefix` are taken";
        return vec![Diagnostic::error("server.health_path", message)];
    }
    let has_page = |route: &RouteSettings| {
        route.path == *path
            && (route.any_method
                || route.methods.is_empty()
                || route.methods.contains(&Method::Get))
    };
    let hidden = config.routes.iter().position(has_page);
    let warning = hidden.map(|number| {
        let message = format!(
            "`GET {path}` is answered by the gateway, so nobody sees the page that routes[{number}] has there"
        );
        Diagnostic::warning("server.health_path", message)
            .hint("choose a path that no app has, such as `/healthz`")
    });
    warning.into_iter().collect()
}
