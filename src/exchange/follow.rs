//! The store's feed of changes, followed: what other gateways ended ends here, too.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, sleep};
use tracing::{info, warn};

use super::Exchange;
use crate::store::{ChangeKind, StoreError};

impl Exchange {
    /// Follows the store's changes until `stopped`: applies them within half a second, sooner
    /// when the store itself has word of one.
    pub async fn follow(self: Arc<Self>, mut stopped: watch::Receiver<bool>) {
        let stop = stopped.wait_for(|stop| *stop);
        tokio::pin!(stop);
        let mut hint = self.store.latest_change();
        let mut seen = self.changes_from;
        let mut failing = false;
        let mut current_at = Instant::now();
        loop {
            match self.catch_up(&mut seen).await {
                Ok(()) => {
                    current_at = Instant::now();
                    if std::mem::take(&mut failing) {
                        info!("the store's changes are followed again");
                    }
                }
                Err(error) => {
                    self.metrics.store_errors.inc();
                    if !std::mem::replace(&mut failing, true) {
                        warn!(%error, "the store's changes can not be followed");
                    }
                }
            }
            let lag = current_at.elapsed().as_secs();
            let lag = i64::try_from(lag).unwrap_or(i64::MAX);
            self.metrics.store_feed_lag.set(lag);
            tokio::select! {
                _ = &mut stop => return,
                // A store that is closed has no more hints; the pause still applies.
                Ok(()) = hint.changed(), if !failing => {}
                () = sleep(POLL_INTERVAL) => {}
            }
        }
    }

    /// Told each time that a setting of the store has another value, at this gateway or another.
    pub fn setting_changes(&self) -> watch::Receiver<u64> {
        self.setting_changes.subscribe()
    }

    async fn catch_up(&self, seen: &mut u64) -> Result<(), StoreError> {
        loop {
            let news = self.store.changes_since(*seen, BATCH).await?;
            if news.lost {
                warn!("changes of the store were missed; all sessions are looked up anew");
                self.look_anew().await?;
                self.tend_keys().await;
                self.setting_changes.send_modify(|count| *count += 1);
                *seen = news.latest;
                continue;
            }
            let Some(last) = news.changes.last() else {
                return Ok(());
            };
            if news
                .changes
                .iter()
                .any(|change| change.kind == ChangeKind::SigningKeysChanged)
            {
                self.tend_keys().await;
            }
            for change in &news.changes {
                self.apply(change);
                if matches!(change.kind, ChangeKind::SettingChanged(_)) {
                    self.setting_changes.send_modify(|count| *count += 1);
                }
            }
            *seen = last.sequence;
        }
    }
}

/// Between looks when nothing was heard: half of the second within which ends are to be known.
const POLL_INTERVAL: Duration = Duration::from_millis(500);
/// Changes asked for at once.
const BATCH: usize = 500;
