//! Changes, the audit and spent ids in the file.

use async_trait::async_trait;
use tokio::sync::watch;

use super::row::{decoded, latest_change, put_record, swept_changes};
use super::table::{Range, Read, Row, Table, Transaction};
use super::{Embedded, page};
use crate::clock::UnixTime;
use crate::store::{AuditRecord, Changes, Digest, Ledger, Page, PageRequest, StoreError};

#[async_trait]
impl Ledger for Embedded {
    fn latest_change(&self) -> watch::Receiver<u64> {
        self.latest_change.clone()
    }

    async fn changes_since(&self, sequence: u64, limit: usize) -> Result<Changes, StoreError> {
        self.read(|rows| {
            let after = sequence.to_be_bytes();
            let range = Range {
                after: Some(&after),
                ..Range::default()
            };
            let found = rows.scan(Table::Changes, range, limit.clamp(1, PageRequest::MAX))?;
            let changes = found
                .iter()
                .map(|(_, value)| decoded(Table::Changes, value));
            Ok(Changes {
                changes: changes.collect::<Result<_, _>>()?,
                lost: sequence < swept_changes(rows)?,
                latest: latest_change(rows)?,
            })
        })
    }

    async fn consume_once(
        &self,
        scope: &str,
        id: &str,
        until: UnixTime,
    ) -> Result<bool, StoreError> {
        let key = Digest::of(&[scope, id]);
        let consume_once = move |tx: &mut Transaction<'_>| {
            let unspent = tx.get(Table::Spent, &key.0)?.is_none();
            if unspent {
                put_record(tx, Table::Spent, &key.0, &until)?;
            }
            Ok(unspent)
        };
        self.writer.write(consume_once).await
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
