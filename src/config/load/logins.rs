//! Login pages that nobody can see without having signed in.

use crate::canonical::{Host, HostPattern};
use crate::config::Config;
use crate::diagnostic::Diagnostic;
use crate::route::settings::{Access, LoginUrl, RouteSettings};

/// Checks every `login_url`.
pub(super) fn diagnostics(config: &Config) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    let of_routes = config
        .routes
        .iter()
        .enumerate()
        .filter_map(|(number, route)| {
            let path = format!("routes[{number}].login_url");
            Some((path, route.login_url.as_ref()?, route_host(route)))
        });
    let own = config.login_url.iter();
    let own = own.map(|login| ("login_url".to_owned(), login, None));
    for (path, login, host) in own.chain(of_routes) {
        if let Some((number, _)) = required(config, login, host) {
            let message =
                format!("the login page is on routes[{number}], which requires a session");
            let hint = format!(
                "give `{}` a route of its own with `auth: none` or `optional`",
                login.path()
            );
            found.push(Diagnostic::warning(path, message).hint(hint));
        }
    }
    found
}

/// The route on which a login page is, if it asks for a session.
fn required<'a>(
    config: &'a Config,
    login: &LoginUrl,
    host: Option<&str>,
) -> Option<(usize, &'a RouteSettings)> {
    let host = match login.origin() {
        None => host,
        // On another port there is another server, whatever this gateway serves by that path.
        Some(origin) if !origin.has_scheme_and_port_of(&config.public_url) => return None,
        Some(origin) => Some(origin.host()?.name()),
    };
    let serves = |route: &RouteSettings| {
        let path = route.path.as_base();
        let is_there = match login.path().strip_prefix(path) {
            Some("") => true,
            Some(rest) => !route.exact && rest.starts_with('/'),
            None => false,
        };
        is_there && serves_host(route, host, config)
    };
    let routes = config.routes.iter().enumerate();
    // As requests find their route: the host first, then an exact path, then the longest prefix.
    let first = routes
        .filter(|(_, route)| serves(route))
        .max_by_key(|(_, route)| {
            let host = route.host.as_ref();
            (
                host.is_some_and(|host| !host.is_wildcard()),
                host.map_or(0, |host| host.as_str().len()),
                route.exact,
                route.path.as_str().len(),
            )
        })?;
    (first.1.auth == Access::Required).then_some(first)
}

/// Whether a route serves a host; `None` for that of a request which is not known here.
fn serves_host(route: &RouteSettings, host: Option<&str>, config: &Config) -> bool {
    let Some(own) = route_host(route) else {
        // Elsewhere there may be another server.
        return host.is_none_or(|host| is_ours(host, config));
    };
    let Some(host) = host else {
        return false;
    };
    match own.strip_prefix('*') {
        Some(parent) => host
            .to_ascii_lowercase()
            .ends_with(&parent.to_ascii_lowercase()),
        None => own.eq_ignore_ascii_case(host),
    }
}

/// Whether a host is this gateway's: that of `public_url` or of a route.
fn is_ours(host: &str, config: &Config) -> bool {
    let own = config.own_hosts();
    Host::parse(host).is_ok_and(|host| own.names(&host))
}

fn route_host(route: &RouteSettings) -> Option<&str> {
    route.host.as_ref().map(HostPattern::as_str)
}
