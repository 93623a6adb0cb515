//! The store's feed of changes, followed: what other gateways ended ends here, too.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, sleep, timeout};
use tracing::{info, warn};

use super::Exchange;
use crate::store::{ChangeKind, Position, StoreError};

impl Exchange {
    /// Follows the store's changes until `stopped`: applies them within half a second, sooner
    /// when the store itself has word of one.
    pub async fn follow(self: Arc<Self>, mut stopped: watch::Receiver<bool>) {
        let stop = stopped.wait_for(|stop| *stop);
        tokio::pin!(stop);
        let mut hint = self.shared.store.latest_change();
        let mut seen = self.shared.changes_from;
        let mut failing = false;
        let mut current_at = Instant::now();
        self.shared
            .freshness
            .renew(current_at, self.max_staleness());
        loop {
            // What ends while the store is asked may not be in its answer.
            let asked_at = Instant::now();
            match self.catch_up_in_time(&mut seen).await {
                Ok(()) => {
                    current_at = asked_at;
                    self.shared.freshness.renew(asked_at, self.max_staleness());
                    if std::mem::take(&mut failing) {
                        info!("the store's changes are received again");
                    }
                }
                Err(error) => {
                    if !std::mem::replace(&mut failing, true) {
                        warn!(%error, "the store's changes cannot be received");
                    }
                }
            }
            let lag = current_at.elapsed();
            let seconds = i64::try_from(lag.as_secs()).unwrap_or(i64::MAX);
            self.shared.metrics.store_feed_lag.set(seconds);
            if self.max_staleness().is_some_and(|most| lag >= most) {
                self.start_over();
            }
            tokio::select! {
                _ = &mut stop => return,
                // A store that is closed has no more hints; the pause still applies.
                Ok(()) = hint.changed(), if !failing => {}
                () = sleep(self.pause()) => {}
            }
        }
    }

    /// Until the next look: soon enough that what is held is renewed before its time is over.
    fn pause(&self) -> Duration {
        let most = self.max_staleness();
        most.map_or(POLL_INTERVAL, |most| {
            (most / 2).clamp(SHORTEST_PAUSE, POLL_INTERVAL)
        })
    }

    /// Told each time that a setting of the store has another value, at this gateway or another.
    pub fn setting_changes(&self) -> watch::Receiver<u64> {
        self.shared.setting_changes.subscribe()
    }

    /// Within the time that sessions may be trusted without it: a store that hangs is as silent as
    /// one that fails.
    async fn catch_up_in_time(&self, seen: &mut Position) -> Result<(), StoreError> {
        let Some(most) = self.max_staleness() else {
            return self.catch_up(seen).await;
        };
        let caught_up = timeout(most, self.catch_up(seen)).await;
        caught_up.unwrap_or_else(|_| Err(StoreError::Unavailable("no response in time".to_owned())))
    }

    /// By the configuration in force, whichever this exchange is of: there is one follower.
    fn max_staleness(&self) -> Option<Duration> {
        self.shared.max_staleness.load().as_deref().copied()
    }

    /// Ends what is held when nothing was heard of the store for too long.
    pub(super) fn check_freshness(&self) {
        if self.shared.freshness.is_over() {
            self.start_over();
        }
    }

    fn start_over(&self) {
        let now = Instant::now();
        self.invalidate_all();
        self.shared.freshness.start_over(now);
    }

    /// Ends every session here, and here alone: the next request of each asks the store again.
    pub(super) fn invalidate_all(&self) {
        let sessions = self.shared.registry.end_all();
        if sessions > 0 {
            warn!(
                sessions,
                "revocations by other gateways were not received for session.revocation_max_staleness; sessions are looked up again"
            );
        }
    }

    pub(super) async fn catch_up(&self, seen: &mut Position) -> Result<(), StoreError> {
        loop {
            let batch = self.shared.store.changes_since(*seen, BATCH).await?;
            if batch.set_back || batch.lost {
                if batch.set_back {
                    // Numbers mean something else now: none of what is held can be compared with
                    // an end, so that each session has to be asked for.
                    let sessions = self.shared.registry.end_all();
                    warn!(
                        sessions,
                        "the store was set back, to a copy or another server; all sessions are \
                         looked up again"
                    );
                } else {
                    warn!("changes of the store were missed; all sessions are looked up again");
                    self.look_up_again().await?;
                }
                self.maintain_keys().await;
                self.shared.setting_changes.send_modify(|count| *count += 1);
                *seen = batch.latest;
                continue;
            }
            let Some(last) = batch.changes.last() else {
                return Ok(());
            };
            if batch
                .changes
                .iter()
                .any(|change| change.kind == ChangeKind::SigningKeysChanged)
            {
                self.maintain_keys().await;
            }
            for change in &batch.changes {
                self.apply(change);
                if matches!(change.kind, ChangeKind::SettingChanged(_)) {
                    self.shared.setting_changes.send_modify(|count| *count += 1);
                }
            }
            *seen = last.into();
        }
    }
}

/// Between looks when nothing was heard: half of the second within which ends are to be known.
const POLL_INTERVAL: Duration = Duration::from_millis(500);
const SHORTEST_PAUSE: Duration = Duration::from_millis(10);
/// Changes asked for at once.
const BATCH: usize = 500;
