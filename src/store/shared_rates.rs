//! What gateways count together.

use std::time::Duration;

use async_trait::async_trait;

use super::{Digest, StoreError};

/// What keys owe for what passed at any gateway, each for a time that adds up and is paid back by
/// waiting. Nothing of it has to outlast a crash.
#[async_trait]
pub trait SharedRates {
    /// Adds what passed at one gateway, and says what keys near their limit owe.
    async fn exchange_rates(&self, exchange: RateExchange) -> Result<Vec<RateDebt>, StoreError>;

    /// Removes some keys that owe nothing more; about how many there are then, counted up to
    /// [`MOST_RATE_KEYS`] and one more.
    async fn sweep_rates(&self) -> Result<usize, StoreError>;
}

/// What one gateway hands over and wants to hear.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RateExchange {
    /// What passed there; each key once.
    pub counts: Vec<RateCount>,
    /// Whether keys are added that are not in the store; the others are added to in any case.
    pub takes_new: bool,
    /// Of how many keys it wants to hear; those that owe most are first.
    pub limit: usize,
}

/// What passed of one key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RateCount {
    /// The key and its limit.
    pub key: Digest,
    /// How long it takes to pay that back.
    pub cost: Duration,
    /// How long ago the first of it passed: it has been paid back since then.
    pub age: Duration,
    /// In which time a key that may do nothing any more may do everything again. A key is near its
    /// limit when it owes more than half of that.
    pub period: Duration,
}

/// What a key owes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RateDebt {
    /// The key and its limit.
    pub key: Digest,
    /// For how long, from now on.
    pub owed: Duration,
}

/// How many keys a store keeps. Gateways look at intervals, so that there may be somewhat more.
pub const MOST_RATE_KEYS: usize = 100_000;
/// How many keys one sweep removes.
pub(super) const RATE_SWEEP: usize = 10_000;
