//! The gateway's own keys.

use std::fmt;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use utoipa::ToSchema;
use zeroize::Zeroizing;

use super::signing_algorithm::SigningAlgorithm;
use crate::clock::UnixTime;

/// A signing key of the gateway.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SigningKeyRecord {
    /// The `kid` in tokens and in the published set.
    pub kid: String,
    /// Its algorithm.
    pub algorithm: SigningAlgorithm,
    /// Its state in the lifecycle.
    pub state: KeyState,
    /// When it was created.
    pub created_at: UnixTime,
    /// When it starts to sign.
    pub activates_at: UnixTime,
    /// When it stopped or will stop to sign.
    #[serde(default)]
    pub retires_at: Option<UnixTime>,
    /// Until when a retired key stays published.
    #[serde(default)]
    pub published_until: Option<UnixTime>,
    /// The name of the key-encryption key that encrypts `private_key`; absent if it is plain PKCS#8
    /// DER.
    #[serde(default)]
    pub sealed_with: Option<String>,
    /// PKCS#8 DER (RFC 5958), encrypted or not.
    pub private_key: PrivateKeyBytes,
}

impl SigningKeyRecord {
    /// From when until when it may have signed, by the clock of any gateway. There is no end while it signs:
    /// the order of changes says what came before its revocation.
    pub(in crate::store) fn signed(&self) -> (UnixTime, UnixTime) {
        let until = self.retires_at.map_or(UnixTime(u64::MAX), |retires_at| {
            retires_at.plus(CLOCKS_DIFFER)
        });
        (self.activates_at.minus(CLOCKS_DIFFER), until)
    }
}

/// More than gateways' clocks differ by, and than a gateway signs with a key for which another one already
/// signs in its place.
const CLOCKS_DIFFER: Duration = Duration::from_secs(5 * 60);

/// The lifecycle of a signing key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum KeyState {
    /// Published, does not sign yet.
    Next,
    /// Signs.
    Current,
    /// Published for the tokens it signed.
    Retired,
}

impl KeyState {
    /// The word in metrics, which is that of its record.
    pub fn label(self) -> &'static str {
        match self {
            Self::Next => "next",
            Self::Current => "current",
            Self::Retired => "retired",
        }
    }
}

/// The private half of a key. Wiped from memory when dropped, never printed.
#[derive(Clone, PartialEq, Eq)]
pub struct PrivateKeyBytes(Zeroizing<Vec<u8>>);

impl PrivateKeyBytes {
    /// Takes the bytes over.
    pub fn new(bytes: Vec<u8>) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// The bytes themselves.
    pub fn expose(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for PrivateKeyBytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PrivateKeyBytes(..)")
    }
}

impl Serialize for PrivateKeyBytes {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&Zeroizing::new(BASE64.encode(&*self.0)))
    }
}

impl<'de> Deserialize<'de> for PrivateKeyBytes {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = Zeroizing::new(String::deserialize(from)?);
        // The decoder's error names the offending byte, which would be a part of the key.
        let bytes = BASE64
            .decode(&*text)
            .map_err(|_| de::Error::custom("a private key is not Base64"))?;
        Ok(Self::new(bytes))
    }
}
