//! Webhooks in PostgreSQL, and what became of events at them.

use std::time::Duration;

use async_trait::async_trait;
use deadpool_postgres::GenericClient;
use uuid::Uuid;

use super::Postgres;
use super::connection::{Failure, Tx, execute, rows};
use super::events::event;
use super::row::{column, encoded, record, signed, unsigned};
use crate::clock::UnixTime;
use crate::store::{
    Deliveries, Delivery, DeliveryState, Outstanding, Page, PageRequest, StoreError,
};

#[async_trait]
impl Deliveries for Postgres {
    async fn lease_webhook(
        &self,
        webhook: &str,
        holder: Uuid,
        time: Duration,
    ) -> Result<Option<u64>, StoreError> {
        let is_known = self.read(webhook.to_owned(), |on, webhook| {
            Box::pin(is_known(on, webhook))
        });
        if !is_known.await? {
            // It begins after the latest number, which all events of before have to have by then.
            self.number_events().await?;
        }
        let input = (webhook.to_owned(), holder, time.as_secs_f64());
        self.write(input, |tx, (webhook, holder, time)| {
            Box::pin(async move {
                // By the clock of the database, which all gateways have.
                let sql = "INSERT INTO vestibule.webhooks AS w (name, up_to, holder, leased_until) \
                     SELECT $1, latest, $2, clock_timestamp() + make_interval(secs => $3) \
                     FROM vestibule.event_counter \
                     ON CONFLICT (name) DO UPDATE \
                     SET holder = excluded.holder, leased_until = excluded.leased_until \
                     WHERE w.holder IS NULL OR w.holder = excluded.holder \
                     OR w.leased_until < clock_timestamp() RETURNING up_to";
                let found = rows(tx.on(), sql, &[webhook, holder, time]).await?;
                Ok(found.first().map(|row| unsigned(row.get(0))))
            })
        })
        .await
    }

    async fn release_webhook(&self, webhook: &str, holder: Uuid) -> Result<(), StoreError> {
        self.write((webhook.to_owned(), holder), |tx, (webhook, holder)| {
            Box::pin(async move {
                let sql = "UPDATE vestibule.webhooks SET holder = NULL \
                           WHERE name = $1 AND holder = $2";
                execute(tx.on(), sql, &[webhook, holder]).await.map(drop)
            })
        })
        .await
    }

    async fn put_deliveries(
        &self,
        webhook: &str,
        holder: Uuid,
        from: u64,
        up_to: u64,
        deliveries: Vec<Delivery>,
    ) -> Result<bool, StoreError> {
        let input = (webhook.to_owned(), holder, [from, up_to], deliveries);
        self.write(input, |tx, (webhook, holder, [from, up_to], deliveries)| {
            Box::pin(async move {
                let sql = "UPDATE vestibule.webhooks SET up_to = greatest(up_to, $3) \
                           WHERE name = $1 AND holder = $2 AND $4 <= up_to \
                           AND clock_timestamp() < leased_until";
                let (from, up_to) = (signed(*from), signed(*up_to));
                if execute(tx.on(), sql, &[webhook, holder, &up_to, &from]).await? == 0 {
                    return Ok(false);
                }
                put(tx, webhook, deliveries).await?;
                Ok(true)
            })
        })
        .await
    }

    async fn pending_deliveries(
        &self,
        webhook: &str,
        limit: usize,
    ) -> Result<Vec<Delivery>, StoreError> {
        self.read((webhook.to_owned(), limit), |on, (webhook, limit)| {
            Box::pin(async move {
                let sql = format!("{IN_STATE} AND sequence > $3 ORDER BY sequence LIMIT $4");
                let state = DeliveryState::Pending.label();
                let limit = signed(*limit as u64);
                let found = rows(on, &sql, &[webhook, &state, &0i64, &limit]).await?;
                found
                    .iter()
                    .map(|row| record(row, 0, "deliveries"))
                    .collect()
            })
        })
        .await
    }

    async fn deliveries(
        &self,
        webhook: &str,
        state: DeliveryState,
        request: PageRequest,
    ) -> Result<Page<Delivery>, StoreError> {
        let input = (webhook.to_owned(), state, request);
        self.read(input, |on, (webhook, state, request)| {
            Box::pin(page(on, webhook, *state, request))
        })
        .await
    }

    async fn count_deliveries(&self, webhook: &str) -> Result<Outstanding, StoreError> {
        self.read(webhook.to_owned(), |on, webhook| {
            Box::pin(async move {
                let count = format!(
                    "(SELECT count(*) FROM (SELECT FROM vestibule.deliveries \
                      WHERE webhook = $1 AND state = 'STATE' LIMIT {}) AS part)",
                    Outstanding::COUNTED
                );
                let count = |state: DeliveryState| count.replace("STATE", state.label());
                let sql = format!(
                    "SELECT {}, {}, (SELECT up_to FROM vestibule.webhooks WHERE name = $1)",
                    count(DeliveryState::Pending),
                    count(DeliveryState::Parked)
                );
                let found = rows(on, &sql, &[webhook]).await?;
                let row = found.first().ok_or(StoreError::Corrupt("deliveries"))?;
                let up_to: Option<i64> = row.get(2);
                Ok(Outstanding {
                    pending: unsigned(row.get(0)),
                    parked: unsigned(row.get(1)),
                    up_to: up_to.map_or(0, unsigned),
                })
            })
        })
        .await
    }

    async fn resend(&self, webhook: &str, sequence: u64, at: UnixTime) -> Result<bool, StoreError> {
        let input = (webhook.to_owned(), sequence, at);
        self.write(input, |tx, (webhook, sequence, at)| {
            Box::pin(async move {
                let Some(event) = event(tx.on(), *sequence).await? else {
                    return Ok(false);
                };
                let sql = "SELECT (SELECT record::text FROM vestibule.deliveries \
                     WHERE webhook = $1 AND sequence = $2) \
                     FROM vestibule.webhooks WHERE name = $1 AND $2 <= up_to";
                let found = rows(tx.on(), sql, &[webhook, &signed(*sequence)]).await?;
                let Some(row) = found.first() else {
                    return Ok(false);
                };
                let known: Option<Delivery> = column(row, 0, "deliveries")?;
                let delivery = known.unwrap_or_else(|| Delivery::pending(&event, *at));
                put(tx, webhook, &[delivery.again(*at)]).await?;
                Ok(true)
            })
        })
        .await
    }

    async fn resend_parked(
        &self,
        webhook: &str,
        limit: usize,
        at: UnixTime,
    ) -> Result<usize, StoreError> {
        let input = (webhook.to_owned(), limit, at);
        self.write(input, |tx, (webhook, limit, at)| {
            Box::pin(async move {
                let sql = format!("{IN_STATE} ORDER BY sequence LIMIT $3 FOR UPDATE");
                let state = DeliveryState::Parked.label();
                let limit = signed(*limit as u64);
                let found = rows(tx.on(), &sql, &[webhook, &state, &limit]).await?;
                let parked = found.iter().map(|row| record(row, 0, "deliveries"));
                let parked = parked.collect::<Result<Vec<Delivery>, _>>()?;
                let again: Vec<_> = parked.into_iter().map(|one| one.again(*at)).collect();
                put(tx, webhook, &again).await?;
                Ok(again.len())
            })
        })
        .await
    }
}

async fn is_known(on: &impl GenericClient, webhook: &str) -> Result<bool, Failure> {
    let sql = "SELECT FROM vestibule.webhooks WHERE name = $1";
    Ok(!rows(on, sql, &[&webhook]).await?.is_empty())
}

/// Writes deliveries over those before.
async fn put(tx: &Tx<'_>, webhook: &str, deliveries: &[Delivery]) -> Result<(), Failure> {
    if deliveries.is_empty() {
        return Ok(());
    }
    let sql = "INSERT INTO vestibule.deliveries (webhook, sequence, state, record) \
         SELECT $1, sequence, state, record::json \
         FROM unnest($2::bigint[], $3::text[], $4::text[]) AS new (sequence, state, record) \
         ON CONFLICT (webhook, sequence) \
         DO UPDATE SET state = excluded.state, record = excluded.record";
    let sequences: Vec<i64> = deliveries.iter().map(|one| signed(one.sequence)).collect();
    let states: Vec<&str> = deliveries.iter().map(|one| one.state.label()).collect();
    let records = deliveries.iter().map(encoded);
    let records: Vec<String> = records.collect::<Result<_, _>>()?;
    execute(tx.on(), sql, &[&webhook, &sequences, &states, &records]).await?;
    Ok(())
}

async fn page(
    on: &impl GenericClient,
    webhook: &str,
    state: DeliveryState,
    request: &PageRequest,
) -> Result<Page<Delivery>, Failure> {
    let before: i64 = match &request.after {
        Some(cursor) => cursor.parse().map_err(|_| StoreError::InvalidCursor)?,
        None => i64::MAX,
    };
    let limit = request.bounded();
    let one_more = signed(limit as u64 + 1);
    let sql = format!("{IN_STATE} AND sequence < $3 ORDER BY sequence DESC LIMIT $4");
    let found = rows(on, &sql, &[&webhook, &state.label(), &before, &one_more]).await?;
    let items = found
        .iter()
        .take(limit)
        .map(|row| record(row, 0, "deliveries"));
    let items = items.collect::<Result<Vec<Delivery>, _>>()?;
    let more = found.len() > limit;
    let next = items.last().filter(|_| more);
    let next = next.map(|last| last.sequence.to_string());
    Ok(Page { items, next })
}

const IN_STATE: &str =
    "SELECT record::text FROM vestibule.deliveries WHERE webhook = $1 AND state = $2";
