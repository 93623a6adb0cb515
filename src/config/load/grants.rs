//! Whether assertions can be accepted as the configuration says.

use std::time::Duration;

use url::Url;

use super::message::choice;
use crate::api::oauth::ClientMetadataSettings;
use crate::api::oauth::grants::AssertionSettings;
use crate::canonical::Host;
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
    let describe_themselves = !config.client_metadata.hosts.is_empty();
    if identity.is_some() && config.clients.is_empty() && !describe_themselves {
        let message = "a client must authenticate, and there are neither `clients` nor \
                       `client_metadata.hosts`";
        found.push(Diagnostic::error("grants.identity_assertion", message));
    }
    if describe_themselves && identity.is_none() {
        let message = "no grant is for these clients; only `grants.identity_assertion` is";
        found.push(Diagnostic::error("client_metadata.hosts", message));
    }
    found.extend(client_metadata(&config.client_metadata));
    found
}

/// Checks `client_metadata`.
fn client_metadata(settings: &ClientMetadataSettings) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    for (place, host) in settings.hosts.iter().enumerate() {
        let address = format!("https://{host}/");
        let url = Url::parse(&address);
        // A host in the one form in which addresses have it.
        let is_host = url.is_ok_and(|url| url.as_str() == address && url.username().is_empty());
        if !is_host || Host::parse(host).is_err() {
            let at = format!("client_metadata.hosts[{place}]");
            let message = "not a host in lower case, such as `agents.example.com`, or with a port \
                           other than 443, such as `agents.example.com:8443`";
            found.push(Diagnostic::error(at, message));
        }
    }
    if settings.timeout < Duration::from_millis(1) {
        let message = "must be at least 1ms";
        found.push(Diagnostic::error("client_metadata.timeout", message));
    }
    if settings.cache_time < Duration::from_secs(10) {
        let message = "must be at least 10s";
        found.push(Diagnostic::error("client_metadata.cache_time", message));
    }
    if settings.cached == 0 {
        let message = "must be at least 1";
        found.push(Diagnostic::error("client_metadata.cached", message));
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
