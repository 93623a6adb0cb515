//! What a session's claims must say for a route.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::claims::{Claim, KnownClaims};
use crate::rejection::{Code, Rejection};

mod rule;

pub use rule::{ClaimRule, Scalar, SetRule};

/// The claim rules of one route. All must hold; none at all holds for everybody.
#[derive(Clone, Debug, Default)]
pub struct ClaimRules(Vec<(Box<str>, ClaimRule)>);

impl ClaimRules {
    /// The rules of a route's `require`.
    pub fn new(require: &BTreeMap<String, ClaimRule>) -> Self {
        let rules = require.iter();
        Self(
            rules
                .map(|(path, rule)| (path.as_str().into(), rule.clone()))
                .collect(),
        )
    }

    /// The rules in words, by the path of the claim.
    pub fn described(&self) -> Vec<String> {
        let described = |(path, rule): &(Box<str>, ClaimRule)| format!("`{path}` {rule}");
        self.0.iter().map(described).collect()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Checks a session's claims.
    ///
    /// A claim is named by its path: `email_verified`, `realm_access.roles`, and also
    /// `https://example.com/roles`, since a member whose name is all of the path comes first. Its
    /// values are the elements of a list, the words of `scope` and `scp` (RFC 8693 section 4.2), or
    /// the claim itself. A claim that is named by a URL is some provider's or customer's own: as a
    /// string it is both itself and its words. What `none_of` names is found in other spellings, too: in
    /// a list that is one string, as `"true"` and as `1.0`, so that no provider's way of writing admits
    /// somebody who is meant to be refused. What is neither absent nor a plain value satisfies no rule,
    /// nor does a claim of which the session does not know what the token said.
    pub fn check(&self, claims: &KnownClaims) -> Result<(), ClaimRefusal> {
        for (path, rule) in &self.0 {
            let claim = match claims.get(path) {
                Claim::Unknown => return Err(ClaimRefusal::Unknown),
                Claim::Absent => None,
                Claim::Value(value) => Some(value),
            };
            let holds = match rule {
                ClaimRule::Equals(wanted) => claim.is_some_and(|claim| is(claim, wanted)),
                ClaimRule::Set(rule) => satisfies(path, claim, rule) && !is_denied(claim, rule),
            };
            if !holds {
                return Err(match claim {
                    None => ClaimRefusal::Absent,
                    Some(_) => ClaimRefusal::Mismatch,
                });
            }
        }
        Ok(())
    }
}

/// Why a session may not pass a route.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ClaimRefusal {
    /// A claim that the route requires is not there.
    #[error("a required claim is missing")]
    Absent,
    /// The session did not keep the claim: it began before the rule did, or the claim is too large.
    #[error("a required claim is not known")]
    Unknown,
    /// A claim says something else than the route requires.
    #[error("a claim does not have a required value")]
    Mismatch,
}

impl From<ClaimRefusal> for Rejection {
    fn from(refusal: ClaimRefusal) -> Self {
        let reason = match refusal {
            ClaimRefusal::Absent => "claim_absent",
            ClaimRefusal::Unknown => "claim_unknown",
            ClaimRefusal::Mismatch => "claim_mismatch",
        };
        Self::new(Code::Forbidden, reason)
    }
}

/// Whether a claim says a value in whichever spelling, alone or among others: what takes access away asks
/// this, what gives it goes by the very value.
pub fn says(value: &Value, denied: &Scalar) -> bool {
    match (value, denied) {
        (Value::Bool(value), Scalar::Bool(denied)) => value == denied,
        (Value::Array(elements), _) => elements.iter().any(|element| says(element, denied)),
        (Value::String(text), Scalar::Text(denied)) => {
            text == denied || has(text, |it| it == denied)
        }
        (Value::String(text), Scalar::Bool(denied)) => has(text, |it| it.parse() == Ok(*denied)),
        (Value::String(text), Scalar::Integer(denied)) => has(text, |it| it.parse() == Ok(*denied)),
        (Value::Bool(value), Scalar::Text(denied)) => denied.parse() == Ok(*value),
        (Value::Number(value), Scalar::Text(denied)) => denied.parse().ok() == value.as_f64(),
        (Value::Number(value), Scalar::Integer(denied)) => value.as_f64() == Some(*denied as f64),
        _ => false,
    }
}

/// Whether a claim satisfies a rule on sets.
fn satisfies(path: &str, claim: Option<&Value>, rule: &SetRule) -> bool {
    match claim {
        None => holds(rule, |_| false),
        Some(Value::String(words)) if is_scope(path) => {
            holds(rule, |wanted| has_word(words, wanted))
        }
        Some(claim @ Value::String(words)) if path.contains("://") => {
            holds(rule, |wanted| is(claim, wanted) || has_word(words, wanted))
        }
        Some(Value::Array(elements)) => {
            elements.iter().all(is_plain)
                && holds(rule, |wanted| {
                    elements.iter().any(|element| is(element, wanted))
                })
        }
        Some(claim) => is_plain(claim) && holds(rule, |wanted| is(claim, wanted)),
    }
}

fn holds(rule: &SetRule, has: impl Fn(&Scalar) -> bool) -> bool {
    rule.any_of
        .as_ref()
        .is_none_or(|list| list.iter().any(&has))
        && rule
            .all_of
            .as_ref()
            .is_none_or(|list| list.iter().all(&has))
        && rule
            .none_of
            .as_ref()
            .is_none_or(|list| !list.iter().any(&has))
}

fn is_scope(path: &str) -> bool {
    ["scope", "scp"].contains(&path)
}

fn has_word(words: &str, wanted: &Scalar) -> bool {
    matches!(wanted, Scalar::Text(text) if words.split(' ').any(|word| word == text))
}

fn is(value: &Value, wanted: &Scalar) -> bool {
    match wanted {
        Scalar::Bool(wanted) => value.as_bool() == Some(*wanted),
        Scalar::Integer(wanted) => value.as_i64() == Some(*wanted),
        Scalar::Text(wanted) => value.as_str() == Some(wanted),
    }
}

/// Whether the claim says, in whichever way, what none may say.
fn is_denied(claim: Option<&Value>, rule: &SetRule) -> bool {
    let denied = rule.none_of.iter().flatten();
    claim.is_some_and(|claim| denied.into_iter().any(|denied| says(claim, denied)))
}

/// Whether one of a text's words is it.
fn has(text: &str, is_it: impl Fn(&str) -> bool) -> bool {
    text.split(|separator: char| separator == ',' || separator.is_whitespace())
        .any(is_it)
}

fn is_plain(value: &Value) -> bool {
    matches!(value, Value::Bool(_) | Value::Number(_) | Value::String(_))
}

#[cfg(test)]
mod tests;
