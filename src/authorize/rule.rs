//! Rules about claims, as a route's `require` has them.

use std::fmt;

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

/// A rule for one claim.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(
    untagged,
    expecting = "a rule is a value (true, 7, admin) or one or more of `any_of`, `all_of`, `none_of`"
)]
pub enum ClaimRule {
    /// The claim must have this value.
    Equals(Scalar),
    /// The claim, a value or a list of values, must satisfy all of these.
    Set(SetRule),
}

/// Rules for a claim's values. At least one must be set, and none may be empty.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(try_from = "RawSetRule")]
pub struct SetRule {
    /// At least one of these must be among the values.
    pub any_of: Option<Vec<Scalar>>,
    /// All of these must be among the values.
    pub all_of: Option<Vec<Scalar>>,
    /// None of these may be among the values; a missing claim has none.
    pub none_of: Option<Vec<Scalar>>,
}

/// A value in a claim rule. Types matter: `true` is not `"true"`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(untagged)]
#[allow(missing_docs, reason = "the names are those of JSON")]
pub enum Scalar {
    Bool(bool),
    Integer(i64),
    Text(String),
}

impl Scalar {
    /// A value as a text, which is compared with each spelling of it (see [`says`](super::says)); `None`
    /// for what is no single value.
    pub fn spelled(value: &Value) -> Option<Self> {
        match value {
            Value::String(text) => Some(Self::Text(text.clone())),
            Value::Bool(_) | Value::Number(_) => Some(Self::Text(value.to_string())),
            _ => None,
        }
    }
}

impl ClaimRule {
    /// Whether it does not hold where the claim is missing.
    pub fn demands(&self) -> bool {
        match self {
            Self::Equals(_) => true,
            Self::Set(rule) => rule.any_of.is_some() || rule.all_of.is_some(),
        }
    }
}

impl fmt::Display for ClaimRule {
    /// In words, after the name of the claim.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rule = match self {
            Self::Equals(value) => return write!(f, "is {value}"),
            Self::Set(rule) => rule,
        };
        let parts = [
            ("has one of", &rule.any_of),
            ("has all of", &rule.all_of),
            ("has none of", &rule.none_of),
        ];
        let mut joint = "";
        for (words, values) in parts {
            let Some(values) = values else { continue };
            let values: Vec<String> = values.iter().map(ToString::to_string).collect();
            write!(f, "{joint}{words} {}", values.join(", "))?;
            joint = " and ";
        }
        Ok(())
    }
}

impl fmt::Display for Scalar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bool(value) => write!(f, "{value}"),
            Self::Integer(value) => write!(f, "{value}"),
            Self::Text(value) => f.write_str(value),
        }
    }
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct RawSetRule {
    any_of: Option<Vec<Scalar>>,
    all_of: Option<Vec<Scalar>>,
    none_of: Option<Vec<Scalar>>,
}

impl TryFrom<RawSetRule> for SetRule {
    type Error = &'static str;

    fn try_from(raw: RawSetRule) -> Result<Self, Self::Error> {
        let lists = [&raw.any_of, &raw.all_of, &raw.none_of];
        if lists.iter().all(|list| list.is_none()) {
            return Err("name at least one of `any_of`, `all_of`, `none_of`");
        }
        if lists.into_iter().flatten().any(Vec::is_empty) {
            return Err("an empty list of values");
        }
        Ok(Self {
            any_of: raw.any_of,
            all_of: raw.all_of,
            none_of: raw.none_of,
        })
    }
}
