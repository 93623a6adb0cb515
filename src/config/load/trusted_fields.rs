//! What `trusted_fields` and `client_fields` let through, and what that costs.

use crate::config::Config;
use crate::diagnostic::Diagnostic;
use crate::field_name::EditableField;
use crate::proxy::connection::CLIENT_FIELDS;
use crate::proxy::request::forwarded::is_provenance;

/// Checks `trusted_fields`.
pub(super) fn diagnostics(config: &Config) -> Vec<Diagnostic> {
    let fields = config.trusted_fields.iter().enumerate();
    let found = fields.map(|(number, field)| {
        let path = format!("trusted_fields[{number}]");
        if field.is("proxy") {
            return Diagnostic::error(path, NEVER);
        }
        if config.trusted_proxies.is_empty() {
            return Diagnostic::warning(path, NO_PROXIES);
        }
        let cost = || Diagnostic::warning(path.clone(), COST).hint(COST_HINT);
        without_effect(&path, field).unwrap_or_else(cost)
    });
    found.collect()
}

/// Checks `client_fields`.
pub(super) fn of_clients(config: &Config) -> Vec<Diagnostic> {
    let fields = config.client_fields.iter().enumerate();
    let found = fields.map(|(number, field)| {
        let path = format!("client_fields[{number}]");
        if field.is("proxy") {
            return Diagnostic::error(path, NEVER);
        }
        if OF_EVERY_REQUEST.iter().any(|own| field.is(own)) {
            return Diagnostic::error(path, SET_FOR_EVERYBODY);
        }
        let cost = || Diagnostic::warning(path.clone(), ANYBODY).hint(ANYBODY_HINT);
        without_effect(&path, field).unwrap_or_else(cost)
    });
    found.collect()
}

fn without_effect(path: &str, field: &EditableField) -> Option<Diagnostic> {
    let is_ours = CLIENT_FIELDS.iter().any(|own| field.is(own));
    match is_ours {
        true => Some(Diagnostic::warning(path, OURS)),
        false if !is_provenance(field.name()) => Some(Diagnostic::warning(path, NOT_REMOVED)),
        false => None,
    }
}

/// What the gateway tells upstreams of each request.
const OF_EVERY_REQUEST: [&str; 5] = [
    "forwarded",
    "x-forwarded-for",
    "x-forwarded-host",
    "x-forwarded-port",
    "x-forwarded-proto",
];

const NEVER: &str =
    "never forwarded: CGI programs take this field for a proxy to use (CVE-2016-5385)";
const NO_PROXIES: &str = "has no effect: there are no `trusted_proxies`";
const OURS: &str = "has no effect: the gateway sets this field itself, and takes it from nobody";
const NOT_REMOVED: &str = "has no effect: this field is not removed from anybody's requests";
const COST: &str = "upstreams believe this field of whoever sends it through a proxy in `trusted_proxies` \
    that does not remove it";
const COST_HINT: &str = "have each of these proxies set the field, or remove it, in every request";
const SET_FOR_EVERYBODY: &str =
    "the gateway says here where each request comes from, and believes no client";
const ANYBODY: &str =
    "upstreams get this field from anybody, and servers that know it from other proxies believe it";
const ANYBODY_HINT: &str = "make sure that no upstream takes it for a proxy's word; fields that your own proxies set \
    belong in `trusted_fields`";
