//! Spent ids in PostgreSQL.

use async_trait::async_trait;
use deadpool_postgres::GenericClient;

use super::Postgres;
use super::connection::{Failure, Tx, execute, rows};
use super::row::signed;
use crate::clock::UnixTime;
use crate::store::{Digest, ReplayGuard, StoreError, Use, Used};

#[async_trait]
impl ReplayGuard for Postgres {
    async fn use_up(&self, usage: Use) -> Result<Used, StoreError> {
        self.write(usage, |tx, usage| Box::pin(put_use(tx, usage)))
            .await
    }
}

/// Uses an id up, unless it may not be.
pub(super) async fn put_use(tx: &Tx<'_>, usage: &Use) -> Result<Used, Failure> {
    let before = used(tx, usage).await?;
    if before != Used::Now {
        return Ok(before);
    }
    let is_first = put_spent(tx, usage.once.id, usage.once.until).await?;
    Ok(match is_first || usage.repeats {
        true => Used::Now,
        // Another transaction was first, after the look.
        false => Used::Before,
    })
}

/// What would become of a use. Of two that exclude each other, one waits here for the other's end.
pub(super) async fn used(tx: &Tx<'_>, usage: &Use) -> Result<Used, Failure> {
    if let Some(excluded) = &usage.excludes {
        let mut key = [0; 8];
        let pair = usage.once.id.0.iter().zip(excluded.0);
        let pair = pair.map(|(own, other)| own ^ other);
        key.iter_mut().zip(pair).for_each(|(to, byte)| *to = byte);
        let lock = "SELECT pg_advisory_xact_lock($1)";
        rows(tx.on(), lock, &[&i64::from_be_bytes(key)]).await?;
    }
    use_now(tx.on(), usage).await
}

/// The same for a look that waits for nobody and promises nothing.
pub(super) async fn use_now(on: &impl GenericClient, usage: &Use) -> Result<Used, Failure> {
    let is_spent = async |id: &Digest| {
        let sql = "SELECT FROM vestibule.spent WHERE id = $1";
        let found = rows(on, sql, &[&id.0.as_slice()]).await?;
        Ok::<_, Failure>(!found.is_empty())
    };
    if let Some(excluded) = &usage.excludes
        && is_spent(excluded).await?
    {
        return Ok(Used::Otherwise);
    }
    Ok(match !usage.repeats && is_spent(&usage.once.id).await? {
        true => Used::Before,
        false => Used::Now,
    })
}

/// Spends an id; false when it is spent.
pub(super) async fn put_spent(tx: &Tx<'_>, id: Digest, until: UnixTime) -> Result<bool, Failure> {
    let sql = "INSERT INTO vestibule.spent (id, until) VALUES ($1, $2) ON CONFLICT (id) DO NOTHING";
    Ok(execute(tx.on(), sql, &[&id.0.as_slice(), &signed(until.0)]).await? == 1)
}
