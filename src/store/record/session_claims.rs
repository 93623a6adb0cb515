//! What a session keeps of its login's external tokens.

use serde::{Deserialize, Serialize};

use crate::claims::KnownClaims;
use crate::clock::UnixTime;

/// The claims of an external token that its session keeps.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionClaims {
    /// The token's `iat`.
    #[serde(default)]
    pub issued_at: Option<UnixTime>,
    /// The token's `exp`.
    pub expires_at: UnixTime,
    /// A name of the key that signed it, which tells it from the issuer's others.
    #[serde(default)]
    pub key: Option<String>,
    /// The latest change that was known when it was seen (see [`super::Change`]).
    #[serde(default)]
    pub seen_after: u64,
    /// The claims that the configuration asked for.
    #[serde(default)]
    pub known: KnownClaims,
    /// Scopes that the user had at the latest sign-in in addition to those of every session.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub scopes: Vec<String>,
    /// The verified address of whoever has no credential that says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
}

impl SessionClaims {
    /// The key that vouched, and the latest change that was known then.
    pub(super) fn vouched(&self) -> Option<(&String, u64)> {
        self.key.as_ref().map(|key| (key, self.seen_after))
    }

    /// Whether both are of tokens that say the same; what became of that is no part of it.
    pub(in crate::store) fn say_the_same(&self, other: &Self) -> bool {
        let said = |it: &Self| (it.issued_at, it.expires_at);
        said(self) == said(other) && self.key == other.key && self.known == other.known
    }

    /// Whether another token's claims are at least as new, and so stand in place of these. Tokens
    /// that do not say when they were issued are distinguished by their ends.
    pub(in crate::store) fn yield_to(&self, other: &Self) -> bool {
        match (self.issued_at, other.issued_at) {
            (Some(this), Some(other)) => this <= other,
            _ => self.expires_at <= other.expires_at,
        }
    }
}
