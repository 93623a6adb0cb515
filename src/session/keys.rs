//! The gateway's signing keys: which one signs, which are published.
//!
//! All gateways on a store share its keys, unless they use [`files`]. The gateway that finds the
//! [`rotation`] due writes the new set, unless another one was faster; the others learn of it
//! through the store's change feed.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use arc_swap::ArcSwap;
use tracing::info;
use uuid::Uuid;

pub mod files;
pub mod key_encryption;
pub mod keyring;
pub mod rotation;

pub use files::KeyFileError;
use key_encryption::{KeyEncryption, KeyEncryptionError, Reencryption};
pub use keyring::{KeyStatus, Keyring, TokenKeyValidity};
use rotation::{Due, Schedule};

use super::signer::{Signer, SignerError};
use crate::clock::UnixTime;
use crate::session::settings::{Published, SessionSettings};
#[cfg(test)]
use crate::store::SigningAlgorithm;
use crate::store::{KeyState, PrivateKeyBytes, SigningKeyRecord, Store, StoreError, agreed_time};

/// The keys as every part of the gateway sees them; replaced as a whole.
pub struct SigningKeys {
    rules: KeyRules,
    keyring: ArcSwap<Keyring>,
    /// The second in which an unknown key last caused a look-up in the store.
    looked_at: AtomicU64,
}

/// How keys are created, stored and published.
pub struct KeyRules {
    /// When the signing keys are rotated.
    pub schedule: Schedule,
    /// How they lie in the store.
    pub key_encryption: KeyEncryption,
    /// When they are encrypted again.
    pub reencryption: Reencryption,
    /// Publish the key that signs alone, for verifiers that ignore `kid`.
    pub current_only: bool,
    /// Where the keys are instead of in the store.
    pub files: Option<Vec<PathBuf>>,
}

/// Why the gateway has no signing key.
#[derive(Debug, thiserror::Error)]
pub enum KeysError {
    /// The store did not answer.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A key could not be created or read.
    #[error(transparent)]
    Signer(#[from] SignerError),
    /// A key could not be encrypted or decrypted.
    #[error(transparent)]
    Seal(#[from] KeyEncryptionError),
    /// A file with a key is invalid.
    #[error(transparent)]
    File(#[from] KeyFileError),
    /// The keys are in files, which only their owner can change.
    #[error("the signing keys come from `session.signing_keys.files`; change the files instead")]
    InFiles,
    /// Other gateways changed the keys each time that this one tried.
    #[error("other gateways keep changing the signing keys")]
    Contended,
}

impl SigningKeys {
    /// Reads the keys from the store, creating the first one if the configured algorithm has none.
    /// Gateways that start at the same time agree on one.
    pub async fn load(store: &dyn Store, rules: KeyRules) -> Result<Self, KeysError> {
        let now = rules.time(store).await?;
        let records = rules.settled(store, now).await?;
        let keyring = Keyring::new(&records, &rules, now)?;
        Ok(Self {
            rules,
            keyring: ArcSwap::from_pointee(keyring),
            looked_at: AtomicU64::new(0),
        })
    }

    /// Keys that exist in memory only.
    #[cfg(test)]
    pub(crate) fn ephemeral(algorithm: SigningAlgorithm) -> Result<Self, KeysError> {
        let rules = KeyRules::unsealed(algorithm)?;
        let now = UnixTime::now();
        let mut records = vec![rules.make(now, now)?];
        rules.settle(&mut records, now)?;
        let keyring = Keyring::new(&records, &rules, now)?;
        Ok(Self {
            rules,
            keyring: ArcSwap::from_pointee(keyring),
            looked_at: AtomicU64::new(0),
        })
    }

    /// The set in force.
    pub fn keyring(&self) -> arc_swap::Guard<Arc<Keyring>> {
        self.keyring.load()
    }

    /// When signing keys are rotated.
    pub fn schedule(&self) -> &Schedule {
        &self.rules.schedule
    }

    /// Whether the keys are files, which are not the gateway's to change.
    pub fn are_files(&self) -> bool {
        self.rules.files.is_some()
    }

    /// Performs the rotation that is due and takes over the keys in the store.
    ///
    /// # Errors
    ///
    /// The store did not answer, or a key cannot be used; the keys stay as they were.
    pub async fn tend(&self, store: &dyn Store) -> Result<(), KeysError> {
        let now = self.rules.time(store).await?;
        let records = self.rules.settled(store, now).await?;
        self.install(&records, now)
    }

    /// The keys as they are kept, the oldest first.
    ///
    /// # Errors
    ///
    /// As [`Self::tend`].
    pub async fn records(&self, store: &dyn Store) -> Result<Vec<SigningKeyRecord>, KeysError> {
        match &self.rules.files {
            Some(_) => self.rules.settled(store, UnixTime::now()).await,
            None => Ok(store.signing_keys().await?),
        }
    }

    /// Creates the next key, which signs once it has been published for long enough, or
    /// immediately.
    ///
    /// # Errors
    ///
    /// As [`Self::tend`].
    pub async fn rotate(&self, store: &dyn Store, at_once: bool) -> Result<(), KeysError> {
        let now = self.rules.time(store).await?;
        let records = self.rules.change(store, now, |keys| {
            let at = match at_once {
                true => now,
                false => now.plus(self.rules.schedule.publish_ahead),
            };
            if !self.rules.schedule.hasten(keys, at) {
                keys.push(self.rules.make(at, now)?);
            }
            Ok(true)
        });
        self.install(&records.await?, now)?;
        info!(at_once, "signing keys rotated");
        Ok(())
    }

    /// Deletes a key that no longer signs: what it signed is refused from now on.
    ///
    /// # Errors
    ///
    /// As [`Self::tend`].
    pub async fn forget(&self, store: &dyn Store, kid: &str) -> Result<(), KeysError> {
        let now = self.rules.time(store).await?;
        let records = self.rules.change(store, now, |keys| {
            let before = keys.len();
            // A current key of a former algorithm does not sign.
            let signs = |key: &SigningKeyRecord| key.kid == kid;
            let is_kept = self.rules.schedule.current(keys).is_some_and(signs);
            keys.retain(|key| is_kept || key.kid != kid);
            Ok(keys.len() < before)
        });
        self.install(&records.await?, now)?;
        info!(kid, "signing key deleted");
        Ok(())
    }

    /// Whether the store may be asked for an unknown key now: at most once a second.
    pub fn may_look(&self, now: UnixTime) -> bool {
        self.looked_at.swap(now.0, Ordering::Relaxed) < now.0
    }

    fn install(&self, records: &[SigningKeyRecord], now: UnixTime) -> Result<(), KeysError> {
        let keyring = Keyring::new(records, &self.rules, now)?;
        // Of two at once, the later one may put the older set; the next look puts that right.
        let former = self.keyring.load_full();
        self.keyring.store(Arc::new(keyring.after(&former, now)));
        former.let_go_unless(&self.keyring.load());
        Ok(())
    }
}

impl KeyRules {
    /// From the configuration of this environment.
    pub fn new(session: &SessionSettings, environment: Uuid) -> Result<Self, KeysError> {
        Ok(Self {
            schedule: Schedule {
                algorithm: session.algorithm,
                rotate_every: session.signing_keys.rotate_every,
                publish_ahead: session.signing_keys.publish_ahead,
                keep: session.max_age.max(session.token_ttl),
            },
            key_encryption: KeyEncryption::new(&session.key_encryption_keys, environment)?,
            reencryption: Reencryption::default(),
            current_only: session.signing_keys.publish == Published::CurrentOnly,
            files: match session.signing_keys.files.as_slice() {
                [] => None,
                files => Some(files.to_vec()),
            },
        })
    }

    /// One key without rotation or encryption.
    #[cfg(test)]
    fn unsealed(algorithm: SigningAlgorithm) -> Result<Self, KeyEncryptionError> {
        Ok(Self {
            schedule: Schedule {
                algorithm,
                rotate_every: None,
                publish_ahead: std::time::Duration::ZERO,
                keep: std::time::Duration::ZERO,
            },
            key_encryption: KeyEncryption::new(&[], Uuid::nil())?,
            reencryption: Reencryption::default(),
            current_only: false,
            files: None,
        })
    }

    /// The time by which keys come and go: keys that all gateways share, not by the clock of one of them.
    async fn time(&self, store: &dyn Store) -> Result<UnixTime, StoreError> {
        let here = UnixTime::now();
        match self.files {
            Some(_) => Ok(here),
            None => Ok(agreed_time(store, here).await?.unwrap_or(here)),
        }
    }

    /// The set after what is due has been done.
    async fn settled(
        &self,
        store: &dyn Store,
        now: UnixTime,
    ) -> Result<Vec<SigningKeyRecord>, KeysError> {
        let Some(paths) = self.files.clone() else {
            return self.change(store, now, |_| Ok(false)).await;
        };
        let algorithm = self.schedule.algorithm;
        let read = tokio::task::spawn_blocking(move || files::read(&paths, algorithm)).await;
        Ok(read.map_err(|_| SignerError::Read)??)
    }

    /// Writes the set after `edit` and the schedule have changed it, and returns it.
    async fn change(
        &self,
        store: &dyn Store,
        now: UnixTime,
        edit: impl Fn(&mut Vec<SigningKeyRecord>) -> Result<bool, KeysError> + Send + Sync,
    ) -> Result<Vec<SigningKeyRecord>, KeysError> {
        if self.files.is_some() {
            return Err(KeysError::InFiles);
        }
        for _ in 0..ATTEMPTS {
            let seen = store.signing_keys().await?;
            let mut keys = seen.clone();
            let is_edited = edit(&mut keys)?;
            let is_settled = self.settle(&mut keys, now)?;
            if !is_edited && !is_settled {
                return Ok(seen);
            }
            match store.replace_signing_keys(seen, keys.clone(), now).await {
                Ok(()) => {
                    self.reencryption.done();
                    return Ok(keys);
                }
                Err(StoreError::Conflict(_)) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(KeysError::Contended)
    }

    /// Brings a set up to the time `now`. Whether anything changed.
    fn settle(&self, keys: &mut Vec<SigningKeyRecord>, now: UnixTime) -> Result<bool, KeysError> {
        let before = keys.clone();
        while let Due::Make(activates_at) = self.schedule.advance(keys, now) {
            keys.push(self.make(activates_at, now)?);
        }
        let may_encrypt = self.reencryption.is_due();
        for key in keys.iter_mut().filter(|_| may_encrypt) {
            if !self.key_encryption.is_in_order(key) {
                let plain = self.key_encryption.open(key)?;
                self.key_encryption.seal(key, &plain)?;
            }
        }
        Ok(*keys != before)
    }

    fn make(&self, activates_at: UnixTime, now: UnixTime) -> Result<SigningKeyRecord, KeysError> {
        let algorithm = self.schedule.algorithm;
        let private_key = Signer::generate(algorithm)?;
        let signer = Signer::from_pkcs8(algorithm, &private_key)?;
        let mut record = SigningKeyRecord {
            kid: signer.kid().to_owned(),
            algorithm,
            state: KeyState::Next,
            created_at: now,
            activates_at,
            retires_at: None,
            published_until: None,
            sealed_with: None,
            private_key: PrivateKeyBytes::new(Vec::new()),
        };
        self.key_encryption.seal(&mut record, &private_key)?;
        Ok(record)
    }
}

/// How often a change is tried again because another gateway was faster.
const ATTEMPTS: usize = 8;

#[cfg(test)]
mod tests;
