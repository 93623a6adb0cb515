//! Spent ids in the file.

use async_trait::async_trait;

use super::Embedded;
use super::row::put_record;
use super::table::{Read, Table};
use super::transaction::Transaction;
use crate::store::{Digest, Once, ReplayGuard, StoreError, Use, Used};

#[async_trait]
impl ReplayGuard for Embedded {
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
