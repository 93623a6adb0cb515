//! What can be asked about sessions.

use async_trait::async_trait;
use uuid::Uuid;

use super::{
    DeviceBinding, Digest, Once, Page, PageRequest, RevocationReason, RevocationScope,
    SessionRecord, StoreError,
};
use crate::clock::UnixTime;

/// Sessions and their ends.
///
/// An operation on one session waits, for a few seconds at most, for the row that a sign-in of this process
/// has been answered without. It fails with `Unavailable` if that row could not be written; an end does not.
#[async_trait]
pub trait Sessions {
    /// A session by id, ended or not.
    async fn session(&self, sid: Uuid) -> Result<Option<SessionRecord>, StoreError>;

    /// Sessions, ended or not, of one user or of all, the newest first.
    async fn sessions(
        &self,
        user: Option<Uuid>,
        page: PageRequest,
    ) -> Result<Page<SessionRecord>, StoreError>;

    /// Ends a session for ever; the first cause stays. `None`: the session is not known, and its
    /// id is remembered as ended nevertheless, because a row that was to follow behind may have
    /// been lost in a crash.
    async fn end_session(
        &self,
        sid: Uuid,
        cause: RevocationReason,
        at: UnixTime,
    ) -> Result<Option<SessionRecord>, StoreError>;

    /// Ends all sessions of a scope that are open, in one write however many they are. Tokens of
    /// these logins that were issued up to `at` open no other, seen before or not. `Conflict`:
    /// there is no such signing key.
    async fn end_sessions(&self, scope: RevocationScope, at: UnixTime) -> Result<(), StoreError>;

    /// The same for what `end` says, if `once` was not used before, and uses it up: both in one
    /// transaction, so that whoever gets no answer can ask again. False: it was used before, and
    /// nothing ends. `None`: there is nothing to end, and it is used up nevertheless.
    async fn end_once(
        &self,
        once: Once,
        end: Option<End>,
        at: UnixTime,
    ) -> Result<bool, StoreError>;

    /// Writes down when sessions and their users were last active.
    async fn touch(&self, activities: Vec<Activity>) -> Result<(), StoreError>;

    /// Remembers another name of a session by its hash, in place of an earlier one: a cookie of the gateway,
    /// or the issuer's `sid` of its login. The session need not exist yet.
    async fn put_session_alias(
        &self,
        alias: Digest,
        sid: Uuid,
        until: UnixTime,
    ) -> Result<(), StoreError>;

    /// Binds a session to a device's key, if it has not ended and is not bound. False: it has, or is.
    async fn bind_session(&self, sid: Uuid, device: DeviceBinding) -> Result<bool, StoreError>;

    /// The session of which a hash is another name at the time `now`, ended or not, and when that name expires.
    async fn session_alias(
        &self,
        alias: Digest,
        now: UnixTime,
    ) -> Result<Option<(SessionRecord, UnixTime)>, StoreError>;

    /// The id of that session, whether or not its row is written yet: an end of it counts in any case.
    async fn sid_of_alias(&self, alias: Digest, now: UnixTime) -> Result<Option<Uuid>, StoreError>;
}

/// What ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum End {
    /// One session, and why.
    Session(Uuid, RevocationReason),
    /// All of a scope that are open.
    Sessions(RevocationScope),
}

/// That a session was used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Activity {
    /// The session's id.
    pub sid: Uuid,
    /// When it happened.
    pub at: UnixTime,
}
