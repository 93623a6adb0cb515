//! Switches of issuers that operators turned, kept in the store for all gateways.
//!
//! The file says how an issuer starts; a switch that says otherwise is a setting. One that is
//! turned back to what the file says is no setting any more, so that the file decides again.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tracing::{info, warn};

use crate::clock::UnixTime;
use crate::exchange::Exchange;
use crate::jwt::Issuer;
use crate::store::{Store, StoreError};

/// The switches of one gateway.
#[derive(Clone)]
pub struct Switches {
    store: Arc<dyn Store>,
    exchange: Arc<Exchange>,
}

impl Switches {
    /// Those of this exchange's issuers.
    pub fn new(store: Arc<dyn Store>, exchange: Arc<Exchange>) -> Self {
        Self { store, exchange }
    }

    /// Turns an issuer on or off, for the next request and for later starts.
    ///
    /// # Errors
    ///
    /// The store did not keep it. An issuer that was to be off is off here nevertheless.
    pub async fn turn(&self, issuer: &Issuer, enabled: bool) -> Result<(), StoreError> {
        if !enabled && issuer.enabled() {
            issuer.set_enabled(false);
        }
        let name = format!("{PREFIX}{}", issuer.name());
        let value = (enabled != issuer.settings().enabled).then(|| enabled.to_string());
        loop {
            let seen = self.store.setting(&name).await?;
            if seen == value {
                break;
            }
            let now = UnixTime::now();
            let replaced = self
                .store
                .replace_setting(&name, seen.as_deref(), value.as_deref(), now)
                .await;
            match replaced {
                Ok(()) => break,
                // Another operator was faster; the last one to write wins.
                Err(StoreError::Conflict(_)) => {}
                Err(error) => return Err(error),
            }
        }
        self.apply().await
    }

    /// Brings this gateway's issuers to what the store says.
    ///
    /// # Errors
    ///
    /// The store does not answer; nothing changed.
    pub async fn apply(&self) -> Result<(), StoreError> {
        let turned = self.store.settings(PREFIX).await?;
        for issuer in self.exchange.issuers().iter() {
            let setting = turned
                .iter()
                .find(|(name, _)| name.strip_prefix(PREFIX) == Some(issuer.name().as_ref()));
            let enabled = setting.map_or(issuer.settings().enabled, |(_, value)| value == "true");
            if issuer.enabled() != enabled {
                info!(issuer = %issuer.name(), enabled, "issuer switched");
                issuer.set_enabled(enabled);
            }
        }
        Ok(())
    }

    /// Follows what other gateways' operators turn, until `stopped`.
    pub async fn follow(self, mut stopped: watch::Receiver<bool>) {
        let mut latest = self.store.latest_change();
        let stop = stopped.wait_for(|stop| *stop);
        tokio::pin!(stop);
        loop {
            if let Err(error) = self.apply().await {
                warn!(%error, "switches of issuers");
            }
            tokio::select! {
                _ = &mut stop => return,
                // A change that another gateway wrote may not be announced here.
                _ = tokio::time::sleep(POLL_INTERVAL) => {}
                Ok(()) = latest.changed() => {}
            }
        }
    }
}

/// What the settings' names start with.
const PREFIX: &str = "issuer.enabled/";
const POLL_INTERVAL: Duration = Duration::from_secs(1);
