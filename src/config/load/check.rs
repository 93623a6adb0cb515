//! What the values mean together, beyond what their types say.

use std::collections::HashSet;

use super::message::choice;
use super::scope::scope_fault;
use super::{
    acme, audiences, calls, claim_values, cookies, dead_ends, detours, device_bound, empty_lists,
    grants, hidden_pages, issuers, limits, listeners, logins, loops, match_protection, no_effect,
    operators, rates, resources, routes, sticky, telemetry, trusted_fields,
};
use crate::config::Config;
use crate::config::positions::member;
use crate::diagnostic::Diagnostic;
use crate::session::settings::{BASIC, OWN_CLAIMS};
use crate::webhooks::settings as webhook_settings;

/// Everything that is wrong with a configuration whose types are right.
pub(super) fn diagnostics(config: &Config) -> Vec<Diagnostic> {
    let checks = CHECKS.iter();
    checks.flat_map(|(_, check)| check(config)).collect()
}

/// What is wrong with the sections of a configuration that have none of the errors in `found`, which
/// its types were found to have.
pub(super) fn errors_elsewhere(config: &Config, found: &[Diagnostic]) -> Vec<Diagnostic> {
    let mut misread: HashSet<&str> = found.iter().map(|error| section(&error.path)).collect();
    if misread.contains("listeners") {
        // Its default comes from there.
        misread.insert("public_url");
    }
    let is_intact = |reads: &[&str]| !reads.iter().any(|section| misread.contains(section));
    let checks = CHECKS.iter().filter(|(reads, _)| is_intact(reads));
    let found = checks.flat_map(|(_, check)| check(config));
    found.filter(Diagnostic::is_error).collect()
}

/// The top-level key that a path is under.
fn section(path: &str) -> &str {
    path.split(['.', '[']).next().unwrap_or_default()
}

type Check = fn(&Config) -> Vec<Diagnostic>;

/// The checks, each with the top-level keys that it reads.
#[rustfmt::skip]
const CHECKS: &[(&[&str], Check)] = &[
    (&["listeners", "admin", "trusted_proxies", "public_url", "api_prefix"], listeners::diagnostics),
    (
        &["listeners", "admin", "store", "session", "routes", "public_url"],
        acme::diagnostics,
    ),
    (&["trusted_fields", "trusted_proxies"], trusted_fields::diagnostics),
    (&["client_fields"], trusted_fields::of_clients),
    (&["public_url"], public_url),
    (&["server", "api_prefix", "routes"], hidden_pages::diagnostics),
    (&["server"], listeners::tickets),
    (&["issuers", "public_url", "api_prefix", "forward"], issuers::diagnostics),
    (&["upstreams", "resolver"], upstreams),
    (&["upstreams", "listeners", "public_url"], loops::diagnostics),
    (&["upstreams", "issuers", "session", "sdk", "limits", "public_url"], sticky::diagnostics),
    (&["login_url", "routes", "public_url"], logins::diagnostics),
    (
        &["routes", "listeners", "api_prefix", "forward", "issuers", "upstreams", "session", "step_up"],
        routes::diagnostics,
    ),
    (
        &["routes", "upstreams", "limits", "session", "public_url", "api_prefix", "login_url"],
        match_protection::diagnostics,
    ),
    (
        &["routes", "upstreams", "limits", "session", "public_url", "api_prefix", "login_url"],
        detours::diagnostics,
    ),
    (&["routes", "public_url", "session"], resources::diagnostics),
    (&["routes", "public_url", "allowed_origins", "session"], audiences::diagnostics),
    (&["routes", "session"], calls::diagnostics),
    (&["routes", "listeners", "public_url", "api_prefix", "server"], dead_ends::diagnostics),
    (&["routes"], claim_values::of_routes),
    (&["admin"], claim_values::of_operators),
    (&["issuers"], empty_lists::diagnostics),
    (&["issuers", "grants"], no_effect::of_issuers),
    (&["logout", "issuers"], no_effect::of_logout),
    (&["routes"], no_effect::of_routes),
    (&["upstreams", "routes"], no_effect::of_upstreams),
    (&["session", "store"], no_effect::of_store),
    (&["log"], no_effect::of_log),
    (&["session", "store"], session),
    (&["session", "sdk", "public_url"], cookies::of_gateway),
    (&["issuers", "routes", "public_url"], cookies::of_issuers),
    (&["session", "routes", "public_url"], device_bound::diagnostics),
    (&["link_by_verified_email", "issuers"], linking),
    (&["sdk", "issuers"], sdk),
    (&["session", "step_up"], session_scopes),
    (&["session"], claims_from),
    (&["step_up"], step_up),
    (&["clients"], clients),
    (&["grants", "clients", "client_metadata", "issuers"], grants::diagnostics),
    (&["forward"], forward),
    (&["limits"], limits::diagnostics),
    (&["limits", "store"], rates::diagnostics),
    (&["admin", "issuers"], operators::diagnostics),
    (&["log", "traces"], telemetry::diagnostics),
    (&["webhooks", "events"], webhooks),
];

/// The host of `public_url` is compared with those of requests.
fn public_url(config: &Config) -> Vec<Diagnostic> {
    let is_host = config.public_url.host().is_some();
    let message = "no request could name this host";
    let fault = (!is_host).then(|| Diagnostic::error("public_url", message));
    fault.into_iter().collect()
}

fn claims_from(config: &Config) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    for (name, path) in &config.session.claims_from {
        let at = member("session.claims_from", name);
        if OWN_CLAIMS.contains(&name.as_str()) {
            let message = "session tokens have a claim of their own by this name; choose another";
            found.push(Diagnostic::error(at, message));
        } else if name.is_empty() || path.is_empty() {
            found.push(Diagnostic::error(at, "a claim has no empty name"));
        }
    }
    found
}

fn upstreams(config: &Config) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    for (name, upstream) in &config.upstreams {
        let path = member("upstreams", name);
        found.extend(upstream.diagnostics(&path));
    }
    found.extend(config.resolver.diagnostics("resolver"));
    found
}

fn session(config: &Config) -> Vec<Diagnostic> {
    let session = &config.session;
    let mut found = Vec::new();
    for (key, time) in [
        ("max_age", Some(session.max_age)),
        ("token_ttl", Some(session.token_ttl)),
        ("idle_timeout", session.idle_timeout),
        ("revocation_max_staleness", session.revocation_max_staleness),
        (
            "signing_keys.rotate_every",
            session.signing_keys.rotate_every,
        ),
        (
            "signing_keys.publish_ahead",
            Some(session.signing_keys.publish_ahead),
        ),
    ] {
        // Tokens and records count whole seconds.
        if time.is_some_and(|time| time.as_secs() == 0) {
            found.push(Diagnostic::error(
                format!("session.{key}"),
                "must be at least 1s",
            ));
        }
    }
    let keys = &session.signing_keys;
    if keys
        .rotate_every
        .is_some_and(|rotate_every| rotate_every <= keys.publish_ahead)
    {
        found.push(Diagnostic::error(
            "session.signing_keys.publish_ahead",
            "must be shorter than `rotate_every`",
        ));
    }
    if session.max_sessions_per_user == Some(0) {
        found.push(Diagnostic::error(
            "session.max_sessions_per_user",
            "must be at least 1: with 0, nobody could sign in",
        ));
    }
    if session.audience.as_deref() == Some("") {
        found.push(Diagnostic::error("session.audience", "empty"));
    }
    let keeps_keys = session.signing_keys.files.is_empty();
    if config.store.postgres.is_some() && keeps_keys && session.key_encryption_keys.is_empty() {
        found.push(
            Diagnostic::error(
                "session.key_encryption_keys",
                "missing key: anyone who can read the database could sign tokens",
            )
            .hint(
                "`openssl rand -base64 32` generates one; or keep the keys in \
                `signing_keys.files`",
            ),
        );
    }
    if config.store.postgres_connections == 0 {
        found.push(Diagnostic::error(
            "store.postgres_connections",
            "must be greater than zero",
        ));
    }
    if config.store.path.as_os_str().is_empty() {
        found.push(Diagnostic::error("store.path", "empty"));
    }
    if config.store.cache_size.as_u64() == 0 {
        found.push(Diagnostic::error(
            "store.cache_size",
            "must be greater than zero",
        ));
    }
    found
}

fn linking(config: &Config) -> Vec<Diagnostic> {
    let trusted = config.issuers.iter().filter(|issuer| issuer.email_trusted);
    if !config.link_by_verified_email || trusted.take(2).count() == 2 {
        return Vec::new();
    }
    let message = "there are no two issuers to link between";
    let finding = Diagnostic::error("link_by_verified_email", message);
    vec![finding.hint("set `email_trusted: true` on both")]
}

fn sdk(config: &Config) -> Vec<Diagnostic> {
    let Some(name) = config.sdk.issuer.as_deref() else {
        return Vec::new();
    };
    if config.sdk_issuer().is_some() {
        return Vec::new();
    }
    let names: Vec<&str> = config
        .issuers
        .iter()
        .map(|issuer| issuer.name.as_str())
        .collect();
    vec![Diagnostic {
        hint: choice(name, &names),
        ..Diagnostic::error("sdk.issuer", "no issuer has this name")
    }]
}

fn clients(config: &Config) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    let mut named = HashSet::new();
    for (number, client) in config.clients.iter().enumerate() {
        let mut refuse = |message: &str| {
            found.push(Diagnostic::error(format!("clients[{number}].id"), message));
        };
        if client.id.is_empty() {
            refuse("empty");
        } else if !named.insert(&client.id) {
            refuse("another client has this id");
        }
    }
    found
}

fn session_scopes(config: &Config) -> Vec<Diagnostic> {
    let fault = |scope: &String| {
        if let Some(fault) = scope_fault(scope) {
            return Some(fault);
        }
        if scope == BASIC {
            return Some("every session has this scope");
        }
        // The platform's clients take these for a sign-in that is not finished.
        if ["requiresAdditionalAuth", "device:register"].contains(&scope.as_str()) {
            return Some("clients treat this scope as an unfinished sign-in");
        }
        let needs_more = config.step_up.scopes.contains(scope);
        needs_more.then_some("this scope requires a step-up: it is in `step_up.scopes`")
    };
    let scopes = config.session.scopes.iter().enumerate();
    scopes
        .filter_map(|(number, scope)| {
            Some(Diagnostic::error(
                format!("session.scopes[{number}]"),
                fault(scope)?,
            ))
        })
        .collect()
}

fn step_up(config: &Config) -> Vec<Diagnostic> {
    let scopes = config.step_up.scopes.iter().enumerate();
    scopes
        .filter_map(|(number, scope)| {
            Some(Diagnostic::error(
                format!("step_up.scopes[{number}]"),
                scope_fault(scope)?,
            ))
        })
        .collect()
}

fn forward(config: &Config) -> Vec<Diagnostic> {
    let forward = &config.forward;
    let mut found = Vec::new();
    for (name, text) in &forward.identity {
        let path = member("forward.identity", name.as_str());
        if name.is(forward.header.as_str()) || name.is("authorization") {
            let message = "this field carries the session token";
            found.push(Diagnostic::error(path, message));
        } else if !text.needs_session() {
            let message = "has no placeholder for the user; use `request_headers` for fixed values";
            found.push(Diagnostic::error(path, message));
        }
    }
    if forward.scheme.is_empty() && forward.header.is("authorization") {
        let message = "`Authorization` requires a scheme (RFC 9110 section 11.4)";
        let finding = Diagnostic::error("forward.scheme", message);
        found.push(finding.hint("use `Bearer`, or another header"));
    }
    found
}

fn webhooks(config: &Config) -> Vec<Diagnostic> {
    webhook_settings::diagnostics(&config.webhooks, &config.events)
}
