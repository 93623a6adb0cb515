//! Values of claims that look like patterns. They are compared as they are, so that a rule with one lets
//! nobody pass, or keeps nobody out.

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
        found.extend(texts.filter_map(|text| finding(member(path, &claim.name), text)));
    }
    found
}

fn of_rules(path: &str, require: &BTreeMap<String, ClaimRule>) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    for (name, rule) in require {
        let texts = texts(rule).into_iter();
        found.extend(texts.filter_map(|text| finding(member(path, name), text)));
    }
    found
}

fn texts<'a>(rule: &'a ClaimRule) -> Vec<&'a str> {
    let values: Vec<&'a Scalar> = match rule {
        ClaimRule::Equals(value) => vec![value],
        ClaimRule::Set(rule) => [&rule.any_of, &rule.all_of, &rule.none_of]
            .into_iter()
            .flatten()
            .flatten()
            .collect(),
    };
    let text = |value: &'a Scalar| match value {
        Scalar::Text(text) => Some(text.as_str()),
        Scalar::Bool(_) | Scalar::Integer(_) => None,
    };
    values.into_iter().filter_map(text).collect()
}

/// What is to be said of a value. No claim has an address or a path with `*` in it; other values with one
/// may be a provider's own, and permissions such as `orders:*` usually are.
fn finding(path: String, value: &str) -> Option<Diagnostic> {
    if value.trim() != value {
        let message = "starts or ends with a space, and is compared as it is";
        return Some(Diagnostic::warning(path, message));
    }
    if !value.contains('*') {
        return None;
    }
    let hint =
        "write each value out, or require a claim that says what you mean, such as the domain";
    if value.contains(['@', '/']) {
        return Some(Diagnostic::error(path, PATTERN).hint(hint));
    }
    let mut words = value.split(':');
    let is_permission = words.all(|word| word == "*" || !word.contains('*'));
    (!is_permission).then(|| Diagnostic::warning(path, PATTERN).hint(hint))
}

const PATTERN: &str = "compared as it is: `*` is no wildcard here";
