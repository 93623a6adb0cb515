//! What of an issuer's keys outlives the process.

use std::sync::Arc;

use super::{Stale, Task};
use crate::clock::UnixTime;

impl Task {
    /// Takes up what was kept before a restart. If that is too old, it only shows what the issuer has taken back
    /// since.
    pub(super) async fn restore(&mut self) {
        let Some(last_good) = self.last_good.clone() else {
            return;
        };
        let keys = Arc::clone(&self.keys);
        let load = move || last_good.load(keys.issuer_name(), keys.source());
        let Ok(Some(kept)) = tokio::task::spawn_blocking(load).await else {
            return;
        };
        let age = kept.fetched_at.until(UnixTime::now());
        let Ok(set) = self.parse(&kept.body) else {
            return;
        };
        let Some(left) = self.keys.settings().max_stale.checked_sub(age) else {
            self.keys.recall_former(set);
            return;
        };
        tracing::info!(
            issuer = self.keys.issuer_name(),
            keys = set.len(),
            age_seconds = age.as_secs(),
            "stored keys are used until the first fetch"
        );
        self.stale = Some(Stale::after(left));
        self.keys.fetch_state().fetched_at = Some(kept.fetched_at);
        self.keys.recall(set, &kept.body, left);
    }

    /// Keeps what the latest good fetch brought.
    pub(super) fn keep(&self, fetched_at: UnixTime) {
        let (Some(last_good), Some(body)) = (self.last_good.clone(), self.body.clone()) else {
            return;
        };
        let keys = Arc::clone(&self.keys);
        tokio::task::spawn_blocking(move || {
            let kept = keys.worth_keeping(body, fetched_at);
            last_good.save(keys.issuer_name(), keys.source(), &kept);
        });
    }

    /// Keeps the set again, with a key that has come into force since.
    pub(super) fn keep_proven(&self) {
        let fetched_at = self.keys.fetch_state().fetched_at;
        if let Some(fetched_at) = fetched_at {
            self.keep(fetched_at);
        }
    }
}
