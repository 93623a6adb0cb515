//! What can be asked about events, and about what became of them at webhooks.

use std::collections::BTreeMap;
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::watch;
use uuid::Uuid;

use super::{Delivery, DeliveryState, NumberedEvent, Page, PageRequest, StoreError};
use crate::clock::UnixTime;

/// Events: a numbered feed. What an operation of the store makes happen is written in its
/// transaction.
#[async_trait]
pub trait Events {
    /// A number that grows when there may be more events. With several gateways on one store it is
    /// a hint: ask from time to time, too.
    fn latest_event(&self) -> watch::Receiver<u64>;

    /// The events after number `after`, at most `limit`, in their order. Whoever has read number 7
    /// has missed none before it.
    async fn events_since(&self, after: u64, limit: usize) -> Result<EventFeed, StoreError>;

    /// One event.
    async fn event(&self, sequence: u64) -> Result<Option<NumberedEvent>, StoreError>;

    /// Takes out, of the oldest events with what became of them, those from before `before` and
    /// those that are more than `most`: one small batch.
    async fn sweep_events(&self, before: UnixTime, most: u64) -> Result<SweptEvents, StoreError>;
}

/// Webhooks, by their names in the configuration.
#[async_trait]
pub trait Deliveries {
    /// Makes `holder` the one who delivers to a webhook for some time: up to which event all were
    /// delivered or have a [`Delivery`]. A webhook that was not known starts with the next event.
    /// `None`: somebody else is the one.
    ///
    /// An embedded store is open in one process, which is the one.
    async fn lease_webhook(
        &self,
        webhook: &str,
        holder: Uuid,
        time: Duration,
    ) -> Result<Option<u64>, StoreError>;

    /// Lets go of a webhook, so that another gateway need not wait.
    async fn release_webhook(&self, webhook: &str, holder: Uuid) -> Result<(), StoreError>;

    /// Writes how far `holder`, who was at `from` before, is now, and what became of events. False: somebody
    /// else is the one now, or the store was set back behind `from`, and nothing was written.
    async fn put_deliveries(
        &self,
        webhook: &str,
        holder: Uuid,
        from: u64,
        up_to: u64,
        deliveries: Vec<Delivery>,
    ) -> Result<bool, StoreError>;

    /// The pending deliveries of a webhook, the oldest events first.
    async fn pending_deliveries(
        &self,
        webhook: &str,
        limit: usize,
    ) -> Result<Vec<Delivery>, StoreError>;

    /// The deliveries of a webhook, the newest events first.
    async fn deliveries(
        &self,
        webhook: &str,
        state: DeliveryState,
        page: PageRequest,
    ) -> Result<Page<Delivery>, StoreError>;

    /// How many deliveries of a webhook are pending and how many are parked.
    async fn count_deliveries(&self, webhook: &str) -> Result<Outstanding, StoreError>;

    /// Lets an event be sent again. False: it is not known, or not due yet anyway.
    async fn resend(&self, webhook: &str, sequence: u64, at: UnixTime) -> Result<bool, StoreError>;

    /// Lets parked deliveries be sent again, at most `limit`, the oldest first. How many there were.
    async fn resend_parked(
        &self,
        webhook: &str,
        limit: usize,
        at: UnixTime,
    ) -> Result<usize, StoreError>;
}

/// An answer of [`Events::events_since`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EventFeed {
    /// In the order in which they happened.
    pub events: Vec<NumberedEvent>,
    /// The number of the latest event there is.
    pub latest: u64,
    /// The number of the latest event that was taken out; all before it were, too.
    pub swept: u64,
}

/// What [`Events::sweep_events`] took out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SweptEvents {
    /// The number of events.
    pub events: usize,
    /// By webhook, how many of them were still to be sent again.
    pub pending: BTreeMap<String, u64>,
}

/// What a webhook has not accepted, counted up to [`Outstanding::COUNTED`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Outstanding {
    /// Deliveries that are tried again.
    pub pending: u64,
    /// Deliveries that are not.
    pub parked: u64,
    /// Up to which event all were delivered or have a delivery.
    pub up_to: u64,
}

impl Outstanding {
    /// More are not counted.
    pub const COUNTED: usize = 10_000;
}

/// Rows that one batch of a sweep looks at.
pub(super) const SWEPT_AT_ONCE: usize = 500;

/// How many of the oldest events go: those of before `before`, and those that are more than `most`.
/// Stops at the first that stays, so that the feed has no gaps.
pub(super) fn outdated<'a>(
    oldest: impl IntoIterator<Item = (u64, UnixTime)> + 'a,
    latest: u64,
    before: UnixTime,
    most: u64,
) -> Option<u64> {
    let goes =
        |&(sequence, at): &(u64, UnixTime)| at < before || latest.saturating_sub(sequence) >= most;
    let gone = oldest.into_iter().take_while(goes).last();
    gone.map(|(sequence, _)| sequence)
}
