//! Who changed what, and when.

use async_trait::async_trait;

use super::{AuditRecord, Page, PageRequest, StoreError};

/// The record of what operators did.
#[async_trait]
pub trait AuditLog {
    /// Adds a record.
    async fn append_audit(&self, record: AuditRecord) -> Result<(), StoreError>;

    /// The records, the newest first.
    async fn audit(&self, page: PageRequest) -> Result<Page<AuditRecord>, StoreError>;
}
