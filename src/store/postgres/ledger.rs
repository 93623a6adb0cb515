//! Changes, the audit and spent ids in PostgreSQL.

use async_trait::async_trait;
use tokio::sync::watch;
use uuid::Uuid;

use super::Postgres;
use super::connection::{Failure, Tx, execute, rows};
use super::row::{column, encoded, record, signed, unsigned};
use crate::clock::UnixTime;
use crate::store::{
    AuditRecord, Change, Changes, Digest, Ledger, Page, PageRequest, Position, StoreError,
};

#[async_trait]
impl Ledger for Postgres {
    fn latest_change(&self) -> watch::Receiver<u64> {
        self.latest_change.clone()
    }

    async fn changes_since(&self, read: Position, limit: usize) -> Result<Changes, StoreError> {
        self.read((read, limit), |on, &(read, limit)| {
            Box::pin(async move {
                let sql = "SELECT latest, swept, \
                     (SELECT coalesce(json_agg(record ORDER BY sequence), '[]')::text FROM \
                      (SELECT sequence, record FROM vestibule.changes WHERE sequence > $1 \
                       ORDER BY sequence LIMIT $2) AS page), \
                     (SELECT record::text FROM vestibule.changes WHERE sequence = $1), \
                     (SELECT record::text FROM vestibule.changes WHERE sequence = latest) \
                     FROM vestibule.change_counter";
                let limit = signed(limit.clamp(1, PageRequest::MAX) as u64);
                let found = rows(on, sql, &[&signed(read.sequence), &limit]).await?;
                let row = found.first().ok_or(StoreError::Corrupt("change_counter"))?;
                let changes: Vec<Change> = record(row, 2, "changes")?;
                let (latest, swept) = (unsigned(row.get(0)), unsigned(row.get(1)));
                let there: Option<Change> = column(row, 3, "changes")?;
                let last: Option<Change> = column(row, 4, "changes")?;
                Ok(Changes {
                    changes,
                    lost: read.sequence < swept,
                    set_back: read.is_contradicted(there.as_ref(), latest, swept),
                    latest: last.as_ref().map_or(latest.into(), Position::from),
                })
            })
        })
        .await
    }

    async fn consume_once(
        &self,
        scope: &str,
        id: &str,
        until: UnixTime,
    ) -> Result<bool, StoreError> {
        self.write((Digest::of(&[scope, id]), until), |tx, (id, until)| {
            Box::pin(async move { put_spent(tx, *id, *until).await })
        })
        .await
    }

    async fn is_consumed(&self, scope: &str, id: &str) -> Result<bool, StoreError> {
        self.read(Digest::of(&[scope, id]), |on, id| {
            Box::pin(async move {
                let sql = "SELECT FROM vestibule.spent WHERE id = $1";
                Ok(!rows(on, sql, &[&id.0.as_slice()]).await?.is_empty())
            })
        })
        .await
    }

    async fn append_audit(&self, record: AuditRecord) -> Result<(), StoreError> {
        self.write(record, |tx, record| Box::pin(put_audit(tx, record)))
            .await
    }

    async fn audit(&self, request: PageRequest) -> Result<Page<AuditRecord>, StoreError> {
        self.read(request, |on, request| {
            Box::pin(async move {
                let before = match &request.after {
                    Some(cursor) => cursor.parse().map_err(|_| StoreError::InvalidCursor)?,
                    None => Uuid::max(),
                };
                let limit = request.bounded();
                let sql = "SELECT record::text FROM vestibule.audit WHERE id < $1 \
                           ORDER BY id DESC LIMIT $2";
                let found = rows(on, sql, &[&before, &signed(limit as u64 + 1)]).await?;
                let items = found.iter().take(limit).map(|row| record(row, 0, "audit"));
                let items = items.collect::<Result<Vec<AuditRecord>, _>>()?;
                let more = found.len() > limit;
                let next = items
                    .last()
                    .filter(|_| more)
                    .map(|last| last.id.to_string());
                Ok(Page { items, next })
            })
        })
        .await
    }
}

/// Spends an id; false when it is spent.
pub(super) async fn put_spent(tx: &Tx<'_>, id: Digest, until: UnixTime) -> Result<bool, Failure> {
    let sql = "INSERT INTO vestibule.spent (id, until) VALUES ($1, $2) ON CONFLICT (id) DO NOTHING";
    Ok(execute(tx.on(), sql, &[&id.0.as_slice(), &signed(until.0)]).await? == 1)
}

/// Writes a record of the audit.
pub(super) async fn put_audit(tx: &Tx<'_>, record: &AuditRecord) -> Result<(), Failure> {
    let sql = "INSERT INTO vestibule.audit (id, at, record) VALUES ($1, $2, $3::text::json) \
               ON CONFLICT (id) DO UPDATE SET record = excluded.record";
    execute(
        tx.on(),
        sql,
        &[&record.id, &signed(record.at.0), &encoded(record)?],
    )
    .await?;
    Ok(())
}
