//! The gateway's own keys as they change.

use std::sync::Arc;

use arc_swap::ArcSwapOption;
use tracing::warn;

use super::session_directory::SessionDirectory;
use crate::clock::UnixTime;
use crate::metrics::Metrics;
use crate::session::SigningKeys;
use crate::session::keys::{KeyStatus, KeysError};
use crate::store::{KeyState, RevocationScope, SigningKeyRecord};

/// Rotates and revokes the keys that sign session tokens.
pub struct KeyRotation {
    keys: Arc<SigningKeys>,
    sessions: Arc<SessionDirectory>,
    metrics: Arc<Metrics>,
    /// Why the kept keys were of no use the last time.
    failure: ArcSwapOption<String>,
}

impl KeyRotation {
    pub(super) fn new(
        keys: Arc<SigningKeys>,
        sessions: Arc<SessionDirectory>,
        metrics: Arc<Metrics>,
    ) -> Self {
        Self {
            keys,
            sessions,
            metrics,
            failure: ArcSwapOption::empty(),
        }
    }

    /// Does what the schedule asks for and takes over what other gateways did. What fails is
    /// tried again by the next call; until then the keys stay as they are.
    pub async fn maintain(&self) {
        match self.keys.tend(&**self.sessions.store()).await {
            Ok(()) => self.note(None),
            // That says nothing about the keys, and the store is complained of already.
            Err(error @ (KeysError::Store(_) | KeysError::Contended)) => {
                warn!(%error, "the signing keys could not be rotated");
            }
            Err(error) => {
                warn!(%error, "the signing keys could not be read; those that are known stay in use");
                self.note(Some(error.to_string()));
            }
        }
    }

    /// Why this gateway cannot read the keys as they are kept, so that it goes without what other
    /// gateways did; `None` if it can.
    pub fn failure(&self) -> Option<Arc<String>> {
        self.failure.load_full()
    }

    fn note(&self, failure: Option<String>) {
        let unreadable = &self.metrics.signing_keys_unreadable;
        unreadable.set(i64::from(failure.is_some()));
        self.failure.store(failure.map(Arc::new));
    }

    /// Measures how old they are.
    pub(super) fn measure(&self) {
        let keys = &self.keys;
        let (keyring, now) = (keys.keyring(), UnixTime::now());
        let ages = &self.metrics.signing_key_age;
        ages.reset();
        for state in [KeyState::Next, KeyState::Current, KeyState::Retired] {
            // A current key that does not sign is one of a former algorithm.
            let is_meant = |key: &&KeyStatus| {
                key.state == state
                    && (state != KeyState::Current || key.kid == keyring.current().kid())
            };
            let of_state = keyring.keys().filter(is_meant);
            let began = of_state.map(|key| key.activates_at).min();
            if let Some(began) = began {
                let age = i128::from(now.0) - i128::from(began.0);
                let age = i64::try_from(age).unwrap_or(i64::MAX);
                ages.with_label_values(&[state.label()]).set(age);
            }
        }
        let rotation = keys.schedule().rotate_every.filter(|_| !keys.are_files());
        if let Some(rotation) = rotation {
            let seconds = i64::try_from(rotation.as_secs()).unwrap_or(i64::MAX);
            let gauge = &self.metrics.signing_key_rotation;
            gauge.with_label_values::<&str>(&[]).set(seconds);
        }
    }

    /// The signing keys as they are kept, the oldest first.
    ///
    /// # Errors
    ///
    /// The store did not answer, or a file of theirs cannot be read.
    pub async fn records(&self) -> Result<Vec<SigningKeyRecord>, KeysError> {
        self.keys.records(&**self.sessions.store()).await
    }

    /// Lets the next signing key sign once it has been published for long enough, or `at_once`,
    /// before verifiers that cache the key set can have it.
    ///
    /// # Errors
    ///
    /// The store did not answer, or a key cannot be used.
    pub async fn rotate(&self, at_once: bool) -> Result<(), KeysError> {
        self.keys.rotate(&**self.sessions.store(), at_once).await
    }

    /// Ends every session that may have a token signed with a leaked key, and deletes the key. If
    /// the key signs, another one takes over first.
    ///
    /// # Errors
    ///
    /// As [`Self::rotate`]; `Conflict` of the store: there is no such key.
    pub async fn revoke(&self, kid: &str) -> Result<(), KeysError> {
        let keys = &self.keys;
        if keys.are_files() {
            // Nothing is ended before it is known that the key goes.
            return Err(KeysError::InFiles);
        }
        keys.tend(&**self.sessions.store()).await?;
        // Not by its state: a current key of a former algorithm does not sign.
        let signs = keys.keyring().current().kid() == kid;
        if signs {
            keys.rotate(&**self.sessions.store(), true).await?;
        }
        self.sessions
            .end_sessions(RevocationScope::SigningKey(kid.to_owned()))
            .await?;
        keys.forget(&**self.sessions.store(), kid).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exchange::fixture::TestExchange;

    /// A key that another gateway wrote, which this one can use or not.
    async fn written(test: &TestExchange, sealed_with: Option<&str>) {
        let keys = test.store.signing_keys().await.unwrap();
        let mut changed = keys.clone();
        for key in &mut changed {
            key.sealed_with = sealed_with.map(str::to_owned);
        }
        let now = UnixTime::now();
        test.store
            .replace_signing_keys(keys, changed, now)
            .await
            .unwrap();
    }

    #[tokio::test]
    async fn keys_that_cannot_be_read_are_told_until_they_can() {
        let test = TestExchange::new();
        let keys = test.here.signing_keys();
        let unreadable = &keys.metrics.signing_keys_unreadable;
        keys.maintain().await;
        assert_eq!((keys.failure(), unreadable.get()), (None, 0));

        written(&test, Some("another")).await;
        keys.maintain().await;
        let failure = keys.failure().unwrap();
        assert!(
            failure.contains("encrypted with the key `another`, which is not configured"),
            "{failure}"
        );
        assert_eq!(unreadable.get(), 1);

        written(&test, None).await;
        keys.maintain().await;
        assert_eq!((keys.failure(), unreadable.get()), (None, 0));
    }
}
