//! Rules about claims, as a route's `require` has them.

use schemars::JsonSchema;
use serde::Deserialize;

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
