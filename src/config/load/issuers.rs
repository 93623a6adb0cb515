//! Checks each issuer against the others and the rest of the file, and for what must not be in force
//! whoever wrote it. Most checks of a single issuer are in its type; what merely makes no sense is in
//! [`super::issuer_sense`], since an issuer that an operator created earlier works with that.

use std::collections::HashMap;
use std::time::Duration;

use super::issuer_sense;
use crate::config::Config;
use crate::diagnostic::Diagnostic;
use crate::field_name::TokenField;
use crate::issuer::{IssuerSettings, JwksSettings};

/// Checks `issuers`.
pub(super) fn diagnostics(config: &Config) -> Vec<Diagnostic> {
    let mut found = conflicts(config);
    for (number, issuer) in config.issuers.iter().enumerate() {
        let at = format!("issuers[{number}]");
        found.extend(hazards(&at, issuer));
        found.extend(issuer_sense::diagnostics(&at, issuer));
    }
    found
}

/// What two issuers cannot both have, and what the rest of the file has already.
pub(super) fn conflicts(config: &Config) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    let own_iss = format!("{}{}", config.public_url, config.api_prefix);
    let mut seen = Seen::default();
    for (number, issuer) in config.issuers.iter().enumerate() {
        let at = |key: &str| format!("issuers[{number}].{key}");
        seen.unique("name", &at("name"), issuer.name.clone(), &mut found);
        for accepted in issuer.accepted_iss().into_iter().filter(|it| !it.by_preset) {
            seen.iss(&at(accepted.key), accepted.iss, &own_iss, &mut found);
        }
        if let Some(cookie) = &issuer.cookie_name {
            let cookie = cookie.to_string();
            seen.unique("cookie_name", &at("cookie_name"), cookie, &mut found);
        }
        let is_taken = |field: &TokenField| field.is(config.forward.header.as_str());
        if issuer.header.as_ref().is_some_and(is_taken) {
            let message = "this field carries the session token (`forward.header`)";
            found.push(Diagnostic::error(at("header"), message));
        }
    }
    found
}

/// What an issuer at the path `issuer_at` must not have, since it would accept what nobody means, or harm
/// other requests.
pub(super) fn hazards(issuer_at: &str, issuer: &IssuerSettings) -> Vec<Diagnostic> {
    let at = |key: &str| format!("{issuer_at}.{key}");
    let mut found = Vec::new();
    if issuer
        .strip_cookies
        .iter()
        .any(|name| name.is_empty() || name == "*")
    {
        let message = "a name is missing; a lone `*` would remove every cookie";
        found.push(Diagnostic::error(at("strip_cookies"), message));
    }
    for (key, values) in issuer_sense::identifiers(issuer) {
        if values.iter().any(String::is_empty) {
            found.push(Diagnostic::error(at(key), "must not be an empty string"));
        }
    }
    let names = [
        ("aud_claim", &issuer.aud_claim),
        ("tenant_claim", &issuer.tenant_claim),
        ("sid_claim", &issuer.sid_claim),
        ("email_claim", &issuer.email_claim),
    ];
    let subjects = issuer.subject_claims.iter().map(|it| ("subject_claim", it));
    for (key, name) in names.into_iter().chain(subjects) {
        if name.is_empty() {
            found.push(Diagnostic::error(at(key), "empty"));
        }
    }
    if issuer.leeway > MAX_LEEWAY {
        found.push(
            Diagnostic::error(at("leeway"), "more than 5m")
                .hint("leeway is for clock differences, not for extending the lifetime of tokens"),
        );
    }
    fetching(&at("jwks"), &issuer.jwks, &mut found);
    found
}

/// What must differ between issuers, with the path of the first that has it.
#[derive(Default)]
struct Seen(HashMap<(&'static str, String), String>);

impl Seen {
    fn iss(&mut self, path: &str, iss: String, own: &str, found: &mut Vec<Diagnostic>) {
        if iss.trim_end_matches('/') == own {
            let message = "this is the gateway's own `iss`; its session tokens cannot be used to \
                sign in";
            found.push(Diagnostic::error(path, message));
        }
        self.unique("iss", path, iss, found);
    }

    fn unique(&mut self, what: &'static str, path: &str, value: String, out: &mut Vec<Diagnostic>) {
        let first = self
            .0
            .entry((what, value))
            .or_insert_with(|| path.to_owned());
        if first != path {
            let finding = Diagnostic::error(path, format!("the same as {first}"));
            out.push(match what {
                "iss" => finding.hint(ONE_FOR_EACH_ISS),
                _ => finding,
            });
        }
    }
}

fn fetching(path: &str, jwks: &JwksSettings, found: &mut Vec<Diagnostic>) {
    if jwks.ca.is_some() && jwks.pinned_certificate.is_some() {
        let message = "one certificate is accepted whoever vouches for it, so leave out `ca`";
        found.push(Diagnostic::error(
            format!("{path}.pinned_certificate"),
            message,
        ));
    }
    let positive = [
        ("max_refresh_interval", !jwks.max_refresh_interval.is_zero()),
        ("max_stale", !jwks.max_stale.is_zero()),
        ("max_body", jwks.max_body.as_u64() > 0),
        ("max_keys", jwks.max_keys > 0),
    ];
    for (key, is_positive) in positive {
        if !is_positive {
            found.push(Diagnostic::error(
                format!("{path}.{key}"),
                "must be greater than zero",
            ));
        }
    }
    let ordered = [
        (
            "min_refresh_interval",
            jwks.min_refresh_interval,
            jwks.max_refresh_interval,
        ),
        (
            "min_retry_interval",
            jwks.min_retry_interval,
            jwks.max_retry_interval,
        ),
    ];
    for (key, least, most) in ordered {
        if least > most {
            let message = format!("more than `{}`", key.replace("min", "max"));
            found.push(Diagnostic::error(format!("{path}.{key}"), message));
        }
    }
}

/// RFC 7519 section 4.1.4: "usually no more than a few minutes".
const MAX_LEEWAY: Duration = Duration::from_secs(300);
/// What is said of two issuers with one `iss`.
const ONE_FOR_EACH_ISS: &str =
    "one issuer verifies all tokens with an `iss`, whatever their kind; remove one of the two";
