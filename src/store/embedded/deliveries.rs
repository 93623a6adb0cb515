//! Webhooks in the file, and what became of events at them.

use std::collections::BTreeMap;
use std::time::Duration;

use async_trait::async_trait;
use uuid::Uuid;

use super::event_row::{event, latest_event};
use super::row::{decoded, put_record, record};
use super::table::{Range, Read, Row, Table, Write};
use super::transaction::Transaction;
use super::{Embedded, page};
use crate::clock::UnixTime;
use crate::store::{
    Deliveries, Delivery, DeliveryState, Outstanding, Page, PageRequest, StoreError,
};

#[async_trait]
impl Deliveries for Embedded {
    async fn lease_webhook(
        &self,
        webhook: &str,
        _: Uuid,
        _: Duration,
    ) -> Result<Option<u64>, StoreError> {
        let webhook = webhook.to_owned();
        if let Some(up_to) = self.read(|rows| up_to(rows, &webhook))? {
            return Ok(Some(up_to));
        }
        let begin = move |tx: &mut Transaction<'_>| {
            let latest = latest_event(tx)?;
            put_record(tx, Table::Webhooks, webhook.as_bytes(), &latest)?;
            Ok(Some(latest))
        };
        self.writer.write(begin).await
    }

    async fn release_webhook(&self, _: &str, _: Uuid) -> Result<(), StoreError> {
        Ok(())
    }

    async fn put_deliveries(
        &self,
        webhook: &str,
        _: Uuid,
        from: u64,
        reached: u64,
        deliveries: Vec<Delivery>,
    ) -> Result<bool, StoreError> {
        let webhook = webhook.to_owned();
        let put_all = move |tx: &mut Transaction<'_>| {
            let known = up_to(tx, &webhook)?.unwrap_or(0);
            if known < from {
                return Ok(false);
            }
            let reached = reached.max(known);
            put_record(tx, Table::Webhooks, webhook.as_bytes(), &reached)?;
            for delivery in &deliveries {
                put(tx, &webhook, delivery)?;
            }
            Ok(true)
        };
        self.writer.write(put_all).await
    }

    async fn pending_deliveries(
        &self,
        webhook: &str,
        limit: usize,
    ) -> Result<Vec<Delivery>, StoreError> {
        self.read(|rows| in_state(rows, webhook, DeliveryState::Pending, limit))
    }

    async fn deliveries(
        &self,
        webhook: &str,
        state: DeliveryState,
        request: PageRequest,
    ) -> Result<Page<Delivery>, StoreError> {
        let prefix = of_state(webhook, state);
        self.read(|rows| {
            let item = |rows: &mut _, row: &Row| indexed(rows, webhook, row);
            page(rows, Table::DeliveriesByState, &prefix, &request, item)
        })
    }

    async fn count_deliveries(&self, webhook: &str) -> Result<Outstanding, StoreError> {
        self.read(|rows| {
            let mut count = |state| {
                let prefix = of_state(webhook, state);
                let range = Range {
                    prefix: &prefix,
                    ..Range::default()
                };
                let found = rows.scan(Table::DeliveriesByState, range, Outstanding::COUNTED)?;
                Ok::<_, StoreError>(found.len() as u64)
            };
            Ok(Outstanding {
                pending: count(DeliveryState::Pending)?,
                parked: count(DeliveryState::Parked)?,
                up_to: up_to(rows, webhook)?.unwrap_or(0),
            })
        })
    }

    async fn resend(&self, webhook: &str, sequence: u64, at: UnixTime) -> Result<bool, StoreError> {
        let webhook = webhook.to_owned();
        let again = move |tx: &mut Transaction<'_>| {
            let reached = up_to(tx, &webhook)?.unwrap_or(0);
            let Some(event) = event(tx, sequence)?.filter(|_| sequence <= reached) else {
                return Ok(false);
            };
            let known = record(tx, Table::Deliveries, &key(&webhook, sequence))?;
            let delivery: Delivery = known.unwrap_or_else(|| Delivery::pending(&event, at));
            put(tx, &webhook, &delivery.again(at))?;
            Ok(true)
        };
        self.writer.write(again).await
    }

    async fn resend_parked(
        &self,
        webhook: &str,
        limit: usize,
        at: UnixTime,
    ) -> Result<usize, StoreError> {
        let webhook = webhook.to_owned();
        let again = move |tx: &mut Transaction<'_>| {
            let parked = in_state(tx, &webhook, DeliveryState::Parked, limit)?;
            let found = parked.len();
            for delivery in parked {
                put(tx, &webhook, &delivery.again(at))?;
            }
            Ok(found)
        };
        self.writer.write(again).await
    }
}

/// Takes out what became of the events up to a number. Says what was pending, by webhook.
pub(super) fn remove_up_to(
    tx: &mut Transaction<'_>,
    last: u64,
) -> Result<BTreeMap<String, u64>, StoreError> {
    let mut pending = BTreeMap::new();
    let webhooks = tx.scan(Table::Webhooks, Range::default(), usize::MAX)?;
    for (name, _) in webhooks {
        let name = String::from_utf8_lossy(&name).into_owned();
        let prefix = of_webhook(&name);
        let range = Range {
            prefix: &prefix,
            ..Range::default()
        };
        for (row_key, value) in tx.scan(Table::Deliveries, range, REMOVED_AT_ONCE)? {
            let delivery: Delivery = decoded(Table::Deliveries, &value)?;
            if delivery.sequence > last {
                break;
            }
            tx.remove(Table::Deliveries, &row_key)?;
            let by_state = index_key(&name, delivery.state, delivery.sequence);
            tx.remove(Table::DeliveriesByState, &by_state)?;
            if delivery.state == DeliveryState::Pending {
                *pending.entry(name.clone()).or_default() += 1;
            }
        }
    }
    Ok(pending)
}

fn up_to(rows: &mut impl Read, webhook: &str) -> Result<Option<u64>, StoreError> {
    record(rows, Table::Webhooks, webhook.as_bytes())
}

/// Writes a delivery over the one before.
fn put(tx: &mut Transaction<'_>, webhook: &str, delivery: &Delivery) -> Result<(), StoreError> {
    let own = key(webhook, delivery.sequence);
    let old: Option<Delivery> = record(tx, Table::Deliveries, &own)?;
    if let Some(old) = old.filter(|old| old.state != delivery.state) {
        let by_state = index_key(webhook, old.state, old.sequence);
        tx.remove(Table::DeliveriesByState, &by_state)?;
    }
    let by_state = index_key(webhook, delivery.state, delivery.sequence);
    tx.put(Table::DeliveriesByState, &by_state, &[])?;
    put_record(tx, Table::Deliveries, &own, delivery)
}

/// The deliveries in a state, the oldest events first.
fn in_state(
    rows: &mut impl Read,
    webhook: &str,
    state: DeliveryState,
    limit: usize,
) -> Result<Vec<Delivery>, StoreError> {
    let prefix = of_state(webhook, state);
    let range = Range {
        prefix: &prefix,
        ..Range::default()
    };
    let found = rows.scan(Table::DeliveriesByState, range, limit)?;
    found
        .iter()
        .map(|row| indexed(rows, webhook, row))
        .collect()
}

fn indexed(rows: &mut impl Read, webhook: &str, (index, _): &Row) -> Result<Delivery, StoreError> {
    let corrupt = || StoreError::Corrupt(Table::DeliveriesByState.name());
    let sequence = index.last_chunk::<8>().ok_or_else(corrupt)?;
    let own = key(webhook, u64::from_be_bytes(*sequence));
    record(rows, Table::Deliveries, &own)?.ok_or_else(corrupt)
}

/// The length keeps two webhooks apart of which one's name is the beginning of the other's.
fn of_webhook(webhook: &str) -> Vec<u8> {
    [&(webhook.len() as u64).to_be_bytes(), webhook.as_bytes()].concat()
}

fn of_state(webhook: &str, state: DeliveryState) -> Vec<u8> {
    let state = match state {
        DeliveryState::Pending => b'p',
        DeliveryState::Delivered => b'd',
        DeliveryState::Parked => b'x',
    };
    [of_webhook(webhook).as_slice(), &[state]].concat()
}

fn key(webhook: &str, sequence: u64) -> Vec<u8> {
    [of_webhook(webhook).as_slice(), &sequence.to_be_bytes()].concat()
}

fn index_key(webhook: &str, state: DeliveryState, sequence: u64) -> Vec<u8> {
    [of_state(webhook, state).as_slice(), &sequence.to_be_bytes()].concat()
}

/// Of one webhook, in one batch of a sweep: more than events, of which there may be none any more.
const REMOVED_AT_ONCE: usize = 2 * crate::store::events::SWEPT_AT_ONCE;
