//! Checks each issuer against the others and the rest of the file. Most checks of a single issuer
//! are in its type.

use std::collections::HashMap;
use std::time::Duration;

use super::{claim_values, key_age};
use crate::config::Config;
use crate::diagnostic::Diagnostic;
use crate::field_name::TokenField;
use crate::issuer::{
    GITHUB_ACTIONS, GITHUB_OWNERS, IssuerSettings, JwksSettings, TENANT_PLACEHOLDER,
    is_for_many_tenants,
};

/// Checks `issuers`.
pub(super) fn diagnostics(config: &Config) -> Vec<Diagnostic> {
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
        if issuer
            .strip_cookies
            .iter()
            .any(|name| name.is_empty() || name == "*")
        {
            let message = "a name is missing; a lone `*` would remove every cookie";
            found.push(Diagnostic::error(at("strip_cookies"), message));
        }
        claims(number, issuer, &mut found);
        shared(&at("iss"), issuer, &mut found);
        fetching(&at("jwks"), &issuer.jwks, &mut found);
        found.extend(key_age::diagnostics(&at("jwks"), issuer));
        found.extend(claim_values::of_issuer(&at("required_claims"), issuer));
    }
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
            out.push(Diagnostic::error(path, format!("the same as {first}")));
        }
    }
}

fn claims(number: usize, issuer: &IssuerSettings, found: &mut Vec<Diagnostic>) {
    let at = |key: &str| format!("issuers[{number}].{key}");
    let identifiers = [
        ("aud", &issuer.aud),
        ("azp", &issuer.azp),
        ("logout_audience", &issuer.logout_audience),
        ("iss_aliases", &issuer.iss_aliases),
    ];
    for (key, values) in identifiers {
        if values.iter().any(String::is_empty) {
            found.push(Diagnostic::error(at(key), "must not be an empty string"));
        }
        let fault = values.iter().find_map(|value| literal_fault(value));
        found.extend(fault.map(|fault| Diagnostic::error(at(key), fault)));
    }
    if let Some(fault) = literal_fault(&issuer.iss) {
        found.push(Diagnostic::error(at("iss"), fault));
    }
    if issuer.tenants.is_empty() && issuer.iss.contains(TENANT_PLACEHOLDER) {
        let message = "compared as it is; write `iss_template`, with the trusted `tenants`";
        found.push(Diagnostic::error(at("iss"), message));
    }
    let is_endpoint = issuer
        .iss
        .strip_prefix(ENTRA)
        .and_then(|rest| rest.split('/').next())
        .is_some_and(is_for_many_tenants);
    if is_endpoint {
        found.push(Diagnostic::error(at("iss"), ENTRA_FAULT).hint(ENTRA_HINT));
    }
    for tenant in &issuer.tenants {
        if is_for_many_tenants(tenant) {
            found.push(Diagnostic::error(at("tenants"), ENTRA_FAULT).hint(ENTRA_HINT));
        } else if let Some(fault) = literal_fault(tenant) {
            found.push(Diagnostic::error(at("tenants"), fault).hint(ENTRA_HINT));
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
    if issuer.try_all_keys {
        let message =
            "a token without `kid` costs up to eight signature checks, forged ones as well";
        found.push(Diagnostic::warning(at("try_all_keys"), message));
    }
    if issuer.subject_claims.len() > 1 {
        let message = "users are identified by the first of several claims: the value of one claim must \
                       never equal another user's value of another";
        found.push(Diagnostic::warning(at("subject_claim"), message));
    }
    if issuer.algorithms.is_empty() {
        found.push(Diagnostic::error(
            at("algorithms"),
            "must not be empty: no token could be accepted",
        ));
    }
    if issuer.leeway > MAX_LEEWAY {
        found.push(
            Diagnostic::error(at("leeway"), "more than 5m")
                .hint("leeway is for clock differences, not for extending the lifetime of tokens"),
        );
    }
    if issuer.max_token_age.is_some_and(|age| age.as_secs() == 0) {
        found.push(Diagnostic::error(
            at("max_token_age"),
            "must be at least 1s",
        ));
    }
}

/// Warns of an issuer that all customers of a provider share, if nothing says whose tokens are meant. The
/// provider's preset insists on it.
fn shared(path: &str, issuer: &IssuerSettings, found: &mut Vec<Diagnostic>) {
    let is_shared = |iss: &str| iss == GITHUB_ACTIONS || SHARED.contains(&iss);
    if is_shared(&issuer.iss) && issuer.aud.is_empty() {
        let message = "everybody who uses this provider has this `iss`, so tokens that people obtain for any \
            other application are accepted";
        let hint = "set `aud` to what the provider writes into tokens for your application";
        found.push(Diagnostic::warning(path, message).hint(hint));
    }
    let says_whose = issuer.required_claims.iter().any(|required| {
        GITHUB_OWNERS.contains(&required.name.as_str()) && !required.values.is_empty()
    });
    if issuer.iss == GITHUB_ACTIONS && !says_whose {
        let message = "every workflow on GitHub can get a token with any audience";
        let hint =
            "set `required_claims` with whose are accepted, such as `repository_owner: acme`";
        found.push(Diagnostic::warning(path, message).hint(hint));
    }
}

/// A value that is compared as it is, and cannot match as it stands.
fn literal_fault(value: &str) -> Option<&'static str> {
    if value.contains('*') {
        return Some("compared as it is: `*` is no wildcard here; write each value out");
    }
    (value.trim() != value)
        .then_some("starts or ends with a space, which no token has; take it out")
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

/// What all applications have as `iss` that use Google, Apple or Google's Identity-Aware Proxy.
const SHARED: [&str; 4] = [
    "https://accounts.google.com",
    "accounts.google.com",
    "https://appleid.apple.com",
    "https://cloud.google.com/iap",
];
/// Where Entra's tokens come from, by tenant.
const ENTRA: &str = "https://login.microsoftonline.com/";
const ENTRA_FAULT: &str = "an endpoint for many tenants, not a tenant: no token is of it";
const ENTRA_HINT: &str = "write the ids of the tenants that may sign in: `tenants: [ID, ID]`";
/// RFC 7519 section 4.1.4: "usually no more than a few minutes".
const MAX_LEEWAY: Duration = Duration::from_secs(300);
