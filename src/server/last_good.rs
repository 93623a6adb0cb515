//! Issuers' last valid key sets, kept in the store so that the gateway can start without the
//! issuer.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use tokio::runtime::Handle;
use tracing::warn;

use crate::clock::UnixTime;
use crate::jwks::{LastGood, StoredKeySet};
use crate::store::Store;

/// Keeps key sets among the store's settings.
pub(super) struct StoredKeySets {
    store: Arc<dyn Store>,
    runtime: Handle,
}

#[derive(Serialize, Deserialize)]
struct Kept {
    source: String,
    fetched_at: UnixTime,
    body: String,
}

impl StoredKeySets {
    /// Over `store`, whose operations run on `runtime` while a blocking thread waits.
    pub(super) fn new(store: Arc<dyn Store>, runtime: Handle) -> Self {
        Self { store, runtime }
    }
}

impl LastGood for StoredKeySets {
    fn load(&self, issuer_name: &str, source: &str) -> Option<StoredKeySet> {
        let kept = self
            .runtime
            .block_on(self.store.setting(&setting(issuer_name)));
        let text = kept
            .inspect_err(|error| warn!(%error, "stored keys of issuers cannot be read"))
            .ok()??;
        let kept: Kept = serde_json::from_str(&text).ok()?;
        // Keys of the address that was configured before say nothing about this one's.
        (kept.source == source).then(|| StoredKeySet {
            body: kept.body.into_bytes(),
            fetched_at: kept.fetched_at,
        })
    }

    fn save(&self, issuer_name: &str, source: &str, kept: &StoredKeySet) {
        // A key set is JSON and therefore UTF-8; one that is not UTF-8 was never valid.
        let Ok(body) = String::from_utf8(kept.body.clone()) else {
            return;
        };
        let kept = Kept {
            source: source.to_owned(),
            fetched_at: kept.fetched_at,
            body,
        };
        let Ok(text) = serde_json::to_string(&kept) else {
            return;
        };
        let saved = self
            .runtime
            .block_on(self.store.put_setting(&setting(issuer_name), &text));
        if let Err(error) = saved {
            warn!(%error, issuer = issuer_name, "an issuer's keys could not be stored");
        }
    }
}

fn setting(issuer_name: &str) -> String {
    format!("jwks:{issuer_name}")
}
