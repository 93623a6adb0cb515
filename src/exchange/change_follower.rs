//! The store's feed of changes, followed: what other gateways ended ends here, too.

use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwapOption;
use tokio::sync::watch;
use tokio::time::{sleep, timeout};
use tracing::{info, warn};

use super::freshness::Freshness;
use super::key_rotation::KeyRotation;
use super::session_directory::SessionDirectory;
use crate::clock::moment::Moment;
use crate::metrics::Metrics;
use crate::store::{ChangeKind, Position, StoreError};

/// Follows the store's feed. One per process.
pub struct ChangeFollower {
    sessions: Arc<SessionDirectory>,
    signing_keys: Arc<KeyRotation>,
    /// The store's changes up to this one happened before anything was held in memory.
    from: Position,
    freshness: Freshness,
    setting_changes: watch::Sender<u64>,
    /// How long sessions are trusted while the store cannot be followed, by the latest configuration.
    max_staleness: ArcSwapOption<Duration>,
    metrics: Arc<Metrics>,
}

impl ChangeFollower {
    pub(super) fn new(
        sessions: Arc<SessionDirectory>,
        signing_keys: Arc<KeyRotation>,
        max_staleness: Option<Duration>,
        metrics: Arc<Metrics>,
    ) -> Self {
        Self {
            from: (*sessions.store().latest_change().borrow()).into(),
            sessions,
            signing_keys,
            freshness: Freshness::new(),
            setting_changes: watch::Sender::new(0),
            max_staleness: ArcSwapOption::from_pointee(max_staleness),
            metrics,
        }
    }

    /// Follows the store's changes until `stopped`: applies them within half a second, sooner
    /// when the store itself has word of one.
    pub async fn follow(self: Arc<Self>, mut stopped: watch::Receiver<bool>) {
        let stop = stopped.wait_for(|stop| *stop);
        tokio::pin!(stop);
        let mut hint = self.sessions.store().latest_change();
        let mut seen = self.from;
        let mut failing = false;
        let mut current_at = Moment::now();
        self.freshness.renew(current_at, self.max_staleness());
        loop {
            // What ends while the store is asked may not be in its answer.
            let asked_at = Moment::now();
            match self.catch_up_in_time(&mut seen).await {
                Ok(()) => {
                    current_at = asked_at;
                    self.freshness.renew(asked_at, self.max_staleness());
                    if std::mem::take(&mut failing) {
                        info!("the store's changes are received again");
                    }
                }
                Err(error) => {
                    if !std::mem::replace(&mut failing, true) {
                        say_that_none_come(&error);
                    }
                }
            }
            let lag = current_at.elapsed();
            let seconds = i64::try_from(lag.as_secs()).unwrap_or(i64::MAX);
            self.metrics.store_feed_lag.set(seconds);
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
        self.setting_changes.subscribe()
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

    fn max_staleness(&self) -> Option<Duration> {
        self.max_staleness.load().as_deref().copied()
    }

    /// Takes over the bound of the configuration that comes into force.
    pub(super) fn set_max_staleness(&self, most: Option<Duration>) {
        self.max_staleness.store(most.map(Arc::new));
    }

    /// Believes what is held for so long from now on, as after word from the store.
    #[cfg(test)]
    pub(super) fn trust_for(&self, most: Duration) {
        self.freshness.renew(Moment::now(), Some(most));
    }

    /// Ends what is held when nothing was heard of the store for too long.
    pub(super) fn check_freshness(&self) {
        if self.freshness.is_over() {
            self.start_over();
        }
    }

    fn start_over(&self) {
        let now = Moment::now();
        self.invalidate_all();
        self.freshness.start_over(now);
    }

    /// Ends every session here, and here alone: the next request of each asks the store again.
    pub(super) fn invalidate_all(&self) {
        let sessions = self.sessions.end_all_here();
        if sessions > 0 {
            warn!(
                sessions,
                "revocations by other gateways were not received for session.revocation_max_staleness; sessions are looked up again"
            );
        }
    }

    pub(super) async fn catch_up(&self, seen: &mut Position) -> Result<(), StoreError> {
        loop {
            let batch = self.sessions.store().changes_since(*seen, BATCH).await?;
            if batch.set_back || batch.lost {
                if batch.set_back {
                    // Numbers mean something else now: none of what is held can be compared with
                    // an end, so that each session has to be asked for.
                    let sessions = self.sessions.end_all_here();
                    warn!(
                        sessions,
                        "the store was set back, to a copy or another server; all sessions are \
                         looked up again"
                    );
                } else {
                    warn!("changes of the store were missed; all sessions are looked up again");
                    self.sessions.look_up_again().await?;
                }
                self.setting_changes.send_modify(|count| *count += 1);
                self.signing_keys.maintain().await;
                *seen = batch.latest;
                continue;
            }
            let Some(last) = batch.changes.last() else {
                // A number alone says nothing about a store that was set back and has counted further since.
                if seen.mark.is_none() && seen.sequence == batch.latest.sequence {
                    *seen = batch.latest;
                }
                return Ok(());
            };
            let mut keys_changed = false;
            for change in &batch.changes {
                self.sessions.apply(change);
                match change.kind {
                    ChangeKind::SettingChanged(_) => {
                        self.setting_changes.send_modify(|count| *count += 1);
                    }
                    ChangeKind::SigningKeysChanged => keys_changed = true,
                    _ => {}
                }
            }
            // No end waits for the keys, which the store is asked for.
            if keys_changed {
                self.signing_keys.maintain().await;
            }
            *seen = last.into();
        }
    }
}

/// A store that was handed over is where it should be: its changes reach the process that has it.
fn say_that_none_come(error: &StoreError) {
    match error {
        StoreError::Released => info!(%error, "the store's changes are no longer received here"),
        error => warn!(%error, "the store's changes cannot be received"),
    }
}

/// Between looks when nothing was heard: half of the second within which ends are to be known.
const POLL_INTERVAL: Duration = Duration::from_millis(500);
const SHORTEST_PAUSE: Duration = Duration::from_millis(10);
/// Changes asked for at once.
const BATCH: usize = 500;

#[cfg(test)]
mod tests {
    use std::pin::pin;

    use futures::future::select;
    use uuid::Uuid;

    use super::*;
    use crate::exchange::fixture::{PATIENCE, TestExchange};
    use crate::store::{RevocationReason, When};

    /// Until the first change that it reads, a gateway knows only the number at which it started.
    #[tokio::test]
    async fn the_mark_of_the_change_to_start_from_is_learned() {
        let gateway = TestExchange::new();
        let sessions = gateway.here.sessions();
        let ended = sessions.end_session(Uuid::now_v7(), RevocationReason::Logout);
        assert_eq!(ended.await.unwrap(), None);
        let latest = *gateway.store.latest_change().borrow();

        let follower = gateway.there.changes();
        let mut seen = Position::from(latest);
        follower.catch_up(&mut seen).await.unwrap();
        assert_eq!((seen.sequence, seen.mark.is_some()), (latest, true));
        // The same as for whoever read it.
        let mut read = Position::from(latest - 1);
        follower.catch_up(&mut read).await.unwrap();
        assert_eq!(read, seen);
        follower.catch_up(&mut seen).await.unwrap();
        assert_eq!(read, seen);
    }

    /// The store, which is asked for the keys, may take its time.
    #[tokio::test]
    async fn no_end_waits_for_the_signing_keys() {
        let gateway = TestExchange::new();
        let token = gateway.token("alice", "1");
        let there = gateway.present_at(&gateway.there, &token).await.unwrap();
        let here = &gateway.here;
        here.signing_keys().maintain().await;
        let ended = here
            .sessions()
            .end_session(there.sid(), RevocationReason::Logout);
        assert!(ended.await.unwrap().is_some());

        let mut asked = gateway.gates.hold("signing_keys", When::Before);
        let mut seen = 0.into();
        let mut following = pin!(gateway.there.changes().catch_up(&mut seen));
        {
            let reached = pin!(asked.reached());
            let first = timeout(PATIENCE, select(&mut following, reached));
            first.await.expect("the store was not asked for the keys");
        }
        assert!(!there.handle().is_valid());
        asked.open();
        following.await.unwrap();
    }
}
