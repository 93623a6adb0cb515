//! What keeps an issuer from working as it is meant, and lets in nobody whom it should not: an error where
//! somebody writes it, and no reason to be without an issuer that works.

use super::{claim_values, cookies, key_age};
use crate::diagnostic::Diagnostic;
use crate::issuer::{
    GITHUB_ACTIONS, GITHUB_OWNERS, GOOGLE, GOOGLE_PEOPLE, IssuerSettings, TENANT_PLACEHOLDER,
    is_for_many_tenants,
};

/// Checks the issuer at the path `issuer_at`.
pub(super) fn diagnostics(issuer_at: &str, issuer: &IssuerSettings) -> Vec<Diagnostic> {
    let at = |key: &str| format!("{issuer_at}.{key}");
    let mut found = Vec::new();
    literals(issuer_at, issuer, &mut found);
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
        let message = "must not be empty: no token could be accepted";
        found.push(Diagnostic::error(at("algorithms"), message));
    }
    if issuer.max_token_age.is_some_and(|age| age.as_secs() == 0) {
        found.push(Diagnostic::error(
            at("max_token_age"),
            "must be at least 1s",
        ));
    }
    shared(&at("iss"), issuer, &mut found);
    found.extend(cookies::of_issuer(issuer_at, issuer));
    found.extend(key_age::diagnostics(&at("jwks"), issuer));
    found.extend(claim_values::of_issuer(&at("required_claims"), issuer));
    found
}

/// Lists of texts that are compared as they are, with their keys.
pub(super) fn identifiers(issuer: &IssuerSettings) -> [(&'static str, &[String]); 4] {
    [
        ("aud", &issuer.aud),
        ("azp", &issuer.azp),
        ("logout_audience", &issuer.logout_audience),
        ("iss_aliases", &issuer.iss_aliases),
    ]
}

/// What is compared as it is, and matches nothing.
fn literals(issuer_at: &str, issuer: &IssuerSettings, found: &mut Vec<Diagnostic>) {
    let at = |key: &str| format!("{issuer_at}.{key}");
    for (key, values) in identifiers(issuer) {
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
}

/// A value that cannot match as it stands.
fn literal_fault(value: &str) -> Option<&'static str> {
    if value.contains('*') {
        return Some("compared as it is: `*` is no wildcard here; write each value out");
    }
    (value.trim() != value)
        .then_some("starts or ends with a space, which no token has; take it out")
}

/// Warns of an issuer that all customers of a provider share, if nothing says whose tokens are meant. The
/// provider's preset insists on it.
fn shared(path: &str, issuer: &IssuerSettings, found: &mut Vec<Diagnostic>) {
    let is_shared = |iss: &str| iss == GITHUB_ACTIONS || SHARED.contains(&iss);
    if is_shared(&issuer.iss) && !names_application(issuer) {
        let message = "everybody who uses this provider has this `iss`, so tokens that people obtain for any \
            other application are accepted";
        let hint =
            "set `aud` (or `azp`) to what the provider writes into tokens for your application";
        found.push(Diagnostic::warning(path, message).hint(hint));
    }
    if issuer.iss == GITHUB_ACTIONS && !requires_value_of(issuer, &GITHUB_OWNERS) {
        let message = "every workflow on GitHub can get a token with any audience";
        let hint =
            "set `required_claims` with whose are accepted, such as `repository_owner: acme`";
        found.push(Diagnostic::warning(path, message).hint(hint));
    }
    let is_of_realm = issuer.iss.contains("/realms/");
    let by_party = !issuer.azp.is_empty() || requires_value_of(issuer, &["azp"]);
    if is_of_realm && issuer.aud.iter().any(|aud| aud == "account") && !by_party {
        let message = "Keycloak writes the audience `account` into the tokens of nearly every client of a realm";
        let hint = "set `aud` to what an audience mapper adds for your application, or `azp` to the ids of your clients";
        found.push(Diagnostic::warning(path, message).hint(hint));
    }
    let says_who = !issuer.azp.is_empty() || requires_value_of(issuer, &GOOGLE_PEOPLE);
    if GOOGLE.contains(&issuer.iss.as_str()) && names_application(issuer) && !says_who {
        let message = "every service account of Google, which anybody can have, gets tokens with any audience";
        let hint = "set `azp` to the ids of the OAuth clients by which people sign in, or `required_claims` \
                    such as `hd: acme.example`";
        found.push(Diagnostic::warning(path, message).hint(hint));
    }
}

/// Whether tokens must have certain values of one of these claims.
fn requires_value_of(issuer: &IssuerSettings, names: &[&str]) -> bool {
    let mut required = issuer.required_claims.iter();
    required.any(|claim| names.contains(&claim.name.as_str()) && !claim.values.is_empty())
}

/// Whether tokens must be for, or come through, an application that the issuer's settings name.
fn names_application(issuer: &IssuerSettings) -> bool {
    let of_application = [issuer.aud_claim.as_str(), "aud", "azp"];
    let is_required = |name: &str| of_application.contains(&name);
    let mut required = issuer.required_claims.iter();
    !issuer.aud.is_empty()
        || !issuer.azp.is_empty()
        || required.any(|claim| is_required(&claim.name) && !claim.values.is_empty())
}

/// What all applications have as `iss` that use Google, Apple or Google's Identity-Aware Proxy.
const SHARED: [&str; 4] = [
    GOOGLE[0],
    GOOGLE[1],
    "https://appleid.apple.com",
    "https://cloud.google.com/iap",
];
/// Where Entra's tokens come from, by tenant.
const ENTRA: &str = "https://login.microsoftonline.com/";
const ENTRA_FAULT: &str = "an endpoint for many tenants, not a tenant: no token is of it";
const ENTRA_HINT: &str = "write the ids of the tenants that may sign in: `tenants: [ID, ID]`";
