//! What keeps a store small, and what carries it elsewhere.

use std::time::Duration;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use super::{
    AuditRecord, Digest, NotBefore, Page, PageRequest, SessionAlias, SessionRecord,
    SigningKeyRecord, StoreError, Tombstone, User,
};
use crate::clock::UnixTime;

/// Sweeping, and records as they leave and enter.
#[async_trait]
pub trait Maintenance {
    /// Takes out some rows that nobody asks for any more: sessions, cookies, tombstones and spent
    /// ids long past their time, old changes, and the audit before `audit_from`. One call is one
    /// small batch. A database goes by its own clock where that is behind `now`.
    async fn sweep(&self, now: UnixTime, audit_from: UnixTime) -> Result<Swept, StoreError>;

    /// The size of the store's file; `None` for a store that has none of its own.
    async fn bytes(&self) -> Result<Option<u64>, StoreError>;

    /// The time by the database's clock; `None` for a store that is on this machine.
    async fn clock(&self) -> Result<Option<UnixTime>, StoreError>;

    /// Some records, whatever they are. Follow the cursor to have all.
    async fn export(&self, page: PageRequest) -> Result<Page<Exported>, StoreError>;

    /// Writes records that another store exported, in one transaction. `Conflict`: an identity or
    /// an address belongs to another user.
    async fn import(&self, records: Vec<Exported>) -> Result<(), StoreError>;
}

/// What one batch of a sweep did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Swept {
    /// How many rows were removed.
    pub removed: usize,
    /// All tables were gone through; the next call starts again.
    pub finished: bool,
}

/// A record on its way to another store.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs, reason = "each is the record of that name")]
#[allow(
    clippy::large_enum_variant,
    reason = "a record is read, written and dropped before the next one; most are sessions"
)]
pub enum Exported {
    /// The number of the latest change: marks and sessions refer to it.
    Sequence(u64),
    User(User),
    Session(SessionRecord),
    #[serde(rename = "end_mark")]
    NotBefore(NotBefore),
    Tombstone(Digest, Tombstone),
    #[serde(rename = "login_cookie")]
    SessionAlias(Digest, SessionAlias),
    /// Until when an id is spent.
    Spent(Digest, UnixTime),
    SigningKey(SigningKeyRecord),
    Setting(String, String),
    Audit(AuditRecord),
}

impl Exported {
    /// The number of the latest change that the record knows of. An export of a store in use has records
    /// that are newer than the number which it begins with.
    fn knows_of(&self) -> u64 {
        match self {
            Self::Sequence(sequence) => *sequence,
            Self::NotBefore(mark) => mark.sequence,
            Self::Session(session) => {
                let claims = session.claims.as_ref();
                let seen_after = claims.map_or(0, |claims| claims.seen_after);
                session.opened_after.max(seen_after)
            }
            _ => 0,
        }
    }
}

/// The number of the latest change that any of these records knows of. A store that counted on from a
/// lesser one would take ends of its own for earlier than sessions that they are to end.
pub(super) fn latest_known(records: &[Exported]) -> u64 {
    let known = records.iter().map(Exported::knows_of);
    known.max().unwrap_or(0)
}

/// The time up to which this machine's clock, by which it is `here`, and the database's agree that it has
/// passed; `None` for a store that is on this machine. What is taken out, or scheduled for all gateways,
/// goes by this: one clock that is ahead moves nothing.
///
/// # Errors
///
/// The store does not answer.
pub async fn agreed_time<S>(store: &S, here: UnixTime) -> Result<Option<UnixTime>, StoreError>
where
    S: Maintenance + Sync + ?Sized,
{
    let theirs = store.clock().await?;
    Ok(theirs.map(|theirs| theirs.min(here)))
}

/// How much longer than its time a row is kept: a clock that was stepped forward takes nothing out
/// that a clock stepped back would ask for.
pub(super) const GRACE: Duration = Duration::from_secs(2 * 3600);
/// How long a mark is kept over the sessions that it ended and the tokens that it refuses: longer
/// than any session or external token lasts.
pub(super) const MARKS_KEPT: Duration = Duration::from_secs(400 * 24 * 3600);
/// How long changes are kept for gateways that were away.
pub(super) const CHANGES_KEPT: Duration = Duration::from_secs(24 * 3600);
