//! The tables of the file, and reading them in a snapshot.
//!
//! All tables map bytes to bytes: records are JSON under their id, indexes are bare keys.

use std::io;
use std::ops::Bound;
use std::sync::{Arc, OnceLock};

use redb::{ReadOnlyTable, ReadTransaction, ReadableTable, TableDefinition};

use crate::store::StoreError;

/// A table of the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Table {
    /// What the file is: its schema version, the numbers of changes.
    Meta,
    /// User id -> user.
    Users,
    /// `len(iss) || iss || sub` -> user id.
    Identities,
    /// `len(sub) || sub`, user id -> user id.
    Subjects,
    /// Folded address -> user id.
    Emails,
    /// `sid` -> session.
    Sessions,
    /// User id, time of opening, `sid` -> nothing.
    SessionsByUser,
    /// Time of opening, `sid` -> nothing.
    SessionsByTime,
    /// Hash of another name of a session, such as a cookie -> the session.
    SessionAliases,
    /// Scope -> mark.
    EndMarks,
    /// Hash of an identity -> tombstone.
    Tombstones,
    /// Hash of a scope and an id -> until when it is spent.
    Spent,
    /// `kid` -> signing key.
    SigningKeys,
    /// Name -> value.
    Settings,
    /// Number -> change.
    Changes,
    /// Record id -> record.
    Audit,
    /// Number -> event.
    Events,
    /// Name -> up to which event all were delivered or have a delivery.
    Webhooks,
    /// `len(name) || name`, number of an event -> delivery.
    Deliveries,
    /// `len(name) || name`, state, number of an event -> nothing.
    DeliveriesByState,
}

impl Table {
    /// All of them, so that a new file has all and a reader finds each.
    pub(super) const ALL: [Self; 20] = [
        Self::Meta,
        Self::Users,
        Self::Identities,
        Self::Subjects,
        Self::Emails,
        Self::Sessions,
        Self::SessionsByUser,
        Self::SessionsByTime,
        Self::SessionAliases,
        Self::EndMarks,
        Self::Tombstones,
        Self::Spent,
        Self::SigningKeys,
        Self::Settings,
        Self::Changes,
        Self::Audit,
        Self::Events,
        Self::Webhooks,
        Self::Deliveries,
        Self::DeliveriesByState,
    ];

    pub(super) fn definition(self) -> TableDefinition<'static, &'static [u8], &'static [u8]> {
        TableDefinition::new(self.name())
    }

    /// The name in the file and in errors.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Meta => "meta",
            Self::Users => "users",
            Self::Identities => "identities",
            Self::Subjects => "subjects",
            Self::Emails => "emails",
            Self::Sessions => "sessions",
            Self::SessionsByUser => "sessions_by_user",
            Self::SessionsByTime => "sessions_by_time",
            Self::SessionAliases => "login_cookies",
            Self::EndMarks => "end_marks",
            Self::Tombstones => "tombstones",
            Self::Spent => "spent",
            Self::SigningKeys => "signing_keys",
            Self::Settings => "settings",
            Self::Changes => "changes",
            Self::Audit => "audit",
            Self::Events => "events",
            Self::Webhooks => "webhooks",
            Self::Deliveries => "deliveries",
            Self::DeliveriesByState => "deliveries_by_state",
        }
    }
}

/// A key and its value.
pub(super) type Row = (Vec<u8>, Vec<u8>);

/// A row and its table.
pub(super) type Entry = (Table, Vec<u8>, Vec<u8>);

/// Some entries of a table.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Range<'a> {
    /// What their keys start with.
    pub(super) prefix: &'a [u8],
    /// The key that was seen last, which is not included.
    pub(super) after: Option<&'a [u8]>,
    /// From the greatest key down.
    pub(super) backwards: bool,
}

/// Reading, in a snapshot or inside the writing transaction.
pub(super) trait Read {
    /// The value of a key.
    fn get(&mut self, table: Table, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError>;

    /// At most `limit` of the entries that `range` describes.
    fn scan(
        &mut self,
        table: Table,
        range: Range<'_>,
        limit: usize,
    ) -> Result<Vec<Row>, StoreError>;
}

/// Writing.
pub(super) trait Write: Read {
    /// Sets the value of a key.
    fn put(&mut self, table: Table, key: &[u8], value: &[u8]) -> Result<(), StoreError>;

    /// Takes a key out, if it is there.
    fn remove(&mut self, table: Table, key: &[u8]) -> Result<(), StoreError>;
}

/// What was committed when it was taken. Its clones share the tables that one of them has opened.
#[derive(Clone)]
pub(super) struct Snapshot(Arc<Committed>);

struct Committed {
    transaction: ReadTransaction,
    open: [OnceLock<OpenTable>; Table::ALL.len()],
}

type OpenTable = ReadOnlyTable<&'static [u8], &'static [u8]>;

impl Snapshot {
    pub(super) fn new(transaction: ReadTransaction) -> Self {
        Self(Arc::new(Committed {
            transaction,
            open: [const { OnceLock::new() }; Table::ALL.len()],
        }))
    }

    fn table(&self, table: Table) -> Result<&OpenTable, StoreError> {
        // `ALL` has every table, in the order of the numbers.
        let place = self.0.open.get(table as usize);
        let place = place.ok_or(StoreError::Corrupt(table.name()))?;
        if let Some(open) = place.get() {
            return Ok(open);
        }
        let open = self.0.transaction.open_table(table.definition())?;
        Ok(place.get_or_init(|| open))
    }
}

impl Read for Snapshot {
    fn get(&mut self, table: Table, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        get(self.table(table)?, key)
    }

    fn scan(
        &mut self,
        table: Table,
        range: Range<'_>,
        limit: usize,
    ) -> Result<Vec<Row>, StoreError> {
        scan(self.table(table)?, range, limit)
    }
}

/// The value of a key.
pub(super) fn get(
    table: &impl ReadableTable<&'static [u8], &'static [u8]>,
    key: &[u8],
) -> Result<Option<Vec<u8>>, StoreError> {
    Ok(table.get(key)?.map(|value| value.value().to_vec()))
}

/// At most `limit` of the entries that the range describes.
pub(super) fn scan(
    table: &impl ReadableTable<&'static [u8], &'static [u8]>,
    Range {
        prefix,
        after,
        backwards,
    }: Range<'_>,
    limit: usize,
) -> Result<Vec<Row>, StoreError> {
    let end = end_of(prefix);
    let start = (
        Bound::Included(prefix),
        end.as_deref().map_or(Bound::Unbounded, Bound::Excluded),
    );
    let (from, to) = match (after, backwards) {
        (None, _) => start,
        // A range that starts where it ends, or later, is a panic in the B-tree.
        (Some(after), false) if after < prefix => start,
        (Some(after), true) if end.as_deref().is_some_and(|end| end <= after) => start,
        (Some(after), _) if !after.starts_with(prefix) => return Ok(Vec::new()),
        (Some(after), false) => (Bound::Excluded(after), start.1),
        (Some(after), true) => (start.0, Bound::Excluded(after)),
    };
    if let (Bound::Included(from), Bound::Excluded(to)) = (from, to)
        && to <= from
    {
        return Ok(Vec::new());
    }
    let mut range = table.range::<&[u8]>((from, to))?;
    let mut rows = Vec::new();
    while rows.len() < limit {
        let next = if backwards {
            range.next_back()
        } else {
            range.next()
        };
        let Some(row) = next else { break };
        let (key, value) = row?;
        rows.push((key.value().to_vec(), value.value().to_vec()));
    }
    Ok(rows)
}

/// The first key after all that start with `prefix`; `None`: there is no end.
fn end_of(prefix: &[u8]) -> Option<Vec<u8>> {
    let kept = prefix.iter().rposition(|&byte| byte < u8::MAX)?;
    let mut end = prefix.get(..=kept)?.to_vec();
    *end.last_mut()? += 1;
    Some(end)
}

impl From<redb::StorageError> for StoreError {
    fn from(error: redb::StorageError) -> Self {
        let full = match &error {
            redb::StorageError::Io(cause) => no_room(cause),
            _ => None,
        };
        full.map_or_else(|| Self::Unavailable(error.to_string()), Self::Full)
    }
}

impl From<redb::TableError> for StoreError {
    fn from(error: redb::TableError) -> Self {
        match error {
            redb::TableError::Storage(error) => error.into(),
            error => Self::Unavailable(error.to_string()),
        }
    }
}

impl From<redb::TransactionError> for StoreError {
    fn from(error: redb::TransactionError) -> Self {
        match error {
            redb::TransactionError::Storage(error) => error.into(),
            error => Self::Unavailable(error.to_string()),
        }
    }
}

impl From<redb::CommitError> for StoreError {
    fn from(error: redb::CommitError) -> Self {
        match error {
            redb::CommitError::Storage(error) => error.into(),
            error => Self::Unavailable(error.to_string()),
        }
    }
}

/// Says which room an I/O error is the lack of, if that is what it is.
pub(super) fn no_room(error: &io::Error) -> Option<&'static str> {
    Some(match error.kind() {
        io::ErrorKind::StorageFull => "no space left on the device",
        io::ErrorKind::QuotaExceeded => "the disk quota is used up",
        io::ErrorKind::FileTooLarge => "the file may not grow any further",
        _ => return None,
    })
}
