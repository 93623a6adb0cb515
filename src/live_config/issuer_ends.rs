//! Sessions end with their issuers: when one is switched off, or taken out of the configuration.
//!
//! Each gateway refuses the sessions of an issuer that it does not have in force. So that they stay
//! over, and end at all gateways, the end is written down as well, by whichever gateway notices
//! first. The store remembers which issuers were in force, so that one that is taken out while no
//! gateway runs is noticed at the next start.

use std::collections::BTreeSet;
use std::sync::atomic::Ordering;

use tracing::{info, warn};

use super::LiveConfig;
use crate::store::{RevocationScope, StoreError};

impl LiveConfig {
    /// Ends the sessions of issuers that were in force and are no longer. What fails is tried again
    /// by [`Self::end_what_is_left`].
    ///
    /// # Errors
    ///
    /// The store did not answer.
    pub(super) async fn end_with_issuers(&self) -> Result<(), StoreError> {
        let ended = self.try_end_with_issuers().await;
        self.ends_are_left.store(ended.is_err(), Ordering::Release);
        ended
    }

    /// The same, where it failed before.
    pub(super) async fn end_what_is_left(&self) {
        if !self.ends_are_left.load(Ordering::Acquire) {
            return;
        }
        if let Err(error) = self.end_with_issuers().await {
            warn!(%error, "the end of sessions with their issuer is not written down yet");
        }
    }

    async fn try_end_with_issuers(&self) -> Result<(), StoreError> {
        let (store, exchange) = (&self.parts.store, self.parts.exchange());
        // One look at a time, so that none undoes what another noticed.
        let mut before_here = self.issuers_before.lock().await;
        let in_force = exchange.issuers().iter().filter(|issuer| issuer.enabled());
        let in_force: BTreeSet<String> = in_force
            .flat_map(|issuer| issuer.settings().accepted_iss())
            .map(|accepted| accepted.iss)
            .collect();
        let stored = store.setting(IN_FORCE).await?;
        let before = stored.as_deref().map(serde_json::from_str);
        let before: BTreeSet<String> = before
            .transpose()
            .map_err(|_| StoreError::Corrupt("settings"))?
            .unwrap_or_default();
        if !self.view().config.sessions_outlive_issuer {
            for iss in before
                .union(&before_here)
                .filter(|iss| !in_force.contains(*iss))
            {
                info!(iss, "the issuer is no longer in force; its sessions end");
                exchange
                    .sessions()
                    .end_sessions(RevocationScope::IssuerDisabled(iss.clone()))
                    .await?;
            }
        }
        if before != in_force {
            let text = serde_json::to_string(&in_force);
            let text = text.map_err(|_| StoreError::Corrupt("settings"))?;
            store.put_setting(IN_FORCE, &text).await?;
        }
        *before_here = in_force;
        Ok(())
    }
}

/// The setting that says which issuers, by `iss`, were in force at the latest look.
const IN_FORCE: &str = "in_force_issuers";
