//! Which gateway orders: the one that holds the lease.
//!
//! Whoever holds it writes the setting again and again. A setting that has not changed for a while is
//! that of a gateway which is gone, and another one takes it over; so no two clocks are compared.

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use tokio::time::{Instant, sleep};
use uuid::Uuid;

use crate::clock::UnixTime;
use crate::store::{Store, StoreError};

/// The right to order one certificate.
pub(super) struct Lease {
    store: Arc<dyn Store>,
    setting: String,
    /// A name of this gateway among all.
    holder: Uuid,
    /// What was written last.
    held: Option<String>,
    /// What another gateway wrote, and since when it has been like that.
    observed: Option<(String, Instant)>,
}

impl Lease {
    pub(super) fn new(store: Arc<dyn Store>, id: &str) -> Self {
        Self {
            store,
            setting: format!("acme.lease:{id}"),
            holder: Uuid::new_v4(),
            held: None,
            observed: None,
        }
    }

    /// Takes the lease unless another gateway holds it; whether it is held now.
    pub(super) async fn take(&mut self) -> Result<bool, StoreError> {
        let found = self.store.setting(&self.setting).await?;
        let is_own = |text: &str| Some(text) == self.held.as_deref();
        if let Some(text) = found.as_deref().filter(|text| !is_own(text)) {
            match &self.observed {
                Some((observed, since)) if observed == text => {
                    if since.elapsed() < LEASE {
                        return Ok(false);
                    }
                }
                _ => {
                    self.observed = Some((text.to_owned(), Instant::now()));
                    return Ok(false);
                }
            }
        }
        self.observed = None;
        self.write(found).await
    }

    /// Keeps the lease; returns when it is lost.
    pub(super) async fn keep(&mut self) {
        loop {
            sleep(LEASE / 3).await;
            let seen = self.held.clone();
            if !self.write(seen).await.unwrap_or(false) {
                return;
            }
        }
    }

    /// Gives it back, if it is held.
    pub(super) async fn release(&mut self) {
        let Some(held) = self.held.take() else {
            return;
        };
        // A store that is away leaves it to be taken over.
        let release = self
            .store
            .replace_setting(&self.setting, Some(&held), None, UnixTime::now());
        let _ = release.await;
    }

    async fn write(&mut self, seen: Option<String>) -> Result<bool, StoreError> {
        let text = json!({ "holder": self.holder, "write": Uuid::new_v4() }).to_string();
        let now = UnixTime::now();
        let (setting, seen) = (&self.setting, seen.as_deref());
        match self
            .store
            .replace_setting(setting, seen, Some(&text), now)
            .await
        {
            Ok(()) => {
                self.held = Some(text);
                Ok(true)
            }
            Err(StoreError::Conflict(_)) => {
                self.held = None;
                Ok(false)
            }
            Err(error) => Err(error),
        }
    }
}

/// How long a lease that nobody writes is left to its holder.
const LEASE: Duration = Duration::from_secs(30);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::TestStore;

    #[tokio::test]
    async fn one_holds_it_until_it_gives_it_back_or_is_silent() {
        let test_store = TestStore::new();
        let store = test_store.store();
        let lease = || Lease::new(Arc::clone(&store), "id");
        let (mut one, mut two) = (lease(), lease());
        assert!(one.take().await.unwrap());
        assert!(!two.take().await.unwrap());
        assert!(!two.take().await.unwrap());
        one.release().await;
        assert!(two.take().await.unwrap());
        assert!(!one.take().await.unwrap());

        let silent_for = |lease: &mut Lease, time| {
            let (_, since) = lease.observed.as_mut().unwrap();
            *since = since.checked_sub(time).unwrap();
        };
        silent_for(&mut one, LEASE / 2);
        assert!(!one.take().await.unwrap());
        silent_for(&mut one, LEASE / 2);
        assert!(one.take().await.unwrap());
        let seen = two.held.clone();
        assert!(!two.write(seen).await.unwrap(), "it was taken over");
        two.release().await;
        assert!(one.take().await.unwrap(), "still held by the other");
        store.close().await;
    }
}
