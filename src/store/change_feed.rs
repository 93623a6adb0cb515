//! What changed, for gateways that share a store.

use async_trait::async_trait;
use tokio::sync::watch;

use super::{Change, Position, StoreError};

/// The numbered changes from which gateways learn what others did.
#[async_trait]
pub trait ChangeFeed {
    /// The number of the latest change that this process heard of; grows when there is more to
    /// ask for. With several gateways on one store it is a hint: ask from time to time, too.
    fn latest_change(&self) -> watch::Receiver<u64>;

    /// The changes after those that were `read`, at most `limit`, in their order.
    async fn changes_since(&self, read: Position, limit: usize) -> Result<Changes, StoreError>;
}

/// An answer of [`ChangeFeed::changes_since`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Changes {
    /// In the order in which they were made.
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
