//! The audit in the file.

use async_trait::async_trait;

use super::row::{decoded, put_record};
use super::table::{Row, Table};
use super::transaction::Transaction;
use super::{Embedded, page};
use crate::store::{AuditLog, AuditRecord, Page, PageRequest, StoreError};

#[async_trait]
impl AuditLog for Embedded {
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
