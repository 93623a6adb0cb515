//! Issuers that an operator turned off at this gateway and that the store does not have as off yet.
//!
//! Turning off takes effect before it is written down. Until it is written, what the store says of such an
//! issuer is older than the operator's word, and does not turn it on again.

use std::collections::BTreeSet;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;
use tracing::info;

use crate::jwt::Issuers;

/// Their names.
#[derive(Default)]
pub(super) struct OffHere {
    names: Mutex<BTreeSet<String>>,
    /// Told when one could not be written down.
    failed: Notify,
}

impl OffHere {
    /// One more, which is put in force by the next call of [`Self::put_in_force`].
    pub(super) fn add(&self, name: &str) {
        self.lock().insert(name.to_owned());
    }

    /// The store has it, or another word of an operator is newer.
    pub(super) fn forget(&self, name: &str) {
        self.lock().remove(name);
    }

    /// Whether an issuer is one of them.
    pub(super) fn has(&self, name: &str) -> bool {
        self.lock().contains(name)
    }

    /// All of them.
    pub(super) fn names(&self) -> Vec<String> {
        self.lock().iter().cloned().collect()
    }

    /// Turns them off, where they are on.
    pub(super) fn put_in_force(&self, issuers: &Issuers) {
        for name in &*self.lock() {
            let issuer = issuers.by_name(name);
            if let Some(issuer) = issuer.filter(|issuer| issuer.enabled()) {
                info!(issuer = name, enabled = false, "issuer switched");
                issuer.set_enabled(false);
            }
        }
    }

    /// Nobody adds one, or takes one out, before the guard is dropped.
    pub(super) fn lock(&self) -> MutexGuard<'_, BTreeSet<String>> {
        self.names.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// One of them could not be written down.
    pub(super) fn fails(&self) {
        self.failed.notify_one();
    }

    /// Waits until one of them could not be written down.
    pub(super) async fn failed(&self) {
        self.failed.notified().await;
    }
}
