//! Events of key sets, for whoever counts or acts on them.

use std::time::Duration;

use super::key::KeyValidity;
use super::set::KeySet;

/// Recorded of everything that happens to an issuer's keys. Calls come from background tasks, those
/// of [`JwksEvents::unknown_kid`] from requests; all must return quickly.
pub trait JwksEvents: Send + Sync {
    /// A fetch ended. `outcome` is `changed`, `unchanged` or the code of a
    /// [`super::FetchError`].
    fn fetched(&self, issuer: &str, outcome: &'static str, took: Duration) {
        let _ = (issuer, outcome, took);
    }

    /// A key set took effect.
    fn published(&self, issuer: &str, keys: &KeySet) {
        let _ = (issuer, keys);
    }

    /// A key left the set and vouches for nothing any more. `revoke_sessions` is the issuer's
    /// `revoke_on_key_removal`; the trust is the one that cached results of this key hold.
    fn key_removed(
        &self,
        issuer: &str,
        kid: Option<&str>,
        key_validity: &KeyValidity,
        revoke_sessions: bool,
    ) {
        let _ = (issuer, kid, key_validity, revoke_sessions);
    }

    /// A request came with an unknown `kid`.
    fn unknown_kid(&self, issuer: &str, action: UnknownKidAction) {
        let _ = (issuer, action);
    }
}

/// Ignores all events.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoEvents;

impl JwksEvents for NoEvents {}

/// What became of a request with an unknown `kid`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UnknownKidAction {
    /// A fetch brought the key.
    Found,
    /// A fetch ended without it.
    Absent,
    /// No fetch ended in the time that a request waits.
    TimedOut,
    /// No fetch is permitted in that time, so it did not wait.
    Refused,
}

impl UnknownKidAction {
    /// Every action, for counters.
    pub const ALL: [Self; 4] = [Self::Found, Self::Absent, Self::TimedOut, Self::Refused];

    /// A stable word for metrics.
    pub fn code(self) -> &'static str {
        match self {
            Self::Found => "found",
            Self::Absent => "absent",
            Self::TimedOut => "timed_out",
            Self::Refused => "refused",
        }
    }
}
