//! What a session keeps of its login's external tokens.

use std::cmp::Ordering;

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
    /// Tells the token from others of its login. `None` in rows from before there were such marks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mark: Option<u32>,
    /// The marks of the tokens of the same time that stood here before, the oldest first: at most
    /// eight.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub replaced: Vec<u32>,
}

impl SessionClaims {
    /// How many tokens of one time are remembered that stood here before.
    pub(in crate::store) const REPLACED: usize = 8;

    /// The key that vouched, and the latest change that was known then.
    pub(super) fn vouched(&self) -> Option<(&String, u64)> {
        self.key.as_ref().map(|key| (key, self.seen_after))
    }

    /// Whether both are of tokens that say the same; what became of that is no part of it.
    pub(in crate::store) fn say_the_same(&self, other: &Self) -> bool {
        let said = |it: &Self| (it.issued_at, it.expires_at);
        said(self) == said(other) && self.key == other.key && self.known == other.known
    }

    /// Whether another token's claims stand in place of these: they are newer, or of the same time and seen
    /// later. Of the same time, each token takes the place of others once: two that are in use at the same
    /// time, such as the ID token and the access token of one answer, do not take turns.
    pub(in crate::store) fn yield_to(&self, other: &Self) -> bool {
        match self.by_age(other) {
            Ordering::Less => true,
            Ordering::Greater => false,
            Ordering::Equal => other.mark.is_none_or(|mark| !self.replaced.contains(&mark)),
        }
    }

    /// The tokens of the same time that stood here before another one, this one among them.
    pub(in crate::store) fn replaced_by(&self, other: &Self) -> Vec<u32> {
        if self.by_age(other) != Ordering::Equal {
            return Vec::new();
        }
        let own = self.mark.filter(|mark| other.mark != Some(*mark));
        let all = self.replaced.iter().copied().chain(own);
        let surplus = all.clone().count().saturating_sub(Self::REPLACED);
        all.skip(surplus).collect()
    }

    /// Which of two tokens is the newer one. Those that do not say when they were issued are distinguished by
    /// their ends.
    fn by_age(&self, other: &Self) -> Ordering {
        match (self.issued_at, other.issued_at) {
            (Some(this), Some(other)) => this.cmp(&other),
            _ => self.expires_at.cmp(&other.expires_at),
        }
    }
}
