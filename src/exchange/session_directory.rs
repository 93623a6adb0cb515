//! The sessions of this gateway: their records in the store, and the handles by which they end here.
//!
//! Whatever asks the store about a session registers its handle before, and whatever ends a session
//! writes to the store before it ends the handle. So no answer outlives an end.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

mod activity;
mod alias;
mod cookie;
mod end_of_session;
mod lookup;
mod revocation;
mod sign_in;

pub use lookup::Account;

use super::session_handle::SessionRegistry;
use crate::clock::UnixTime;
use crate::clock::certain::CertainTime;
use crate::metrics::Metrics;
use crate::store::Store;

/// Finds, opens and ends sessions. One per process, shared by the exchanges of all configurations.
pub struct SessionDirectory {
    store: Arc<dyn Store>,
    registry: SessionRegistry,
    certain: CertainTime,
    metrics: Arc<Metrics>,
}

impl fmt::Debug for SessionDirectory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SessionDirectory").finish_non_exhaustive()
    }
}

impl SessionDirectory {
    /// For sessions that expire after `idle_timeout` without a request; `None` for no limit.
    pub(super) fn new(
        store: Arc<dyn Store>,
        idle_timeout: Option<Duration>,
        metrics: Arc<Metrics>,
    ) -> Self {
        Self {
            store,
            registry: SessionRegistry::new(idle_timeout),
            certain: CertainTime::default(),
            metrics,
        }
    }

    /// Where the records are.
    pub(super) fn store(&self) -> &Arc<dyn Store> {
        &self.store
    }

    /// It is at least `time` now, whatever this machine's clock says later: what is over by that clock alone is
    /// refused, but does not end for good.
    pub fn trust(&self, time: UnixTime) {
        self.certain.trust(time);
    }

    /// Whether `now` is so far ahead of what is certain that it may have decided otherwise than the true time.
    pub(super) fn doubts(&self, now: UnixTime) -> bool {
        self.certain.doubt(now) > SMALL_DOUBT
    }

    /// Forgets the handles that nothing holds.
    pub(super) fn sweep(&self) {
        self.registry.sweep();
    }

    /// Measures how many sessions are known here, and of how many users.
    pub(super) fn measure(&self) {
        let as_gauge = |count| i64::try_from(count).unwrap_or(i64::MAX);
        let metrics = &self.metrics;
        metrics.sessions_live.set(as_gauge(self.registry.count()));
        metrics.users_live.set(as_gauge(self.registry.users()));
    }
}

/// Within this a clock is taken for right: seconds are whole, and answers take their time.
const SMALL_DOUBT: Duration = Duration::from_secs(10);
/// How often the store is asked again because sessions were being ended meanwhile.
const ATTEMPTS: usize = 8;
