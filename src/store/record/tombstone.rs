//! What remains of a deleted identity.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::digest::Digest;
use crate::clock::UnixTime;

/// That an identity was deleted: a token issued up to then makes no new user.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tombstone {
    /// When it happened.
    pub at: UnixTime,
    /// Until when it stands.
    pub until: UnixTime,
    /// The logins that were known of, by which tokens are recognized that do not say when they were
    /// issued. At most [`Self::LOGINS`] and one more, which says that there were others.
    #[serde(default)]
    pub logins: Vec<Uuid>,
}

impl Tombstone {
    /// Logins that are remembered.
    pub const LOGINS: usize = 256;

    /// What that of an identity is found by, once nothing else is kept of it.
    pub(in crate::store) fn key(iss: &str, sub: &str) -> Digest {
        Digest::of(&[iss, sub])
    }

    /// Of an identity with these logins.
    pub(in crate::store) fn new(
        at: UnixTime,
        until: UnixTime,
        logins: impl IntoIterator<Item = Uuid>,
    ) -> Self {
        let logins = logins.into_iter().take(Self::LOGINS + 1);
        Self {
            at,
            until,
            logins: logins.collect(),
        }
    }

    /// The same after an earlier one of the identity.
    pub(in crate::store) fn after(self, earlier: Option<Self>) -> Self {
        let Some(earlier) = earlier else { return self };
        let logins = self.logins.into_iter().chain(earlier.logins);
        Self::new(
            self.at.max(earlier.at),
            self.until.max(earlier.until),
            logins,
        )
    }

    /// Whether a login may have been the deleted user's.
    pub(in crate::store) fn knew(&self, login: Uuid) -> bool {
        self.logins.len() > Self::LOGINS || self.logins.contains(&login)
    }
}
