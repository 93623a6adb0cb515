//! Whether assertions can be accepted as the configuration says.

use std::time::Duration;

use super::message::choice;
use crate::api::oauth::grants::AssertionSettings;
use crate::config::Config;
use crate::diagnostic::Diagnostic;

/// Checks `grants`.
pub(super) fn diagnostics(config: &Config) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    let identity = config.grants.identity_assertion.as_ref();
    for (key, settings) in [
        ("grants.identity_assertion", identity),
        ("grants.jwt_bearer", config.grants.jwt_bearer.as_ref()),
    ] {
        found.extend(settings.into_iter().flat_map(|it| check(key, it, config)));
    }
    if identity.is_some() && config.clients.is_empty() {
        let message = "a client must authenticate, and there are no `clients`";
        found.push(Diagnostic::error("grants.identity_assertion", message));
    }
    found
}

fn check(key: &str, settings: &AssertionSettings, config: &Config) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    if settings.issuers.is_empty() {
        let message = "empty: no assertion could be accepted";
        found.push(Diagnostic::error(format!("{key}.issuers"), message));
    }
    let known: Vec<&str> = config.issuers.iter().map(|it| it.name.as_str()).collect();
    for (place, name) in settings.issuers.iter().enumerate() {
        if !known.contains(&name.as_str()) {
            let at = format!("{key}.issuers[{place}]");
            found.push(Diagnostic {
                hint: choice(name, &known),
                ..Diagnostic::error(at, format!("no issuer is named `{name}`"))
            });
        }
    }
    for (name, time) in [
        ("max_lifetime", settings.max_lifetime),
        ("session_lifetime", settings.session_lifetime),
    ] {
        if time < Duration::from_secs(1) {
            let message = "must be at least 1s";
            found.push(Diagnostic::error(format!("{key}.{name}"), message));
        }
    }
    found
}
