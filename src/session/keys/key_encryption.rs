//! Private keys at rest: AES-256-GCM under a key-encryption key, bound to the key's id and to the
//! environment, so that an encrypted key that is moved elsewhere cannot be decrypted.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::hmac;
use aws_lc_rs::rand;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde::{Deserialize, Serialize};
use uuid::Uuid;
use zeroize::Zeroizing;

use crate::secret::Secret;
use crate::store::{PrivateKeyBytes, SigningKeyRecord};

/// The key-encryption keys of an environment, the newest first. None: keys are kept as they are.
pub struct KeyEncryption {
    environment: Uuid,
    keys: Vec<KeyEncryptionKey>,
}

/// What is kept encrypted, unless no key-encryption key is configured.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sealed {
    /// The name of the key-encryption key; absent if the bytes are as they are.
    #[serde(default)]
    pub sealed_with: Option<String>,
    /// Encrypted or not.
    pub bytes: PrivateKeyBytes,
}

struct KeyEncryptionKey {
    name: String,
    key: LessSafeKey,
    /// Of the same bytes, for what is derived and not encrypted.
    derivation: hmac::Key,
}

/// A key-encryption key or an encrypted key cannot be used. The error reveals nothing about either.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyEncryptionError {
    /// Not 32 bytes in Base64.
    #[error("`session.key_encryption_keys`: each must be 32 random bytes in Base64")]
    BadKey,
    /// The key-encryption key is not, or no longer, configured.
    #[error(
        "the key `{kid}` is encrypted with the key `{name}`, which is not configured: add the former \
         key to `session.key_encryption_keys`"
    )]
    UnknownKey {
        /// The signing key, or the name of what else is kept.
        kid: String,
        /// The name of the key-encryption key.
        name: String,
    },
    /// The ciphertext belongs to another environment or key, or is damaged.
    #[error("the key `{0}` cannot be decrypted")]
    Broken(String),
    /// The system's random source failed.
    #[error("a key could not be encrypted")]
    Failed,
}

impl KeyEncryption {
    /// From what the configuration refers to.
    pub fn new(secrets: &[Secret], environment: Uuid) -> Result<Self, KeyEncryptionError> {
        let keys = secrets.iter().map(KeyEncryptionKey::parse);
        Ok(Self {
            environment,
            keys: keys.collect::<Result<_, _>>()?,
        })
    }

    /// Whether a record is as this configuration would write it.
    pub fn is_in_order(&self, record: &SigningKeyRecord) -> bool {
        self.is_newest(record.sealed_with.as_deref())
    }

    /// Whether this configuration would seal with the key-encryption key of that name.
    pub fn is_newest(&self, sealed_with: Option<&str>) -> bool {
        let newest = self.keys.first().map(|key| key.name.as_str());
        newest.is_none() || sealed_with == newest
    }

    /// Puts a private key into its record.
    pub fn seal(
        &self,
        record: &mut SigningKeyRecord,
        plain: &[u8],
    ) -> Result<(), KeyEncryptionError> {
        let sealed = self.seal_as(&record.kid, plain)?;
        record.sealed_with = sealed.sealed_with;
        record.private_key = sealed.bytes;
        Ok(())
    }

    /// Takes the private key out of its record.
    pub fn open(
        &self,
        record: &SigningKeyRecord,
    ) -> Result<Zeroizing<Vec<u8>>, KeyEncryptionError> {
        let sealed = Sealed {
            sealed_with: record.sealed_with.clone(),
            bytes: record.private_key.clone(),
        };
        self.open_as(&record.kid, &sealed)
    }

    /// Seals what is kept under a name, by which alone it can be opened again.
    pub fn seal_as(&self, name: &str, plain: &[u8]) -> Result<Sealed, KeyEncryptionError> {
        let Some(newest) = self.keys.first() else {
            return Ok(Sealed {
                sealed_with: None,
                bytes: PrivateKeyBytes::new(plain.to_vec()),
            });
        };
        let mut nonce = [0; NONCE_LEN];
        rand::fill(&mut nonce).map_err(|_| KeyEncryptionError::Failed)?;
        let mut sealed = Zeroizing::new(plain.to_vec());
        let aad = Aad::from(self.bound_to(name));
        newest
            .key
            .seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), aad, &mut *sealed)
            .map_err(|_| KeyEncryptionError::Failed)?;
        Ok(Sealed {
            sealed_with: Some(newest.name.clone()),
            bytes: PrivateKeyBytes::new([nonce.as_slice(), &sealed].concat()),
        })
    }

    /// Opens what was sealed under that name.
    pub fn open_as(
        &self,
        name: &str,
        sealed: &Sealed,
    ) -> Result<Zeroizing<Vec<u8>>, KeyEncryptionError> {
        let bytes = sealed.bytes.expose();
        let Some(sealed_with) = &sealed.sealed_with else {
            return Ok(Zeroizing::new(bytes.to_vec()));
        };
        let key = self.keys.iter().find(|key| key.name == *sealed_with);
        let key = key.ok_or_else(|| KeyEncryptionError::UnknownKey {
            kid: name.to_owned(),
            name: sealed_with.clone(),
        })?;
        let broken = || KeyEncryptionError::Broken(name.to_owned());
        let (nonce, sealed) = bytes.split_at_checked(NONCE_LEN).ok_or_else(broken)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| broken())?;
        let mut plain = Zeroizing::new(sealed.to_vec());
        let aad = Aad::from(self.bound_to(name));
        let opened = key.key.open_in_place(nonce, aad, &mut plain);
        let length = opened.map_err(|_| broken())?.len();
        plain.truncate(length);
        Ok(plain)
    }

    /// What a secret of the store becomes together with the newest key-encryption key, so that who has read the
    /// one cannot do without the other. It is another one after a change of the key. Without a key-encryption key
    /// it is the secret itself.
    pub fn bound(&self, name: &str, secret: &[u8; 32]) -> [u8; 32] {
        let Some(newest) = self.keys.first() else {
            return *secret;
        };
        let tag = hmac::sign(
            &newest.derivation,
            &[&*self.bound_to(name), secret].concat(),
        );
        let mut bound = [0; 32];
        bound.copy_from_slice(tag.as_ref());
        bound
    }

    fn bound_to(&self, name: &str) -> Vec<u8> {
        [self.environment.as_bytes(), name.as_bytes()].concat()
    }
}

impl KeyEncryptionKey {
    fn parse(secret: &Secret) -> Result<Self, KeyEncryptionError> {
        let bytes = STANDARD
            .decode(secret.expose())
            .or_else(|_| URL_SAFE_NO_PAD.decode(secret.expose()));
        let bytes = Zeroizing::new(bytes.map_err(|_| KeyEncryptionError::BadKey)?);
        let key = UnboundKey::new(&AES_256_GCM, &bytes).map_err(|_| KeyEncryptionError::BadKey)?;
        // Names the key, tells nothing of it: it is as random as its hash.
        let hash = digest(&SHA256, &[b"key-encryption key", bytes.as_slice()].concat());
        let name = hash
            .as_ref()
            .get(..8)
            .map(|part| URL_SAFE_NO_PAD.encode(part));
        Ok(Self {
            name: name.ok_or(KeyEncryptionError::BadKey)?,
            key: LessSafeKey::new(key),
            derivation: hmac::Key::new(hmac::HMAC_SHA256, &bytes),
        })
    }
}

/// When what is kept is encrypted again with the newest key-encryption key: at the start, and then once an
/// hour at most. While a key-encryption key is changed, gateways with other lists run side by side, and
/// each would undo what the other has just done, without end.
#[derive(Debug, Default)]
pub struct Reencryption(Mutex<Option<Instant>>);

impl Reencryption {
    /// Whether it may be done now.
    pub fn is_due(&self) -> bool {
        let last = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        last.is_none_or(|last| last.elapsed() >= BETWEEN_REENCRYPTIONS)
    }

    /// Notes that it was done, and that the store has it.
    pub fn done(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
    }
}

const BETWEEN_REENCRYPTIONS: Duration = Duration::from_secs(3600);

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::clock::UnixTime;
    use crate::store::{KeyState, SigningAlgorithm};

    pub(crate) fn secret(byte: u8) -> Secret {
        let dir = tempfile::TempDir::new().unwrap();
        let path = dir.path().join("key");
        std::fs::write(&path, STANDARD.encode([byte; 32])).unwrap();
        serde_json::from_value(format!("file:{}", path.display()).into()).unwrap()
    }

    fn key_encryption(bytes: &[u8], environment: u128) -> KeyEncryption {
        let secrets: Vec<_> = bytes.iter().map(|byte| secret(*byte)).collect();
        KeyEncryption::new(&secrets, Uuid::from_u128(environment)).unwrap()
    }

    fn record(kid: &str) -> SigningKeyRecord {
        SigningKeyRecord {
            kid: kid.to_owned(),
            algorithm: SigningAlgorithm::ES256,
            state: KeyState::Current,
            created_at: UnixTime(0),
            activates_at: UnixTime(0),
            retires_at: None,
            published_until: None,
            sealed_with: None,
            private_key: PrivateKeyBytes::new(Vec::new()),
        }
    }

    #[test]
    fn what_was_sealed_opens_and_is_not_readable() {
        let key_encryption = key_encryption(&[1], 7);
        let mut record = record("k");
        key_encryption.seal(&mut record, b"private").unwrap();
        assert!(
            !record
                .private_key
                .expose()
                .windows(7)
                .any(|w| w == b"private")
        );
        assert_eq!(*key_encryption.open(&record).unwrap(), b"private");
    }

    #[test]
    fn it_opens_for_its_key_and_environment_only() {
        let mut sealed = record("k");
        key_encryption(&[1], 7)
            .seal(&mut sealed, b"private")
            .unwrap();
        let broken = Err(KeyEncryptionError::Broken("k".to_owned()));
        assert_eq!(key_encryption(&[1], 8).open(&sealed), broken);
        let moved = SigningKeyRecord {
            private_key: sealed.private_key.clone(),
            sealed_with: sealed.sealed_with.clone(),
            ..record("other")
        };
        assert!(key_encryption(&[1], 7).open(&moved).is_err());
        let other = key_encryption(&[2], 7).open(&sealed);
        assert!(matches!(other, Err(KeyEncryptionError::UnknownKey { .. })));
        assert!(key_encryption(&[], 7).open(&sealed).is_err());
        assert!(key_encryption(&[1], 7).open(&sealed).is_ok());
    }

    #[test]
    fn an_older_key_opens_and_the_newest_seals() {
        let mut record = record("k");
        key_encryption(&[1], 7)
            .seal(&mut record, b"private")
            .unwrap();
        let both = key_encryption(&[2, 1], 7);
        assert!(!both.is_in_order(&record));
        let plain = both.open(&record).unwrap();
        both.seal(&mut record, &plain).unwrap();
        assert!(both.is_in_order(&record));
        assert!(key_encryption(&[2], 7).open(&record).is_ok());
    }

    #[test]
    fn a_key_of_another_length_is_refused() {
        let dir = tempfile::TempDir::new().unwrap();
        let path = dir.path().join("key");
        std::fs::write(&path, STANDARD.encode([1; 16])).unwrap();
        let short = serde_json::from_value(format!("file:{}", path.display()).into()).unwrap();
        assert!(KeyEncryption::new(&[short], Uuid::nil()).is_err());
    }

    #[test]
    fn a_bound_secret_needs_the_key() {
        let environment = Uuid::from_u128(1);
        let bound = |keys: &[Secret], environment, name: &str| {
            let keys = KeyEncryption::new(keys, environment).unwrap();
            keys.bound(name, &[7; 32])
        };
        assert_eq!(bound(&[], environment, "a"), [7; 32]);
        let one = bound(&[secret(1)], environment, "a");
        assert_ne!(one, [7; 32]);
        assert_eq!(bound(&[secret(1), secret(2)], environment, "a"), one);
        for other in [
            bound(&[secret(2), secret(1)], environment, "a"),
            bound(&[secret(1)], environment, "b"),
            bound(&[secret(1)], Uuid::from_u128(2), "a"),
        ] {
            assert_ne!(other, one);
        }
    }
}
