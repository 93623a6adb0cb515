//! Records that last: users, sessions, signing keys, settings, and what happened to them.
//!
//! [`Store`] is what the rest of the gateway knows; [`embedded`] keeps the records in one file,
//! [`postgres`] in a database that many gateways share.
//! The rules of a sign-in are apart from any engine ([`sign_in`]), so that all engines decide
//! alike.
//!
//! What is durable when an operation returns: everything, but for the session row of a known user
//! (see [`SignIn::durable_session`]), for which look-ups by the session's id wait in this process (`behind`).
//!
//! A session that has ended stays ended: its row is kept until no token of its login is accepted
//! any more. Ending many sessions at once writes a mark ([`NotBefore`]) that is applied to their
//! rows whenever they are read. Every revocation is a numbered [`Change`], which makes gateways
//! drop what they hold in memory. What apps behind the gateway learn is a numbered [`Event`], written in
//! the same transaction.

use async_trait::async_trait;

pub mod audit_log;
mod behind;
pub mod change_feed;
#[cfg(test)]
mod conformance;
pub mod embedded;
mod engine;
pub mod events;
#[cfg(test)]
mod fixture;
#[cfg(test)]
mod gated;
pub mod identifier;
pub mod maintenance;
mod metered;
mod operations;
pub mod page;
pub mod postgres;
pub mod record;
pub mod replay_guard;
pub mod sessions;
pub mod settings;
pub mod shared_rates;
pub mod sign_in;
pub mod transfer;
pub mod users;

pub use audit_log::AuditLog;
pub use change_feed::{ChangeFeed, Changes};
pub use embedded::{Embedded, OpenError};
pub use engine::StoreSettings;
pub use events::{Deliveries, EventFeed, Events, Outstanding, SweptEvents};
#[cfg(test)]
pub(crate) use fixture::TestStore;
#[cfg(test)]
pub(crate) use gated::{Gated, When};
pub use identifier::{Email, Identifier};
pub use maintenance::{Exported, Maintenance, Swept, agreed_time};
pub use metered::Metered;
pub use page::{Page, PageRequest};
pub use postgres::{ConnectError, Postgres, PostgresSettings};
pub use record::{
    AuditRecord, Change, ChangeKind, Credential, CredentialFormat, Delivery, DeliveryState,
    DeviceBinding, Digest, Ended, Event, EventData, EventKind, ISSUER_SWITCH, KeyState,
    LONGEST_FIELD, MADE_ISSUER, NotBefore, NumberedEvent, Once, Position, PrivateKeyBytes, Profile,
    RevocationReason, RevocationScope, SessionAlias, SessionClaims, SessionRecord,
    SigningAlgorithm, SigningKeyRecord, Tombstone, Use, Used, User, is_workload, workload_id,
};
pub use replay_guard::ReplayGuard;
pub use sessions::{Activity, End, Sessions};
pub use settings::{Settings, SigningKeys};
pub use shared_rates::{MOST_RATE_KEYS, RateCount, RateDebt, RateExchange, SharedRates};
pub use sign_in::{
    AccessRule, Applicant, EmailWithdrawal, NoAccess, Provisioning, SignIn, SignInOutcome,
    SignInRefusal, SignedIn,
};
pub use users::{Description, NewUser, UserFilter, Users};

/// Where records are kept.
#[async_trait]
pub trait Store:
    Users
    + Sessions
    + SigningKeys
    + Settings
    + ChangeFeed
    + ReplayGuard
    + AuditLog
    + Events
    + Deliveries
    + Maintenance
    + SharedRates
    + Send
    + Sync
{
    /// Whether records can be read and written now.
    async fn health(&self) -> Result<(), StoreError>;

    /// Writes what is queued and closes the store. Later operations fail with `Unavailable`.
    async fn close(&self);

    /// Like [`Store::close`], but temporarily, for another process of this gateway where only one
    /// can open the store.
    async fn release(&self) {}

    /// Reacquires the store after [`Store::release`], however long that takes.
    async fn reacquire(&self) {}
}

/// Why the store did not do what was asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// The store cannot be reached, read or written now. Whether a write took place is not
    /// known, but every write can be asked for again.
    #[error("the store is unavailable: {0}")]
    Unavailable(String),
    /// There is no room to write; what was written before is there.
    #[error("the store cannot be written: {0}")]
    Full(&'static str),
    /// The database takes no writes, as a standby, or the former primary after a failover; nothing
    /// was written.
    #[error(
        "the store cannot be written: the database is read-only; name its primary, or all its \
         servers, in `store.postgres`"
    )]
    ReadOnly,
    /// The embedded store's file is not at its place any more; nothing was written.
    #[error(
        "the store cannot be written: its file was removed, emptied or replaced while the gateway runs; \
         put it back, or stop the gateway and restore it"
    )]
    Replaced,
    /// Another process of this gateway has the store, since [`Store::release`].
    #[error("the store is in use by the process that takes over from this one")]
    Released,
    /// A record cannot be read.
    #[error("a record of the store cannot be read: {0}")]
    Corrupt(&'static str),
    /// Another record conflicts; nothing was written.
    #[error("another record conflicts: {0}")]
    Conflict(&'static str),
    /// The cursor of a page was not created by this store.
    #[error("not a cursor of this list")]
    InvalidCursor,
}
