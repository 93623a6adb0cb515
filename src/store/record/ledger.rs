//! What happened: changes for other gateways, the audit, and what must not happen twice.

use aws_lc_rs::digest::{SHA256, SHA256_OUTPUT_LEN, digest};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use serde_json::{Map, Value};
use uuid::Uuid;

use super::RevocationScope;
use crate::clock::UnixTime;

/// Something that gateways must learn about what they hold in memory. Changes are numbered in the
/// order in which they became visible, without gaps: a gateway that saw number 7 asks for what
/// comes after 7.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// Its number, from 1.
    pub sequence: u64,
    /// When.
    pub at: UnixTime,
    /// What.
    pub kind: ChangeKind,
}

/// What changed.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ChangeKind {
    /// A session is over.
    SessionEnded(Uuid),
    /// All sessions of a scope that were open are over.
    SessionsEnded(RevocationScope),
    /// A user's credentials or metadata changed.
    UserChanged(Uuid),
    /// A user is blocked.
    UserBlocked(Uuid),
    /// A user is no longer blocked.
    UserUnblocked(Uuid),
    /// A user is gone, with all sessions.
    UserDeleted(Uuid),
    /// A setting, by name, has another value or is gone.
    SettingChanged(String),
    /// The set of signing keys changed.
    SigningKeysChanged,
}

/// What an operator or the gateway did, for those who look later.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditRecord {
    /// UUIDv7: records sort by time.
    pub id: Uuid,
    /// When.
    pub at: UnixTime,
    /// Who: an operator's name, or `gateway`.
    pub actor: String,
    /// What, such as `user.block`.
    pub action: String,
    /// To whom or what, by id or name.
    #[serde(default)]
    pub target: Option<String>,
    /// More about it; nothing secret.
    #[serde(default)]
    pub detail: Map<String, Value>,
}

/// That an identity was deleted: a token issued up to then makes no new user.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tombstone {
    /// When.
    pub at: UnixTime,
    /// Until when it stands.
    pub until: UnixTime,
}

/// The session behind a cookie of the gateway, which is known by its hash alone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionAlias {
    /// The session.
    pub sid: Uuid,
    /// Until when the cookie is good.
    pub until: UnixTime,
}

/// SHA-256 of something that the store need not know.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest(pub [u8; SHA256_OUTPUT_LEN]);

impl Digest {
    /// Of some parts, each with its length before it, so that no two lists look the same.
    pub fn of(parts: &[&str]) -> Self {
        let mut bytes = Vec::new();
        for part in parts {
            bytes.extend((part.len() as u64).to_be_bytes());
            bytes.extend(part.as_bytes());
        }
        let mut value = [0; SHA256_OUTPUT_LEN];
        value.copy_from_slice(digest(&SHA256, &bytes).as_ref());
        Self(value)
    }
}

impl Serialize for Digest {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&BASE64URL.encode(self.0))
    }
}

impl<'de> Deserialize<'de> for Digest {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let bytes = BASE64URL.decode(String::deserialize(from)?).ok();
        let value = bytes.and_then(|bytes| bytes.try_into().ok());
        value
            .map(Self)
            .ok_or_else(|| de::Error::custom("not a digest"))
    }
}
