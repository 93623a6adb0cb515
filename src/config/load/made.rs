//! An issuer that an operator makes while the gateway runs: one entry of `issuers`, by the rules
//! of the file.
//!
//! It may not refer to this machine. A secret or a file that the gateway reads by its own rights
//! is named in the file alone, by whoever may write that; and since made issuers are shown again
//! and shared by all gateways, nothing secret may be in one either.

use serde::Serialize;
use serde_json::{Map, Value, json};

use super::{Finding, Problem, issuers, types};
use crate::config::Config;
use crate::config::issuer::Issuer;
use crate::config::positions::Index;

/// One thing that is wrong with an issuer that an operator made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Objection {
    /// The key that it is about; empty for the whole.
    pub field: String,
    /// What is wrong. Holds no value.
    pub message: String,
    /// What to do about it.
    pub hint: Option<String>,
}

impl std::fmt::Display for Objection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if !self.field.is_empty() {
            write!(f, "{}: ", self.field)?;
        }
        f.write_str(&self.message)?;
        match &self.hint {
            Some(hint) => write!(f, "; {hint}"),
            None => Ok(()),
        }
    }
}

/// Reads an issuer and checks it beside those of `config`.
///
/// # Errors
///
/// What is wrong with it, at least one thing.
pub fn issuer(document: &Map<String, Value>, config: &Config) -> Result<Issuer, Vec<Objection>> {
    let references = references(document);
    if !references.is_empty() {
        return Err(references);
    }
    let issuer = typed(document)?;
    let mut with = config.clone();
    with.issuers.push(issuer.clone());
    let own = format!("issuers[{}]", config.issuers.len());
    let found: Vec<_> = issuers::findings(&with)
        .into_iter()
        .filter_map(|finding| about(&own, finding, config))
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
    serde_yaml::from_str(text).map_err(|error| error.to_string())
}

/// What refers to this machine, or is secret.
fn references(document: &Map<String, Value>) -> Vec<Objection> {
    let mut found = Vec::new();
    let mut refuse = |field: &str, message: &str| {
        found.push(Objection {
            field: field.to_owned(),
            message: message.to_owned(),
            hint: Some("an issuer of the configuration file may have it".to_owned()),
        });
    };
    if document.contains_key("hs256_secret") {
        refuse(
            "hs256_secret",
            "a secret of this machine can not be named here",
        );
    }
    if document.contains_key("jwks_file") {
        refuse("jwks_file", "a file of this machine can not be named here");
    }
    let keys = document.get("keys").and_then(Value::as_array);
    let is_private = |key: &Value| PRIVATE_MEMBERS.iter().any(|name| key.get(name).is_some());
    if keys.into_iter().flatten().any(is_private) {
        refuse("keys", "a key with its private part");
    }
    found
}

/// Reads it as the one issuer of a file.
fn typed(document: &Map<String, Value>) -> Result<Issuer, Vec<Objection>> {
    let text = json!({
        "public_url": "http://localhost",
        "listeners": [{ "address": "127.0.0.1:1" }],
        "issuers": [document],
    })
    .to_string();
    // JSON is YAML.
    let config = Index::of(&text)
        .map_err(|faults| faults.into_iter().map(Problem::from).collect::<Vec<_>>())
        .and_then(|index| types::read(&text, &index))
        .map_err(|problems| {
            let objections = problems.into_iter().map(|it| objection(it, document));
            objections.collect::<Vec<_>>()
        })?;
    config.issuers.into_iter().next().ok_or_else(|| {
        vec![Objection {
            field: String::new(),
            message: "not an issuer".to_owned(),
            hint: None,
        }]
    })
}

fn objection(problem: Problem, document: &Map<String, Value>) -> Objection {
    let field = field_of("issuers[0]", &problem.path).filter(|field| !field.is_empty());
    Objection {
        field: field.unwrap_or_else(|| meant(&problem.message, document)),
        message: problem.message,
        hint: problem.hint,
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
    let is_key = word
        .bytes()
        .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"_.".contains(&byte));
    if is_key {
        word.to_owned()
    } else {
        String::new()
    }
}

/// A finding about the issuer at the path `own`; others were there before it.
fn about(own: &str, finding: Finding, config: &Config) -> Option<Objection> {
    let field = field_of(own, &finding.path)?;
    let mut message = finding.message;
    // An API has no positions: other issuers go by their names.
    for (number, other) in config.issuers.iter().enumerate() {
        message = message.replace(&format!("issuers[{number}]"), &other.name);
    }
    Some(Objection {
        field,
        message,
        hint: finding.hint,
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
