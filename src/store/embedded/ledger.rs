//! Changes, the audit and spent ids in the file.

use async_trait::async_trait;
use tokio::sync::watch;

use super::row::{decoded, latest_change, put_record, record, swept_changes};
use super::table::{Range, Read, Row, Table, Transaction};
use super::{Embedded, page};
use crate::clock::UnixTime;
use crate::store::{
    AuditRecord, Change, Changes, Digest, Ledger, Once, Page, PageRequest, Position, StoreError,
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

    async fn consume_once(
        &self,
        scope: &str,
        id: &str,
        until: UnixTime,
    ) -> Result<bool, StoreError> {
        let once = Once::new(scope, id, until);
        self.writer.write(move |tx| use_up(tx, once)).await
    }

    async fn is_consumed(&self, scope: &str, id: &str) -> Result<bool, StoreError> {
        let key = Digest::of(&[scope, id]);
        self.read(|rows| Ok(rows.get(Table::Spent, &key.0)?.is_some()))
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

/// Uses an id up; false when it was used before.
pub(super) fn use_up(tx: &mut Transaction<'_>, once: Once) -> Result<bool, StoreError> {
    let first = tx.get(Table::Spent, &once.id.0)?.is_none();
    if first {
        put_record(tx, Table::Spent, &once.id.0, &once.until)?;
    }
    Ok(first)
}
