//! The cache of tokens: sessions for valid ones, refusals for those that can never become valid.

use std::sync::Arc;

mod refused;
mod sessions;

use refused::RefusedTokens;
use sessions::SessionCache;

use super::digest::TokenDigest;
use super::session::Session;
use super::single_flight::Outcome;
use super::version::ConfigVersion;
use crate::clock::UnixTime;
use crate::jwt::Refusal;
use crate::metrics::Metrics;
use crate::rejection::Rejection;

/// What tokens came to. One per process, shared by the exchanges of all configurations: what was
/// decided under another one is not found.
pub(super) struct TokenCache {
    sessions: SessionCache,
    refused: RefusedTokens,
    metrics: Arc<Metrics>,
}

/// What a look into the cache came to, other than a hit.
#[derive(Clone, Copy, Debug)]
pub(super) enum Lookup {
    /// A refusal was remembered.
    Refused,
    /// Nothing was, and the token is exchanged.
    Miss,
    /// Nothing was, and another request exchanges the token already.
    Joined,
}

impl TokenCache {
    /// Room for `sessions` that take about `bytes` of memory at most, and for `refusals`.
    pub(super) fn new(sessions: usize, bytes: u64, refusals: usize, metrics: Arc<Metrics>) -> Self {
        Self {
            sessions: SessionCache::new(sessions, bytes, &metrics),
            refused: RefusedTokens::new(refusals),
            metrics,
        }
    }

    /// The session, if what it was granted on still holds under this configuration. Counted as a hit.
    pub(super) fn session(
        &self,
        digest: &TokenDigest,
        now: UnixTime,
        version: ConfigVersion,
    ) -> Option<Arc<Session>> {
        self.sessions.get(digest, now, version)
    }

    /// The refusal, if it would be decided again at the time `now` under this configuration.
    pub(super) fn refusal(
        &self,
        digest: &TokenDigest,
        now: UnixTime,
        version: ConfigVersion,
    ) -> Option<Rejection> {
        self.refused.get(digest, now, version)
    }

    /// Either of them.
    pub(super) fn outcome(
        &self,
        digest: &TokenDigest,
        now: UnixTime,
        version: ConfigVersion,
    ) -> Option<Outcome> {
        let session = self.session(digest, now, version).map(Ok);
        session.or_else(|| self.refusal(digest, now, version).map(Err))
    }

    /// Whether there is a session, whatever has become of it.
    pub(super) fn holds(&self, digest: &TokenDigest) -> bool {
        self.sessions.holds(digest)
    }

    /// Read before a token is exchanged; see [`Self::insert`].
    pub(super) fn epoch(&self) -> u64 {
        self.sessions.epoch()
    }

    /// Remembers a session that was begun in this epoch, unless all were forgotten meanwhile.
    pub(super) fn insert(&self, digest: TokenDigest, session: Arc<Session>, epoch: u64) {
        self.sessions.insert(digest, session, epoch);
    }

    /// Remembers a permanent refusal, decided at the time `at`; one that no issuer's rules decided
    /// stands by itself.
    pub(super) fn refuse(
        &self,
        digest: TokenDigest,
        rejection: Rejection,
        refusal: Option<&Refusal>,
        (at, version): (UnixTime, ConfigVersion),
    ) {
        self.refused
            .remember(digest, rejection, refusal, (at, version));
    }

    /// Remembers for a few seconds a refusal by what is known of a user, which may change.
    pub(super) fn refuse_briefly(
        &self,
        digest: TokenDigest,
        rejection: Rejection,
        decided: (UnixTime, ConfigVersion),
    ) {
        self.refused.remember_briefly(digest, rejection, decided);
    }

    /// Removes all sessions, including those that are being created.
    pub(super) fn forget_sessions(&self) {
        self.sessions.forget_all();
    }

    /// Removes all refusals.
    pub(super) fn forget_refusals(&self) {
        self.refused.forget_all();
    }

    /// Counts a lookup; hits count themselves.
    pub(super) fn count(&self, lookup: Lookup) {
        let label = match lookup {
            Lookup::Refused => "refused",
            Lookup::Miss => "miss",
            Lookup::Joined => "joined",
        };
        self.metrics.token_cache.with_label_values(&[label]).inc();
    }

    /// Measures how many sessions are remembered.
    pub(super) fn measure(&self) {
        let count = i64::try_from(self.sessions.count()).unwrap_or(i64::MAX);
        self.metrics.token_cache_entries.set(count);
    }
}
