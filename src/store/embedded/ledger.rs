//! Changes, the audit and spent ids in the file.

use async_trait::async_trait;
use tokio::sync::watch;

use super::row::{decoded, latest_change, put_record, record, swept_changes};
use super::table::{Range, Read, Row, Table, Transaction};
use super::{Embedded, page};
use crate::store::{
    AuditRecord, Change, Changes, Digest, Ledger, Once, Page, PageRequest, Position, StoreError,
    Use, Used,
};

#[async_trait]
impl Ledger for Embedded {
    fn latest_change(&self) -> watch::Receiver<u64> {
        self.latest_change.clone()
    }

    async fn changes_since(&self, read: Position, limit: usize) -> Result<Changes, StoreError> {
        self.read(|rows| {
            let after = read.sequence.to_be_bytes();
            let range = Range {
                after: Some(&after),
                ..Range::default()
            };
            let found = rows.scan(Table::Changes, range, limit.clamp(1, PageRequest::MAX))?;
            let changes = found
                .iter()
                .map(|(_, value)| decoded(Table::Changes, value));
            let (latest, swept) = (latest_change(rows)?, swept_changes(rows)?);
            let there = record::<Change>(rows, Table::Changes, &after)?;
            let last = record::<Change>(rows, Table::Changes, &latest.to_be_bytes())?;
            Ok(Changes {
                changes: changes.collect::<Result<_, _>>()?,
                lost: read.sequence < swept,
                set_back: read.is_contradicted(there.as_ref(), latest, swept),
                latest: last.as_ref().map_or(latest.into(), Position::from),
            })
        })
    }

    async fn use_up(&self, usage: Use) -> Result<Used, StoreError> {
        let write = move |tx: &mut Transaction<'_>| {
            let used = used(tx, &usage)?;
            if used == Used::Now {
                use_up(tx, usage.once)?;
            }
            Ok(used)
        };
        self.writer.write(write).await
    }

    async fn append_audit(&self, record: AuditRecord) -> Result<(), StoreError> {
        let append = move |tx: &mut Transaction<'_>| {
            put_record(tx, Table::Audit, record.id.as_bytes(), &record)
        };
        self.writer.write(append).await
    }

    async fn audit(&self, request: PageRequest) -> Result<Page<AuditRecord>, StoreError> {
        self.read(|rows| {
            page(rows, Table::Audit, &[], &request, |_, (_, value): &Row| {
                decoded(Table::Audit, value)
            })
        })
    }
}

/// What would become of a use. Writes nothing.
pub(super) fn used(tx: &mut impl Read, usage: &Use) -> Result<Used, StoreError> {
    let mut is_spent = |id: &Digest| {
        let row = tx.get(Table::Spent, &id.0)?;
        Ok::<_, StoreError>(row.is_some())
    };
    if let Some(excluded) = &usage.excludes
        && is_spent(excluded)?
    {
        return Ok(Used::Otherwise);
    }
    Ok(match !usage.repeats && is_spent(&usage.once.id)? {
        true => Used::Before,
        false => Used::Now,
    })
}

/// Uses an id up; false when it was used before.
pub(super) fn use_up(tx: &mut Transaction<'_>, once: Once) -> Result<bool, StoreError> {
    let first = tx.get(Table::Spent, &once.id.0)?.is_none();
    if first {
        put_record(tx, Table::Spent, &once.id.0, &once.until)?;
    }
    Ok(first)
}
