//! What can be asked about what happened.

use async_trait::async_trait;
use tokio::sync::watch;

use super::{AuditRecord, Change, Page, PageRequest, Position, StoreError, Use, Used};

/// Changes for gateways, the audit, and what may happen once.
#[async_trait]
pub trait Ledger {
    /// The number of the latest change that this process heard of; grows when there is more to
    /// ask for. With several gateways on one store it is a hint: ask from time to time, too.
    fn latest_change(&self) -> watch::Receiver<u64>;

    /// The changes after those that were `read`, at most `limit`, in their order.
    async fn changes_since(&self, read: Position, limit: usize) -> Result<Changes, StoreError>;

    /// Uses an id up, unless it was used up before or for what it excludes.
    async fn use_up(&self, usage: Use) -> Result<Used, StoreError>;

    /// Adds a record to the audit.
    async fn append_audit(&self, record: AuditRecord) -> Result<(), StoreError>;

    /// The audit, the newest first.
    async fn audit(&self, page: PageRequest) -> Result<Page<AuditRecord>, StoreError>;
}

/// An answer of [`Ledger::changes_since`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Changes {
    /// The changes.
    pub changes: Vec<Change>,
    /// Some of the requested changes are no longer known: everything held in memory must be looked
    /// up again.
    pub lost: bool,
    /// What was read is not what the store has: it was set back (see [`Position`]). Nothing of
    /// `changes` follows upon it.
    pub set_back: bool,
    /// The latest change there is.
    pub latest: Position,
}
