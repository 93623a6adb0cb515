//! What happened: changes for other gateways, the audit, and what must not happen twice.

use aws_lc_rs::digest::{SHA256, SHA256_OUTPUT_LEN, digest};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use serde_json::{Map, Value};
use utoipa::ToSchema;
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
    /// A random number, by which a change is told from another that got its number in a database
    /// that was set back. 0 for one that an earlier release wrote.
    #[serde(default)]
    pub mark: u64,
    /// When it happened.
    pub at: UnixTime,
    /// What changed.
    pub kind: ChangeKind,
}

impl Change {
    /// A change that is made now.
    pub(in crate::store) fn new(sequence: u64, at: UnixTime, kind: ChangeKind) -> Self {
        // 0 says that there is none.
        let mark = fastrand::u64(1..);
        Self {
            sequence,
            mark,
            at,
            kind,
        }
    }
}

/// How far a reader has read the changes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Position {
    /// The number of the last change that was read; 0 for none.
    pub sequence: u64,
    /// That change's mark, where it is known.
    pub mark: Option<u64>,
}

impl Position {
    /// Whether what was read is not what the store has: it was set back, to a copy or to a server
    /// that lacked the latest writes. `there` is the change that has the number now.
    pub(in crate::store) fn is_contradicted(
        self,
        there: Option<&Change>,
        latest: u64,
        swept: u64,
    ) -> bool {
        match (self.mark, there) {
            _ if latest < self.sequence => true,
            (Some(mark), Some(change)) => change.mark != mark,
            (Some(_), None) => swept < self.sequence,
            (None, _) => false,
        }
    }
}

impl From<u64> for Position {
    fn from(sequence: u64) -> Self {
        Self {
            sequence,
            mark: None,
        }
    }
}

impl From<&Change> for Position {
    fn from(change: &Change) -> Self {
        Self {
            sequence: change.sequence,
            mark: (change.mark != 0).then_some(change.mark),
        }
    }
}

/// What changed.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ChangeKind {
    /// A session has ended.
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
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AuditRecord {
    /// UUIDv7: records sort by time.
    pub id: Uuid,
    /// When it happened.
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
    #[schema(value_type = Object)]
    pub detail: Map<String, Value>,
}

/// An id that may be used once, at whichever gateway.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Once {
    /// The hash of the id and of what it is an id of.
    pub id: Digest,
    /// It is forgotten some time after this, when whatever it came with is no longer accepted anyway.
    pub until: UnixTime,
}

impl Once {
    /// `id` within `scope`.
    pub fn new(scope: &str, id: &str, until: UnixTime) -> Self {
        Self {
            id: Digest::of(&[scope, id]),
            until,
        }
    }
}

/// An id that is used up, perhaps along with what it was shown for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Use {
    /// The id.
    pub once: Once,
    /// To be used up again is no obstacle.
    pub repeats: bool,
    /// What it must not have been used up as, nor can be from then on: a use with this id names
    /// this one here.
    pub excludes: Option<Digest>,
}

impl Use {
    /// That of an id which can be used once and for one purpose.
    pub fn once(once: Once) -> Self {
        Self {
            once,
            repeats: false,
            excludes: None,
        }
    }
}

/// What became of a [`Use`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Used {
    /// It is used up, now or as often as it may.
    Now,
    /// It had been used up before; nothing was written.
    Before,
    /// It had been used up for what it excludes; nothing was written.
    Otherwise,
}

/// That an identity was deleted: a token issued up to then makes no new user.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tombstone {
    /// When it happened.
    pub at: UnixTime,
    /// Until when it stands.
    pub until: UnixTime,
    /// The logins that were known of, by which tokens are told that do not say when they were
    /// issued. At most [`Self::LOGINS`] and one more, which says that there were others.
    #[serde(default)]
    pub logins: Vec<Uuid>,
}

impl Tombstone {
    /// Logins that are remembered.
    pub const LOGINS: usize = 256;

    /// Of an identity with these logins.
    pub(in crate::store) fn new(
        at: UnixTime,
        until: UnixTime,
        logins: impl IntoIterator<Item = Uuid>,
    ) -> Self {
        let logins = logins.into_iter().take(Self::LOGINS + 1);
        Self {
            at,
            until,
            logins: logins.collect(),
        }
    }

    /// The same after an earlier one of the identity.
    pub(in crate::store) fn after(self, earlier: Option<Self>) -> Self {
        let Some(earlier) = earlier else { return self };
        let logins = self.logins.into_iter().chain(earlier.logins);
        Self::new(
            self.at.max(earlier.at),
            self.until.max(earlier.until),
            logins,
        )
    }

    /// Whether a login may have been the deleted user's.
    pub(in crate::store) fn knew(&self, login: Uuid) -> bool {
        self.logins.len() > Self::LOGINS || self.logins.contains(&login)
    }
}

/// The session behind a cookie of the gateway, which is known by its hash alone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionAlias {
    /// The session's id.
    pub sid: Uuid,
    /// When the cookie expires.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_read_is_compared_with_what_is_there() {
        let change = |sequence, mark| Change {
            mark,
            ..Change::new(sequence, UnixTime(1), ChangeKind::SigningKeysChanged)
        };
        let (seen, other) = (change(9, 1), change(9, 2));
        let read = Position::from(&seen);
        for (there, latest, swept, contradicted) in [
            (Some(&seen), 9, 0, false),
            (Some(&seen), 12, 0, false),
            // Set back, and then further than before.
            (None, 7, 0, true),
            (Some(&other), 9, 0, true),
            (Some(&other), 12, 0, true),
            // Swept, or imported into an empty database.
            (None, 12, 10, false),
            (None, 12, 9, false),
            (None, 12, 8, true),
        ] {
            let found = read.is_contradicted(there, latest, swept);
            assert_eq!(found, contradicted, "{there:?} {latest} {swept}");
        }
        // Without a mark only the number can tell.
        for read in [Position::from(9), Position::from(&change(9, 0))] {
            assert!(!read.is_contradicted(Some(&other), 9, 0));
            assert!(read.is_contradicted(None, 8, 0));
        }
        assert!(!Position::default().is_contradicted(None, 0, 0));
    }
}
