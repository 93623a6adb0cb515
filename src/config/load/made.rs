//! An issuer that an operator makes while the gateway runs: one entry of `issuers`, by the types and
//! the rules of the file.
//!
//! It may not refer to this machine: only the configuration file, and so whoever can write it, may
//! name secrets and files that the gateway reads with its own permissions. Since issuers created by
//! operators are shown again and shared by all gateways, they may not contain secrets either.

use serde_json::{Map, Value};

use super::{issuers, types};
use crate::config::{Config, attributes};
use crate::diagnostic::Diagnostic;
use crate::issuer::IssuerSettings;

mod stored;

pub use stored::{SetAside, Usable, stored};

/// Reads an issuer and checks it together with those of `config`.
///
/// # Errors
///
/// What is wrong with it, at least one thing.
pub fn issuer(
    document: &Map<String, Value>,
    config: &Config,
) -> Result<IssuerSettings, Vec<Diagnostic>> {
    let references = references(document);
    if !references.is_empty() {
        return Err(references);
    }
    let issuer = typed(document)?;
    let mut with = config.clone();
    with.issuers.push(issuer.clone());
    let own = format!("issuers[{}]", config.issuers.len());
    let found: Vec<_> = issuers::diagnostics(&with)
        .into_iter()
        .filter(Diagnostic::is_error)
        .filter_map(|error| about(&own, error, config))
        .collect();
    if found.is_empty() {
        Ok(issuer)
    } else {
        Err(found)
    }
}

/// An issuer's settings out of a text, YAML or JSON.
///
/// # Errors
///
/// It is neither, or no mapping.
pub fn document(text: &str) -> Result<Map<String, Value>, String> {
    serde_yaml::from_str(super::without_mark(text)).map_err(|error| error.to_string())
}

/// What refers to this machine, or is secret.
fn references(document: &Map<String, Value>) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    let mut refuse = |field: &str, message: &str| {
        let hint = "only issuers in the configuration file can have it";
        found.push(Diagnostic::error(field, message).hint(hint));
    };
    for key in document.keys() {
        if attributes::CONFIG.is_secret(&format!("issuers[].{key}")) {
            refuse(key, "a secret of this machine cannot be referred to here");
        }
    }
    if document.contains_key("jwks_file") {
        refuse(
            "jwks_file",
            "a file of this machine cannot be referred to here",
        );
    }
    let of_jwks = |name| document.get("jwks").and_then(|jwks| jwks.get(name));
    let is_digest = |pin: &Value| pin.as_str().is_some_and(|pin| pin.starts_with("sha256:"));
    if of_jwks("ca").is_some() {
        refuse("jwks.ca", "a file of this machine cannot be named here");
    }
    if of_jwks("pinned_certificate").is_some_and(|pin| !is_digest(pin)) {
        let message = "a file of this machine cannot be named here, only a digest";
        refuse("jwks.pinned_certificate", message);
    }
    let keys = document.get("keys").and_then(Value::as_array);
    let says_something = |value: &Value| !value.is_null() && value != "";
    let is_private = |key: &Value| {
        let mut members = PRIVATE_MEMBERS.iter().filter_map(|name| key.get(*name));
        members.any(says_something)
    };
    if keys.into_iter().flatten().any(is_private) {
        refuse("keys", "the key includes its private part");
    }
    found
}

/// Reads it by the types of the file.
fn typed(document: &Map<String, Value>) -> Result<IssuerSettings, Vec<Diagnostic>> {
    let value = serde_yaml::to_value(document)
        .map_err(|error| vec![Diagnostic::error("", error.to_string())])?;
    let keys = value.clone();
    let has = |path: &str| {
        let mut steps = path.split('.');
        steps
            .try_fold(&keys, |value, step| value.get(step))
            .is_some()
    };
    types::typed(value, has).map_err(|misread: types::Misread<_>| {
        let errors = misread.found.into_iter();
        errors.map(|error| at_field(error, document)).collect()
    })
}

/// The same error at the key that its text names, when it is about the whole.
fn at_field(error: Diagnostic, document: &Map<String, Value>) -> Diagnostic {
    match error.path.is_empty() {
        true => Diagnostic {
            path: meant(&error.message, document),
            ..error
        },
        false => error,
    }
}

/// The key that a message about the whole quotes first, by its name or its value.
fn meant(message: &str, document: &Map<String, Value>) -> String {
    let Some(word) = message.split('`').nth(1) else {
        return String::new();
    };
    let has_value = |(_, value): &(&String, &Value)| value.as_str() == Some(word);
    if let Some((key, _)) = document.iter().find(has_value) {
        return key.clone();
    }
    // Discovery has its path below the `iss`.
    let is_above = |iss: &&str| {
        let below = word.strip_prefix(iss.trim_end_matches('/'));
        !iss.is_empty() && below.is_some_and(|below| below.starts_with('/'))
    };
    let iss = document.get("iss").and_then(Value::as_str);
    if iss.filter(is_above).is_some() {
        return "iss".to_owned();
    }
    let is_key = word
        .bytes()
        .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"_.".contains(&byte));
    if is_key {
        word.to_owned()
    } else {
        String::new()
    }
}

/// An error of the issuer at the path `own`; others were there before it.
fn about(own: &str, error: Diagnostic, config: &Config) -> Option<Diagnostic> {
    let path = field_of(own, &error.path)?;
    let mut message = error.message;
    // An API has no positions: other issuers go by their names.
    for (number, other) in config.issuers.iter().enumerate() {
        message = message.replace(&format!("issuers[{number}]"), &other.name);
    }
    Some(Diagnostic {
        path,
        message,
        ..error
    })
}

/// The path below `own`; `None` when it is of something else.
fn field_of(own: &str, path: &str) -> Option<String> {
    match path.strip_prefix(own)? {
        "" => Some(String::new()),
        rest => rest.strip_prefix('.').map(str::to_owned),
    }
}

/// Of RFC 7518 sections 6.2.2, 6.3.2 and 6.4.1.
const PRIVATE_MEMBERS: [&str; 8] = ["d", "p", "q", "dp", "dq", "qi", "oth", "k"];
