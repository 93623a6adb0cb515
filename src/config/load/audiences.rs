//! Audiences that are to keep tokens to a route, and keep them to nothing.

use crate::canonical::AllowedOrigin;
use crate::config::Config;
use crate::diagnostic::Diagnostic;

/// Checks `routes[].audience`. The tokens of pages that sign in have their origin as the audience, and count
/// everywhere.
pub(super) fn diagnostics(config: &Config) -> Vec<Diagnostic> {
    let origins: Vec<AllowedOrigin> = config.own_origins().collect();
    let usual = config.session.audience.as_deref();
    let is_everywhere = |audience: &str| {
        usual == Some(audience) || origins.iter().any(|origin| origin.admits(audience))
    };
    let routes = config.routes.iter().enumerate();
    let found = routes.filter_map(|(number, route)| {
        route.audience.as_deref().filter(|it| is_everywhere(it))?;
        let message = "tokens for this audience are valid everywhere, because it is the usual one or one of \
                       `public_url` and `allowed_origins`: the upstream can use what it gets on other routes";
        let hint = "choose an audience that is no such origin, such as the upstream's name";
        let at = format!("routes[{number}].audience");
        Some(Diagnostic::warning(at, message).hint(hint))
    });
    found.collect()
}
