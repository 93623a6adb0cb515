//! Events in PostgreSQL.

use std::collections::BTreeMap;

use async_trait::async_trait;
use deadpool_postgres::GenericClient;
use tokio::sync::watch;
use tokio_postgres::Row;

use super::Postgres;
use super::connection::{Failure, Tx, execute, rows};
use super::row::{encoded, record, signed, unsigned};
use crate::clock::UnixTime;
use crate::store::events::{SWEPT_AT_ONCE, outdated};
use crate::store::{
    DeliveryState, Event, EventFeed, Events, NumberedEvent, PageRequest, StoreError, SweptEvents,
};

#[async_trait]
impl Events for Postgres {
    fn latest_event(&self) -> watch::Receiver<u64> {
        self.latest_event.clone()
    }

    async fn events_since(&self, after: u64, limit: usize) -> Result<EventFeed, StoreError> {
        self.number_events().await?;
        self.read((after, limit), |on, &(after, limit)| {
            Box::pin(async move {
                // The counter comes first: what is numbered after it was read is found or not, and
                // is no gap.
                let (latest, swept) = counter(on).await?;
                let sql = "SELECT sequence, record::text FROM vestibule.events \
                           WHERE sequence > $1 ORDER BY sequence LIMIT $2";
                let limit = signed(limit.clamp(1, PageRequest::MAX) as u64);
                let found = rows(on, sql, &[&signed(after), &limit]).await?;
                let events = found.iter().map(numbered).collect::<Result<Vec<_>, _>>()?;
                let last = events.last().map_or(0, |last| last.sequence);
                Ok(EventFeed {
                    events,
                    latest: latest.max(last),
                    swept,
                })
            })
        })
        .await
    }

    async fn event(&self, sequence: u64) -> Result<Option<NumberedEvent>, StoreError> {
        self.read(sequence, |on, &sequence| Box::pin(event(on, sequence)))
            .await
    }

    async fn sweep_events(&self, before: UnixTime, most: u64) -> Result<SweptEvents, StoreError> {
        self.number_events().await?;
        self.write((before, most), |tx, &(before, most)| {
            Box::pin(sweep(tx, before, most))
        })
        .await
    }
}

impl Postgres {
    /// Numbers what was committed without a number.
    pub(super) async fn number_events(&self) -> Result<(), StoreError> {
        while self.read((), |on, ()| Box::pin(any_unnumbered(on))).await? {
            self.write((), |tx, ()| Box::pin(number(tx))).await?;
        }
        Ok(())
    }
}

async fn any_unnumbered(on: &impl GenericClient) -> Result<bool, Failure> {
    let sql = "SELECT FROM vestibule.events WHERE sequence IS NULL LIMIT 1";
    Ok(!rows(on, sql, &[]).await?.is_empty())
}

/// Numbers some events. The counter is locked by a statement of its own: the next one sees what
/// others numbered before.
async fn number(tx: &Tx<'_>) -> Result<(), Failure> {
    let sql = "SELECT latest FROM vestibule.event_counter FOR UPDATE";
    let found = rows(tx.on(), sql, &[]).await?;
    let row = found.first().ok_or(StoreError::Corrupt("event_counter"))?;
    let latest: i64 = row.get(0);
    let sql = "UPDATE vestibule.events e SET sequence = $1 + n.place FROM \
         (SELECT inserted, row_number() OVER (ORDER BY inserted) AS place FROM \
          (SELECT inserted FROM vestibule.events WHERE sequence IS NULL \
           ORDER BY inserted LIMIT 1000) AS part) AS n WHERE e.inserted = n.inserted";
    let numbered = execute(tx.on(), sql, &[&latest]).await?;
    let sql = "UPDATE vestibule.event_counter SET latest = latest + $1";
    execute(tx.on(), sql, &[&signed(numbered)]).await?;
    Ok(())
}

/// Writes an event.
pub(super) async fn record_event(tx: &Tx<'_>, event: &Event) -> Result<(), Failure> {
    let sql = "INSERT INTO vestibule.events (record) VALUES ($1::text::json)";
    execute(tx.on(), sql, &[&encoded(event)?]).await?;
    Ok(())
}

/// The event of a number.
pub(super) async fn event(
    on: &impl GenericClient,
    sequence: u64,
) -> Result<Option<NumberedEvent>, Failure> {
    let sql = "SELECT sequence, record::text FROM vestibule.events WHERE sequence = $1";
    let found = rows(on, sql, &[&signed(sequence)]).await?;
    found.first().map(numbered).transpose()
}

async fn counter(on: &impl GenericClient) -> Result<(u64, u64), Failure> {
    let sql = "SELECT latest, swept FROM vestibule.event_counter";
    let found = rows(on, sql, &[]).await?;
    let row = found.first().ok_or(StoreError::Corrupt("event_counter"))?;
    Ok((unsigned(row.get(0)), unsigned(row.get(1))))
}

async fn sweep(tx: &Tx<'_>, before: UnixTime, most: u64) -> Result<SweptEvents, Failure> {
    let (latest, _) = counter(tx.on()).await?;
    let sql = format!(
        "SELECT sequence, record::text FROM vestibule.events WHERE sequence IS NOT NULL \
         ORDER BY sequence LIMIT {SWEPT_AT_ONCE}"
    );
    let oldest = rows(tx.on(), &sql, &[]).await?;
    let oldest = oldest.iter().map(numbered).collect::<Result<Vec<_>, _>>()?;
    let times = oldest.iter().map(|row| (row.sequence, row.event.at));
    let Some(last) = outdated(times, latest, before, most) else {
        return Ok(SweptEvents::default());
    };
    let last = signed(last);
    let sql = "DELETE FROM vestibule.events WHERE sequence <= $1";
    let removed = execute(tx.on(), sql, &[&last]).await?;
    let pending = remove_up_to(tx, last).await?;
    let sql = "UPDATE vestibule.event_counter SET swept = greatest(swept, $1)";
    execute(tx.on(), sql, &[&last]).await?;
    Ok(SweptEvents {
        events: usize::try_from(removed).unwrap_or(usize::MAX),
        pending,
    })
}

/// Takes out what became of the events up to a number. Says what was pending, by webhook.
async fn remove_up_to(tx: &Tx<'_>, last: i64) -> Result<BTreeMap<String, u64>, Failure> {
    let sql = "SELECT name FROM vestibule.webhooks ORDER BY name";
    let webhooks = rows(tx.on(), sql, &[]).await?;
    let mut pending = BTreeMap::new();
    for webhook in webhooks.iter().map(|row| row.get::<_, String>(0)) {
        let state = DeliveryState::Pending.label();
        let removed = rows(tx.on(), REMOVE_UP_TO, &[&webhook, &last, &state]).await?;
        let removed = removed.first().map_or(0, |row| unsigned(row.get(0)));
        if removed > 0 {
            pending.insert(webhook, removed);
        }
    }
    Ok(pending)
}

/// Of one webhook, so that an index finds what goes among all that stays.
pub(super) const REMOVE_UP_TO: &str = "WITH gone AS (DELETE FROM vestibule.deliveries \
     WHERE webhook = $1 AND sequence <= $2 RETURNING state) \
     SELECT count(*) FROM gone WHERE state = $3";

fn numbered(row: &Row) -> Result<NumberedEvent, Failure> {
    Ok(NumberedEvent {
        sequence: unsigned(row.get(0)),
        event: record(row, 1, "events")?,
    })
}
