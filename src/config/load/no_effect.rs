//! Settings that work and do nothing, since another one decides.

use std::collections::HashSet;
use std::time::Duration;

use crate::config::Config;
use crate::config::positions::member;
use crate::diagnostic::Diagnostic;
use crate::issuer::{AuthorizationField, CookieFormat, IssuerSettings, KeySource};
use crate::route::settings::{Access, Challenge, RouteSettings};
use crate::store::StoreSettings;
use crate::telemetry::LogSettings;

/// Checks `issuers` for settings of a cookie that there is none of, and for tokens that nobody reads.
pub(super) fn of_issuers(config: &Config) -> Vec<Diagnostic> {
    let issuers = config.issuers.iter().enumerate();
    let found = issuers.flat_map(|(number, issuer)| {
        let at = format!("issuers[{number}]");
        without_cookie(&at, issuer)
            .into_iter()
            .chain(without_field(&at, issuer))
            .chain(without_place(&at, issuer, config))
    });
    found.collect()
}

fn without_cookie(at: &str, issuer: &IssuerSettings) -> Vec<Diagnostic> {
    if issuer.cookie_name.is_some() {
        return Vec::new();
    }
    let of_cookie = [
        ("cookie_domain", issuer.cookie_domain.is_some()),
        ("cookie_path", issuer.cookie_path.is_some()),
        ("cookie_format", issuer.cookie_format != CookieFormat::Token),
    ];
    let message = "has no effect: the issuer has no `cookie_name`";
    let found = of_cookie
        .into_iter()
        .filter(|(_, is_set)| *is_set)
        .map(|(key, _)| Diagnostic::warning(format!("{at}.{key}"), message));
    found.collect()
}

fn without_field(at: &str, issuer: &IssuerSettings) -> Option<Diagnostic> {
    let is_idle = issuer.header_from_cookie && issuer.header.is_none();
    let message = "has no effect: the issuer has no `header`";
    is_idle.then(|| Diagnostic::warning(format!("{at}.header_from_cookie"), message))
}

/// Requests are one of the ways in which tokens come; assertions and exchanges are others.
fn without_place(at: &str, issuer: &IssuerSettings, config: &Config) -> Option<Diagnostic> {
    let grants = [&config.grants.identity_assertion, &config.grants.jwt_bearer];
    let mut granted = grants.into_iter().flatten().flat_map(|it| &it.issuers);
    let is_read = issuer.authorization != AuthorizationField::Ignore
        || issuer.cookie_name.is_some()
        || issuer.header.is_some()
        || granted.any(|name| *name == issuer.name);
    let message = "with neither `cookie_name` nor `header`, its tokens are read from no request; only token \
                   exchange and the sign-in of SDKs take them";
    (!is_read).then(|| Diagnostic::warning(format!("{at}.authorization"), message))
}

/// Checks `logout` against what the issuers say.
pub(super) fn of_logout(config: &Config) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    let mut issuers = config.issuers.iter();
    let is_deletable = |issuer: &IssuerSettings| {
        issuer.cookie_name.is_some()
            && (issuer.cookie_domain.is_some() || issuer.cookie_path.is_some())
    };
    if config.logout.clear_issuer_cookie && !issuers.clone().any(is_deletable) {
        let message = "has no effect: no issuer of this file says how its cookie is set";
        let hint =
            "set the issuer's `cookie_path`, usually `/`, and the `cookie_domain` that it has";
        found.push(Diagnostic::warning("logout.clear_issuer_cookie", message).hint(hint));
    }
    let has_page = |issuer: &IssuerSettings| {
        issuer.end_session_endpoint.is_some() || matches!(issuer.source, KeySource::Discovery(_))
    };
    if config.logout.at_provider && !issuers.any(has_page) {
        let message = "has no effect: no issuer of this file has an address where browsers log out";
        let hint = "set the issuer's `end_session_endpoint`, or `discovery: true` to have it found";
        found.push(Diagnostic::warning("logout.at_provider", message).hint(hint));
    }
    found
}

/// Checks `routes` for what is asked of nobody, or of no server.
pub(super) fn of_routes(config: &Config) -> Vec<Diagnostic> {
    let routes = config.routes.iter().enumerate();
    routes
        .flat_map(|(number, route)| of_route(&format!("routes[{number}]"), route))
        .collect()
}

fn of_route(at: &str, route: &RouteSettings) -> Vec<Diagnostic> {
    let is_open = route.auth == Access::None;
    let is_answered = route.redirect.is_some() || route.respond.is_some();
    let for_sessions = "has no effect with `auth: none`: nobody is asked for a session";
    let for_servers = "has no effect: the gateway answers, and asks no server";
    let settings = [
        (
            "login_url",
            is_open && route.login_url.is_some(),
            for_sessions,
        ),
        (
            "challenge",
            is_open && route.challenge != Challenge::default(),
            for_sessions,
        ),
        (
            "connect_timeout",
            is_answered && route.connect_timeout.is_some(),
            for_servers,
        ),
        (
            "read_timeout",
            is_answered && route.read_timeout.is_some(),
            for_servers,
        ),
        (
            "write_timeout",
            is_answered && route.write_timeout.is_some(),
            for_servers,
        ),
        (
            "stream_idle_timeout",
            is_answered && route.stream_idle_timeout.is_some(),
            for_servers,
        ),
    ];
    let found = settings
        .into_iter()
        .filter(|(_, is_set, _)| *is_set)
        .map(|(key, _, message)| Diagnostic::warning(format!("{at}.{key}"), message));
    found.collect()
}

/// Checks for upstreams to which no route leads.
pub(super) fn of_upstreams(config: &Config) -> Vec<Diagnostic> {
    // Who has no routes yet is only beginning.
    if config.routes.is_empty() {
        return Vec::new();
    }
    let used = config.routes.iter().flat_map(RouteSettings::upstreams);
    let used: HashSet<&str> = used.map(|(_, name)| name).collect();
    let unused = config
        .upstreams
        .keys()
        .filter(|name| !used.contains(name.as_str()));
    unused
        .map(|name| Diagnostic::warning(member("upstreams", name), "no route leads here").at_key())
        .collect()
}

/// Checks `session` and `store`.
pub(super) fn of_store(config: &Config) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    let (session, store) = (&config.session, &config.store);
    let is_longer = |idle: Duration| idle >= session.max_age;
    if session.idle_timeout.is_some_and(is_longer) {
        let message = "has no effect: a session ends by `max_age` before";
        found.push(Diagnostic::warning("session.idle_timeout", message));
    }
    if store.postgres.is_some() && store.path != StoreSettings::default().path {
        let message = "has no effect: `postgres` is the store";
        found.push(Diagnostic::warning("store.path", message));
    }
    if store.postgres.is_none() && store.postgres_authorities.is_some() {
        let message = "has no effect without `postgres`";
        found.push(Diagnostic::warning("store.postgres_authorities", message));
    }
    found
}

/// Checks `log`.
pub(super) fn of_log(config: &Config) -> Vec<Diagnostic> {
    let log = &config.log;
    let mut found = Vec::new();
    if !log.access {
        let unused = [
            ("access_file", log.access_file.is_some()),
            (
                "access_fields",
                log.access_fields != LogSettings::default().access_fields,
            ),
        ];
        let message = "has no effect: `access` is false";
        let unused = unused.into_iter().filter(|(_, is_set)| *is_set);
        found.extend(unused.map(|(key, _)| Diagnostic::warning(format!("log.{key}"), message)));
    } else if log.access_fields.is_empty() {
        let message = "empty: each line of the access log is `{}`";
        let finding = Diagnostic::warning("log.access_fields", message);
        found.push(finding.hint("set `access: false` for none"));
    }
    found
}
