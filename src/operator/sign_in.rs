//! Which users of the gateway are operators, too.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use schemars::JsonSchema;
use serde::Deserialize;
use serde::de::value::MapAccessDeserializer;
use serde::de::{self, Deserializer, MapAccess, SeqAccess, Visitor};

use super::role::Role;
use crate::authorize::{ClaimRefusal, ClaimRule, ClaimRules};
use crate::claims::KnownClaims;
use crate::clock::UnixTime;
use crate::text_schema::DurationText;

/// The rules that make a user an operator: one or a list. Without any, no user is.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SignIn {
    rules: Vec<SignInRule>,
    /// Written without the list around it.
    is_alone: bool,
}

/// A rule that makes users operators.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SignInRule {
    /// The issuer that the user's session must be from, by its name in this file.
    pub issuer: String,
    /// What the claims of the session must say, as in a route's `require`. Not empty, and not only
    /// `none_of`.
    pub require: BTreeMap<String, ClaimRule>,
    /// What such a user can do. If several rules hold, the highest role counts.
    #[serde(default)]
    pub role: Role,
    /// How long ago the user can have signed in at the issuer, by the token's `auth_time`, which it
    /// must then have. If omitted, as long ago as the session lasts.
    #[serde(default, with = "humantime_serde")]
    #[schemars(with = "Option<DurationText>")]
    pub max_age: Option<Duration>,
}

/// What the rules make of a user.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GrantedRole {
    /// The highest role.
    pub role: Role,
    /// Until when, if that does not depend on the session alone.
    pub until: Option<UnixTime>,
}

/// Why no rule makes a user an operator.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoRole {
    /// No rule is about this issuer.
    #[error("no rule is about the issuer")]
    Issuer,
    /// What the claims say is not what the rules require.
    #[error(transparent)]
    Claims(ClaimRefusal),
    /// The user signed in too long ago, or it is not known when.
    #[error("the user has to sign in again at the issuer")]
    Stale,
}

impl NoRole {
    /// A word for logs and the audit.
    pub fn reason(self) -> &'static str {
        match self {
            Self::Issuer => "issuer_without_rule",
            Self::Claims(ClaimRefusal::Absent) => "claim_absent",
            Self::Claims(ClaimRefusal::Unknown) => "claim_unknown",
            Self::Claims(ClaimRefusal::Mismatch) => "claim_mismatch",
            Self::Stale => "sign_in_stale",
        }
    }
}

impl SignIn {
    /// Whether no user can be an operator.
    pub fn is_empty(&self) -> bool {
        self.rules.is_empty()
    }

    /// The rules, each with the path of its place below `path`.
    pub fn rules_at(&self, path: &str) -> impl Iterator<Item = (String, &SignInRule)> {
        let rules = self.rules.iter().enumerate();
        rules.map(move |(number, rule)| match self.is_alone {
            true => (path.to_owned(), rule),
            false => (format!("{path}[{number}]"), rule),
        })
    }

    /// The claims that the rules look at.
    pub fn claims(&self) -> impl Iterator<Item = &str> {
        let named = self.rules.iter().flat_map(|rule| rule.require.keys());
        let ages = self.rules.iter().filter_map(|rule| rule.max_age);
        named.map(String::as_str).chain(ages.map(|_| AUTH_TIME))
    }

    /// What the rules make of a user with these claims, whose session is from this issuer.
    ///
    /// # Errors
    ///
    /// Why no rule holds; of several, what the last one about the issuer says.
    pub fn role_of(
        &self,
        issuer: &str,
        claims: &KnownClaims,
        now: UnixTime,
    ) -> Result<GrantedRole, NoRole> {
        let mut decided: Result<GrantedRole, NoRole> = Err(NoRole::Issuer);
        for rule in self.rules.iter().filter(|rule| rule.issuer == issuer) {
            let one = rule.role_of(claims, now);
            decided = match (decided, one) {
                (Ok(first), Ok(second)) => Ok(first.or_better(second)),
                (Ok(first), Err(_)) => Ok(first),
                (Err(_), second) => second,
            };
        }
        decided
    }
}

impl SignInRule {
    /// Whether it holds for everybody, or for all but those whom it excludes.
    pub fn is_open(&self) -> bool {
        !self.require.values().any(ClaimRule::demands)
    }

    fn role_of(&self, claims: &KnownClaims, now: UnixTime) -> Result<GrantedRole, NoRole> {
        ClaimRules::new(&self.require)
            .check(claims)
            .map_err(NoRole::Claims)?;
        let until = match self.max_age {
            None => None,
            Some(max_age) => {
                let signed_in = claims.get(AUTH_TIME).value();
                let signed_in = signed_in.and_then(serde_json::Value::as_u64).map(UnixTime);
                let until = signed_in
                    .filter(|at| *at <= now.plus(LEEWAY))
                    .map(|at| at.plus(max_age))
                    .filter(|until| now < *until);
                Some(until.ok_or(NoRole::Stale)?)
            }
        };
        Ok(GrantedRole {
            role: self.role,
            until,
        })
    }
}

impl GrantedRole {
    /// The one with the higher role; of equals the one that lasts longer.
    fn or_better(self, other: Self) -> Self {
        let rank = |it: &Self| (it.role, it.until.is_none(), it.until);
        match rank(&self) >= rank(&other) {
            true => self,
            false => other,
        }
    }
}

impl<'de> Deserialize<'de> for SignIn {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(OneOrSeveral)
    }
}

/// By hand, so that an error says where in the rule it is.
struct OneOrSeveral;

impl<'de> Visitor<'de> for OneOrSeveral {
    type Value = SignIn;

    fn expecting(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.write_str("a rule (`issuer`, `require`) or a list of them")
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<SignIn, A::Error> {
        let rule = SignInRule::deserialize(MapAccessDeserializer::new(map))?;
        Ok(SignIn {
            rules: vec![rule],
            is_alone: true,
        })
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<SignIn, A::Error> {
        let mut rules = Vec::new();
        while let Some(rule) = list.next_element()? {
            rules.push(rule);
        }
        Ok(SignIn {
            rules,
            is_alone: false,
        })
    }

    fn visit_unit<E: de::Error>(self) -> Result<SignIn, E> {
        Ok(SignIn::default())
    }
}

/// The forms in which sign-in is written, for the schema.
#[derive(JsonSchema)]
#[schemars(untagged, rename = "SignIn")]
#[allow(dead_code, reason = "the schema alone needs it")]
pub(super) enum Written {
    /// One rule.
    One(SignInRule),
    /// Several rules.
    Several(Vec<SignInRule>),
}

/// When the user last proved who they are (OpenID Connect Core section 2).
const AUTH_TIME: &str = "auth_time";
/// By how much the issuer's clock may be ahead.
const LEEWAY: Duration = Duration::from_secs(60);

#[cfg(test)]
mod tests;
