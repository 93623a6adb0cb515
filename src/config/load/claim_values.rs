//! Values of claims that look like patterns. They are compared as they are, so that a rule with one may let
//! nobody pass, or keep nobody out. Which values a provider has cannot be known here: names of actions,
//! scopes and resources (`api/*`, `Microsoft.Compute/*/read`) do have a `*` in them.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::authorize::{ClaimRule, Scalar};
use crate::config::Config;
use crate::config::positions::member;
use crate::diagnostic::Diagnostic;
use crate::issuer::IssuerSettings;

/// Checks `require` of all routes and of the calls on them.
pub(super) fn of_routes(config: &Config) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    for (number, route) in config.routes.iter().enumerate() {
        let at = format!("routes[{number}]");
        found.extend(of_rules(&format!("{at}.require"), &route.require));
        let calls = route.mcp.iter().flat_map(|mcp| &mcp.calls).enumerate();
        for (place, call) in calls {
            let at = format!("{at}.mcp.calls[{place}].require");
            found.extend(of_rules(&at, &call.require));
        }
    }
    found
}

/// Checks `admin.sign_in`.
pub(super) fn of_operators(config: &Config) -> Vec<Diagnostic> {
    let rules = config.admin.sign_in.rules_at("admin.sign_in");
    rules
        .flat_map(|(path, rule)| of_rules(&format!("{path}.require"), &rule.require))
        .collect()
}

/// Checks `required_claims`, which is at `path`.
pub(super) fn of_issuer(path: &str, issuer: &IssuerSettings) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    for claim in &issuer.required_claims {
        let texts = claim.values.iter().filter_map(Value::as_str);
        found.extend(texts.filter_map(|text| doubt(member(path, &claim.name), text)));
    }
    found
}

fn of_rules(path: &str, require: &BTreeMap<String, ClaimRule>) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    for (name, rule) in require {
        let at = || member(path, name);
        let (wanted, unwanted): (Vec<&Scalar>, Vec<&Scalar>) = match rule {
            ClaimRule::Equals(value) => (vec![value], Vec::new()),
            ClaimRule::Set(rule) => {
                let wanted = [&rule.any_of, &rule.all_of].into_iter().flatten();
                (
                    wanted.flatten().collect(),
                    rule.none_of.iter().flatten().collect(),
                )
            }
        };
        let wanted = wanted.into_iter().filter_map(text);
        found.extend(wanted.filter_map(|text| doubt(at(), text)));
        let unwanted = unwanted.into_iter().filter_map(text);
        found.extend(
            unwanted.filter_map(|text| open_door(at(), text).or_else(|| doubt(at(), text))),
        );
    }
    found
}

fn text(value: &Scalar) -> Option<&str> {
    match value {
        Scalar::Text(text) => Some(text),
        Scalar::Bool(_) | Scalar::Integer(_) => None,
    }
}

/// Addresses of a whole domain that are not wanted: no address is `*@domain`, so all of them would pass,
/// and nobody would notice. A rule that lets nobody pass is noticed.
fn open_door(path: String, value: &str) -> Option<Diagnostic> {
    let is_of_domain = value.strip_prefix("*@").is_some_and(|it| !it.is_empty());
    let message = "compared as it is, so that this keeps nobody out: `*` is no wildcard here";
    let hint = "require a claim that has the domain, or list the addresses";
    is_of_domain.then(|| Diagnostic::error(path, message).hint(hint))
}

/// What is to be said of a value that a provider may have. Permissions such as `orders:*` usually are
/// values as they stand.
fn doubt(path: String, value: &str) -> Option<Diagnostic> {
    if value.trim() != value {
        let message = "starts or ends with a space, and is compared as it is";
        return Some(Diagnostic::warning(path, message));
    }
    let mut words = value.split(':');
    let is_permission =
        !value.contains(['@', '/']) && words.all(|word| word == "*" || !word.contains('*'));
    if !value.contains('*') || is_permission {
        return None;
    }
    let message =
        "compared literally: `*` is no wildcard here, and matches a value with the same `*` only";
    let hint = "if you mean any value, list the values, or require a claim that says it, such as the domain";
    Some(Diagnostic::warning(path, message).hint(hint))
}
