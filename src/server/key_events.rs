//! What happens to key sets: counted, and acted on where an issuer is configured so.

use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use tokio::runtime::Handle;
use tracing::info;

use crate::jwks::{JwksEvents, KeySet, KeyValidity, UnknownKidAction};
use crate::metrics::Metrics;
use crate::proxy::Snapshot;

/// Counts by issuer, and ends sessions under keys that were taken back.
pub(super) struct KeyEvents {
    metrics: Arc<Metrics>,
    snapshot: Arc<ArcSwap<Snapshot>>,
    runtime: Handle,
}

impl KeyEvents {
    /// `runtime` is where sessions are ended, since events must not wait.
    pub(super) fn new(
        metrics: Arc<Metrics>,
        snapshot: Arc<ArcSwap<Snapshot>>,
        runtime: Handle,
    ) -> Self {
        Self {
            metrics,
            snapshot,
            runtime,
        }
    }
}

impl JwksEvents for KeyEvents {
    fn fetched(&self, issuer: &str, outcome: &'static str, _took: Duration) {
        self.metrics
            .jwks_fetches
            .with_label_values(&[issuer, outcome])
            .inc();
    }

    fn published(&self, issuer: &str, keys: &KeySet) {
        for (reason, count) in keys.skipped() {
            let skipped = self
                .metrics
                .jwks_skipped
                .with_label_values(&[issuer, reason.code()]);
            skipped.inc_by(u64::from(*count));
        }
    }

    fn key_removed(
        &self,
        issuer: &str,
        kid: Option<&str>,
        key_validity: &KeyValidity,
        revoke_sessions: bool,
    ) {
        info!(issuer, kid, "the issuer removed a key");
        if revoke_sessions {
            let exchange = Arc::clone(&self.snapshot.load().exchange);
            let issuer = exchange.issuers().by_name(issuer).cloned();
            let key = key_validity.key().to_owned();
            self.runtime.spawn(async move {
                if let Some(issuer) = issuer {
                    exchange.sessions().end_sessions_under(&issuer, &key).await;
                }
            });
        }
    }

    fn unknown_kid(&self, issuer: &str, action: UnknownKidAction) {
        self.metrics
            .jwks_unknown_kid
            .with_label_values(&[issuer, action.code()])
            .inc();
    }
}
