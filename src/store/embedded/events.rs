//! Events in the file.

use async_trait::async_trait;
use tokio::sync::watch;

use super::Embedded;
use super::deliveries::remove_up_to;
use super::event_row::{event, latest_event, numbered};
use super::row::number;
use super::table::{Range, Read, Table, Write};
use super::transaction::Transaction;
use crate::clock::UnixTime;
use crate::store::events::{SWEPT_AT_ONCE, outdated};
use crate::store::{EventFeed, Events, NumberedEvent, PageRequest, StoreError, SweptEvents};

#[async_trait]
impl Events for Embedded {
    fn latest_event(&self) -> watch::Receiver<u64> {
        self.latest_event.clone()
    }

    async fn events_since(&self, after: u64, limit: usize) -> Result<EventFeed, StoreError> {
        self.read(|rows| {
            let after = after.to_be_bytes();
            let range = Range {
                after: Some(&after),
                ..Range::default()
            };
            let found = rows.scan(Table::Events, range, limit.clamp(1, PageRequest::MAX))?;
            Ok(EventFeed {
                events: found.iter().map(numbered).collect::<Result<_, _>>()?,
                latest: latest_event(rows)?,
                swept: number(rows, SWEPT_EVENTS)?,
            })
        })
    }

    async fn event(&self, sequence: u64) -> Result<Option<NumberedEvent>, StoreError> {
        self.read(|rows| event(rows, sequence))
    }

    async fn sweep_events(&self, before: UnixTime, most: u64) -> Result<SweptEvents, StoreError> {
        let gone = move |rows: &mut Transaction<'_>| {
            let oldest = rows.scan(Table::Events, Range::default(), SWEPT_AT_ONCE)?;
            let oldest: Vec<_> = oldest.iter().map(numbered).collect::<Result<_, _>>()?;
            let times = oldest.iter().map(|row| (row.sequence, row.event.at));
            let Some(last) = outdated(times, latest_event(rows)?, before, most) else {
                return Ok(SweptEvents::default());
            };
            let gone = oldest.iter().take_while(|row| row.sequence <= last);
            let mut events = 0;
            for row in gone {
                rows.remove(Table::Events, &row.sequence.to_be_bytes())?;
                events += 1;
            }
            rows.put(Table::Meta, SWEPT_EVENTS, &last.to_be_bytes())?;
            let pending = remove_up_to(rows, last)?;
            Ok(SweptEvents { events, pending })
        };
        let any = self.read(|rows| {
            let oldest = rows.scan(Table::Events, Range::default(), 1)?;
            let oldest: Vec<_> = oldest.iter().map(numbered).collect::<Result<_, _>>()?;
            let times = oldest.iter().map(|row| (row.sequence, row.event.at));
            Ok(outdated(times, latest_event(rows)?, before, most).is_some())
        })?;
        match any {
            true => self.writer.write(gone).await,
            false => Ok(SweptEvents::default()),
        }
    }
}

/// Under [`Table::Meta`]: the number of the latest event that was swept.
const SWEPT_EVENTS: &[u8] = b"swept_events";
