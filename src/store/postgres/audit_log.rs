//! The audit in PostgreSQL.

use async_trait::async_trait;
use uuid::Uuid;

use super::Postgres;
use super::connection::{Failure, Tx, execute, rows};
use super::row::{encoded, record, signed};
use crate::store::{AuditLog, AuditRecord, Page, PageRequest, StoreError};

#[async_trait]
impl AuditLog for Postgres {
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
