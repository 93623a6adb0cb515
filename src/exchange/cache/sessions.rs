//! Sessions by the digest of the token that they were opened or continued with.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use prometheus::IntCounter;
use quick_cache::sync::{Cache, DefaultLifecycle};
use quick_cache::{DefaultHashBuilder, Lifecycle, Weighter};

use crate::clock::UnixTime;
use crate::exchange::digest::TokenDigest;
use crate::exchange::session::Session;
use crate::exchange::version::ConfigVersion;
use crate::metrics::Metrics;

/// Sessions by token digest: bounded, sharded, read without a lock shared by all requests.
pub(super) struct SessionCache {
    sessions: Cache<TokenDigest, Arc<Session>, Memory, DefaultHashBuilder, Evictions>,
    epoch: AtomicU64,
    hits: IntCounter,
}

impl SessionCache {
    /// Room for `capacity` sessions that take about `bytes` of memory at most.
    pub(super) fn new(capacity: usize, bytes: u64, metrics: &Metrics) -> Self {
        let hits = metrics.token_cache.with_label_values(&["hit"]);
        let evictions = Evictions {
            count: metrics.token_cache_evictions.clone(),
            dropped: DefaultLifecycle::default(),
        };
        Self {
            sessions: Cache::with(
                capacity,
                bytes,
                Memory {
                    least: bytes / (capacity as u64).max(1),
                },
                DefaultHashBuilder::default(),
                evictions,
            ),
            epoch: AtomicU64::new(0),
            hits,
        }
    }

    /// The session, if what it was granted on still holds under this configuration.
    pub(super) fn get(
        &self,
        digest: &TokenDigest,
        now: UnixTime,
        version: ConfigVersion,
    ) -> Option<Arc<Session>> {
        let session = self.sessions.get(digest)?;
        if session.is_valid(now, version) {
            self.hits.inc();
            return Some(session);
        }
        self.sessions.remove(digest);
        None
    }

    /// Whether there is one, whatever has become of it.
    pub(super) fn holds(&self, digest: &TokenDigest) -> bool {
        self.sessions.peek(digest).is_some()
    }

    /// Grows each time that all are forgotten.
    pub(super) fn epoch(&self) -> u64 {
        self.epoch.load(Ordering::Acquire)
    }

    /// Remembers a session that was begun in this epoch.
    pub(super) fn insert(&self, digest: TokenDigest, session: Arc<Session>, epoch: u64) {
        self.sessions.insert(digest, session);
        // Checked after the insertion, so that a concurrent removal that missed the entry is
        // noticed.
        if self.epoch() != epoch {
            self.sessions.remove(&digest);
        }
    }

    /// Removes all entries, including those that are being created.
    pub(super) fn forget_all(&self) {
        self.epoch.fetch_add(1, Ordering::AcqRel);
        self.sessions.clear();
    }

    /// How many are remembered.
    pub(super) fn count(&self) -> usize {
        self.sessions.len()
    }
}

/// Weighs sessions by their memory when they are inserted, and small ones as a share of the whole, so
/// that neither their number nor that memory exceeds its bound. What a session keeps later is not weighed:
/// its cookie, and a token for each audience of a route that it is used on.
#[derive(Clone)]
struct Memory {
    least: u64,
}

impl Weighter<TokenDigest, Arc<Session>> for Memory {
    fn weight(&self, _: &TokenDigest, session: &Arc<Session>) -> u64 {
        (session.memory() as u64).max(self.least).max(1)
    }
}

/// Counts evicted entries and drops them, as the cache would by default.
#[derive(Clone)]
struct Evictions {
    count: IntCounter,
    dropped: DefaultLifecycle<TokenDigest, Arc<Session>>,
}

impl Lifecycle<TokenDigest, Arc<Session>> for Evictions {
    type RequestState = <DefaultLifecycle<TokenDigest, Arc<Session>> as Lifecycle<
        TokenDigest,
        Arc<Session>,
    >>::RequestState;

    fn on_evict(&self, state: &mut Self::RequestState, digest: TokenDigest, session: Arc<Session>) {
        self.count.inc();
        self.dropped.on_evict(state, digest, session);
    }
}
