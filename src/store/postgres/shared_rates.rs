//! What keys owe, in a table that is not logged. All times are of the server's clock.

use async_trait::async_trait;
use deadpool_postgres::GenericClient;

use super::Postgres;
use super::connection::{Failure, Tx, execute, rows};
use super::row::{signed, unsigned};
use crate::store::shared_rates::RATE_SWEEP;
use crate::store::{Digest, MOST_RATE_KEYS, RateDebt, RateExchange, SharedRates, StoreError};

#[async_trait]
impl SharedRates for Postgres {
    async fn exchange_rates(&self, exchange: RateExchange) -> Result<Vec<RateDebt>, StoreError> {
        if exchange.counts.is_empty() {
            let limit = exchange.limit;
            let near = self.read(limit, |on, limit| Box::pin(near(on, *limit)));
            return near.await;
        }
        self.write(exchange, |tx, exchange| {
            Box::pin(async move {
                add(tx, exchange).await?;
                near(tx.on(), exchange.limit).await
            })
        })
        .await
    }

    async fn sweep_rates(&self) -> Result<usize, StoreError> {
        self.write((), |tx, ()| Box::pin(sweep(tx))).await
    }
}

/// Rows are locked in the order of their keys, so that two gateways do not wait for each other.
async fn add(tx: &Tx<'_>, exchange: &RateExchange) -> Result<(), Failure> {
    let mut counts = exchange.counts.clone();
    counts.sort_unstable_by_key(|count| count.key);
    let micros =
        |time: std::time::Duration| signed(u64::try_from(time.as_micros()).unwrap_or(u64::MAX));
    let keys: Vec<&[u8]> = counts.iter().map(|count| count.key.0.as_slice()).collect();
    let costs: Vec<i64> = counts.iter().map(|count| micros(count.cost)).collect();
    let ages: Vec<i64> = counts.iter().map(|count| micros(count.age)).collect();
    let periods: Vec<i64> = counts.iter().map(|count| micros(count.period)).collect();
    let sql = format!(
        "INSERT INTO vestibule.rates AS known (key, owed_until, cost, period) \
         SELECT key, {NOW} - age + cost, cost, period \
         FROM unnest($1::bytea[], $2::bigint[], $3::bigint[], $4::bigint[]) \
             AS counted (key, cost, age, period) \
         WHERE $5 OR EXISTS (SELECT FROM vestibule.rates AS there WHERE there.key = counted.key) \
         ON CONFLICT (key) DO UPDATE SET \
             owed_until = excluded.cost \
                 + greatest(known.owed_until, excluded.owed_until - excluded.cost), \
             cost = excluded.cost, period = excluded.period"
    );
    let takes_new = exchange.takes_new;
    execute(tx.on(), &sql, &[&keys, &costs, &ages, &periods, &takes_new]).await?;
    Ok(())
}

async fn near(on: &impl GenericClient, limit: usize) -> Result<Vec<RateDebt>, Failure> {
    let sql = format!(
        "SELECT key, owed_until - {NOW} FROM vestibule.rates \
         WHERE owed_until - period / 2 > {NOW} ORDER BY owed_until DESC LIMIT $1"
    );
    let found = rows(on, &sql, &[&signed(limit as u64)]).await?;
    let debt = |row: &tokio_postgres::Row| {
        let key: &[u8] = row.get(0);
        let key = key.try_into().map_err(|_| StoreError::Corrupt("rates"))?;
        let owed = std::time::Duration::from_micros(unsigned(row.get(1)));
        Ok(RateDebt {
            key: Digest(key),
            owed,
        })
    };
    found.iter().map(debt).collect()
}

/// Those that another gateway is adding to are left to it.
async fn sweep(tx: &Tx<'_>) -> Result<usize, Failure> {
    let sql = format!(
        "DELETE FROM vestibule.rates WHERE key IN \
         (SELECT key FROM vestibule.rates WHERE owed_until < {NOW} \
          LIMIT {RATE_SWEEP} FOR UPDATE SKIP LOCKED)"
    );
    execute(tx.on(), &sql, &[]).await?;
    let sql = format!(
        "SELECT count(*) FROM (SELECT FROM vestibule.rates LIMIT {MOST_RATE_KEYS} + 1) AS counted"
    );
    let count = rows(tx.on(), &sql, &[]).await?;
    let count = count.first().map_or(0, |row| unsigned(row.get(0)));
    Ok(usize::try_from(count).unwrap_or(usize::MAX))
}

/// Microseconds since 1970.
const NOW: &str = "(extract(epoch FROM statement_timestamp()) * 1000000)::bigint";
