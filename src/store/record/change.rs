//! What gateways must learn of each other.

use serde::{Deserialize, Serialize};
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
    /// A random number that distinguishes a change from another that got its number in a database that
    /// was set back. 0 for one that an earlier release wrote.
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
