//! What `trusted_fields` lets through, and what that costs.

use crate::config::Config;
use crate::diagnostic::Diagnostic;
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
        let is_ours = CLIENT_FIELDS.iter().any(|own| field.is(own));
        if config.trusted_proxies.is_empty() || is_ours || !is_provenance(field.name()) {
            return Diagnostic::warning(path, no_effect(config, is_ours));
        }
        Diagnostic::warning(path, COST).hint(COST_HINT)
    });
    found.collect()
}

fn no_effect(config: &Config, is_ours: bool) -> &'static str {
    match is_ours {
        _ if config.trusted_proxies.is_empty() => "has no effect: there are no `trusted_proxies`",
        true => "has no effect: the gateway sets this field itself, and takes it from nobody",
        false => "has no effect: this field is not removed from anybody's requests",
    }
}

const NEVER: &str =
    "never forwarded: CGI programs take this field for a proxy to use (CVE-2016-5385)";
const COST: &str = "upstreams believe this field of whoever sends it through a proxy in `trusted_proxies` \
    that does not remove it";
const COST_HINT: &str = "have each of these proxies set the field, or remove it, in every request";
