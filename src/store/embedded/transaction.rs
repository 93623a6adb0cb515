//! The transaction that writes, and what its jobs have in common until the commit.

use std::collections::{BTreeMap, HashMap, hash_map};

use redb::WriteTransaction;

use super::table::{Range, Read, Row, Table, Write, get, scan};
use crate::store::StoreError;

/// The writing transaction. Tables are opened at first use and kept open: closing one writes its
/// root.
pub(super) struct Transaction<'txn> {
    transaction: &'txn WriteTransaction,
    open: HashMap<Table, redb::Table<'txn, &'static [u8], &'static [u8]>>,
    /// Rows of [`Table::Meta`] as they are here. Nearly every job counts there; the file gets what all of
    /// them came to.
    meta: BTreeMap<Vec<u8>, MetaRow>,
    /// The number of the latest change that was recorded in this transaction.
    pub(super) latest_change: Option<u64>,
    /// The number of the latest event that was recorded in this transaction.
    pub(super) latest_event: Option<u64>,
}

/// A row of [`Table::Meta`] in a transaction.
struct MetaRow {
    value: Option<Vec<u8>>,
    is_written: bool,
}

impl<'txn> Transaction<'txn> {
    pub(super) fn new(transaction: &'txn WriteTransaction) -> Self {
        Self {
            transaction,
            open: HashMap::new(),
            meta: BTreeMap::new(),
            latest_change: None,
            latest_event: None,
        }
    }

    /// Writes a row, if there is none under its key; whether there was none.
    pub(super) fn put_new(
        &mut self,
        table: Table,
        key: &[u8],
        value: &[u8],
    ) -> Result<bool, StoreError> {
        let table = self.table(table)?;
        let there = table.insert(key, value)?;
        let Some(there) = there.map(|there| there.value().to_vec()) else {
            return Ok(true);
        };
        table.insert(key, there.as_slice())?;
        Ok(false)
    }

    /// Writes what is not in the tables yet; the last thing before a commit.
    pub(super) fn finish(&mut self) -> Result<(), StoreError> {
        for (key, row) in std::mem::take(&mut self.meta) {
            let table = self.table(Table::Meta)?;
            match row.value {
                _ if row.is_written => {}
                Some(value) => drop(table.insert(key.as_slice(), value.as_slice())?),
                None => drop(table.remove(key.as_slice())?),
            }
        }
        Ok(())
    }

    /// Opens, and so creates, every table.
    pub(super) fn create_all(&mut self) -> Result<(), StoreError> {
        for table in Table::ALL {
            self.table(table)?;
        }
        Ok(())
    }

    fn table(
        &mut self,
        table: Table,
    ) -> Result<&mut redb::Table<'txn, &'static [u8], &'static [u8]>, StoreError> {
        Ok(match self.open.entry(table) {
            hash_map::Entry::Occupied(open) => open.into_mut(),
            hash_map::Entry::Vacant(closed) => {
                closed.insert(self.transaction.open_table(table.definition())?)
            }
        })
    }

    fn set_meta(&mut self, key: &[u8], value: Option<Vec<u8>>) {
        let row = MetaRow {
            value,
            is_written: false,
        };
        self.meta.insert(key.to_vec(), row);
    }
}

impl Read for Transaction<'_> {
    fn get(&mut self, table: Table, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        if table != Table::Meta {
            return get(self.table(table)?, key);
        }
        if let Some(row) = self.meta.get(key) {
            return Ok(row.value.clone());
        }
        let value = get(self.table(table)?, key)?;
        let row = MetaRow {
            value: value.clone(),
            is_written: true,
        };
        self.meta.insert(key.to_vec(), row);
        Ok(value)
    }

    fn scan(
        &mut self,
        table: Table,
        range: Range<'_>,
        limit: usize,
    ) -> Result<Vec<Row>, StoreError> {
        if table == Table::Meta {
            self.finish()?;
        }
        scan(self.table(table)?, range, limit)
    }
}

impl Write for Transaction<'_> {
    fn put(&mut self, table: Table, key: &[u8], value: &[u8]) -> Result<(), StoreError> {
        if table == Table::Meta {
            self.set_meta(key, Some(value.to_vec()));
        } else {
            self.table(table)?.insert(key, value)?;
        }
        Ok(())
    }

    fn remove(&mut self, table: Table, key: &[u8]) -> Result<(), StoreError> {
        if table == Table::Meta {
            self.set_meta(key, None);
        } else {
            self.table(table)?.remove(key)?;
        }
        Ok(())
    }
}
