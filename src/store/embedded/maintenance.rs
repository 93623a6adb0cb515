//! Sweeping the file, and records as they leave and enter it.

use async_trait::async_trait;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL;
use uuid::Uuid;

use super::Embedded;
use super::row::{
    self, LATEST_CHANGE, SWEPT_CHANGES, decoded, latest_change, put_mark, put_record, put_session,
    put_user, remove_session, user_index,
};
use super::table::{Range, Read, Row, Table, Write};
use super::transaction::Transaction;
use crate::clock::UnixTime;
use crate::store::maintenance::{CHANGES_KEPT, GRACE, MARKS_KEPT, latest_known};
use crate::store::sign_in::Replaced;
use crate::store::{
    Change, Digest, Exported, Maintenance, NotBefore, Page, PageRequest, SessionAlias,
    SessionRecord, StoreError, Swept, Tombstone,
};

#[async_trait]
impl Maintenance for Embedded {
    async fn sweep(&self, now: UnixTime, audit_from: UnixTime) -> Result<Swept, StoreError> {
        // One sweep at a time: the position is where the one before stopped.
        let mut position = self.sweep.lock().await;
        let table = *SWEPT
            .get(position.table)
            .ok_or(StoreError::Corrupt("sweep"))?;
        let after = position.after.take();
        let swept = self.sweep_rows(table, after, now, audit_from).await;
        // A table that cannot be swept keeps no other from being swept.
        match &swept {
            Ok((_, Some(last))) => position.after = Some(last.clone()),
            Ok((_, None)) | Err(_) => position.table = (position.table + 1) % SWEPT.len(),
        }
        let (removed, _) = swept?;
        Ok(Swept {
            removed,
            finished: position.table == 0 && position.after.is_none(),
        })
    }

    async fn bytes(&self) -> Result<Option<u64>, StoreError> {
        let unreadable = |error: std::io::Error| StoreError::Unavailable(error.to_string());
        let file = std::fs::metadata(self.place.path()).map_err(unreadable)?;
        Ok(Some(file.len()))
    }

    async fn clock(&self) -> Result<Option<UnixTime>, StoreError> {
        Ok(None)
    }

    async fn export(&self, request: PageRequest) -> Result<Page<Exported>, StoreError> {
        let (mut index, mut after) = match &request.after {
            None => (0, None),
            Some(cursor) => {
                let (index, key) = cursor.split_once('.').ok_or(StoreError::InvalidCursor)?;
                let index = index.parse().map_err(|_| StoreError::InvalidCursor)?;
                let key = BASE64URL
                    .decode(key)
                    .map_err(|_| StoreError::InvalidCursor)?;
                (index, Some(key))
            }
        };
        let limit = request.bounded();
        let mut items = Vec::new();
        self.read(|rows| {
            if request.after.is_none() {
                items.push(Exported::Sequence(latest_change(rows)?));
            }
            while let Some(&table) = EXPORTED.get(index) {
                let range = Range {
                    after: after.as_deref(),
                    ..Range::default()
                };
                let found = rows.scan(table, range, limit.saturating_sub(items.len()))?;
                for row in &found {
                    items.push(exported(table, row)?);
                }
                if items.len() >= limit {
                    after = found.into_iter().next_back().map(|(key, _)| key).or(after);
                    let next = format!("{index}.{}", BASE64URL.encode(after.unwrap_or_default()));
                    return Ok(Page {
                        items,
                        next: Some(next),
                    });
                }
                (index, after) = (index + 1, None);
            }
            Ok(Page { items, next: None })
        })
    }

    async fn import(&self, records: Vec<Exported>) -> Result<(), StoreError> {
        // A conflict leaves no trace: what fails is run by nobody, and its transaction without it again.
        let import = move |tx: &mut Transaction<'_>| {
            records.iter().try_for_each(|record| import(tx, record))?;
            count_from(tx, latest_known(&records))
        };
        self.writer.write(import).await
    }
}

impl Embedded {
    /// Takes out what is outdated of some rows after a key: how many, and the last key that was looked at
    /// if there may be more after it.
    async fn sweep_rows(
        &self,
        table: Table,
        after: Option<Vec<u8>>,
        now: UnixTime,
        audit_from: UnixTime,
    ) -> Result<(usize, Option<Vec<u8>>), StoreError> {
        let rows = self.read(|rows| {
            let range = Range {
                after: after.as_deref(),
                ..Range::default()
            };
            rows.scan(table, range, SWEEP_ROWS)
        })?;
        let last = (rows.len() == SWEEP_ROWS)
            .then(|| rows.last().map(|(key, _)| key.clone()))
            .flatten();
        let mut outdated = Vec::new();
        for (key, value) in rows {
            // The sweep neither removes nor stops at a row that it cannot read.
            if is_outdated(table, &key, &value, now, audit_from).unwrap_or(false) {
                outdated.push(key);
            }
        }
        if outdated.is_empty() {
            return Ok((0, last));
        }
        let remove = move |tx: &mut Transaction<'_>| {
            let mut removed = 0;
            for key in &outdated {
                removed += usize::from(remove(tx, table, key, now, audit_from)?);
            }
            Ok(removed)
        };
        Ok((self.writer.write(remove).await?, last))
    }
}

/// Where the sweep is.
#[derive(Debug, Default)]
pub(super) struct SweepPosition {
    table: usize,
    after: Option<Vec<u8>>,
}

fn is_outdated(
    table: Table,
    key: &[u8],
    value: &[u8],
    now: UnixTime,
    audit_from: UnixTime,
) -> Result<bool, StoreError> {
    let until = match table {
        Table::Sessions => decoded::<SessionRecord>(table, value)?.remember_until,
        Table::SessionAliases => decoded::<SessionAlias>(table, value)?.until,
        Table::Tombstones => decoded::<Tombstone>(table, value)?.until,
        Table::Spent => decoded::<UnixTime>(table, value)?,
        Table::EndMarks => decoded::<NotBefore>(table, value)?.at.plus(MARKS_KEPT),
        Table::Changes => return Ok(decoded::<Change>(table, value)?.at.plus(CHANGES_KEPT) < now),
        Table::Audit => return Ok(uuid_time(key).is_some_and(|at| at < audit_from)),
        _ => return Ok(false),
    };
    Ok(until.plus(GRACE) < now)
}

/// Takes a row out if it is still outdated.
fn remove(
    tx: &mut Transaction<'_>,
    table: Table,
    key: &[u8],
    now: UnixTime,
    audit_from: UnixTime,
) -> Result<bool, StoreError> {
    let Some(value) = tx.get(table, key)? else {
        return Ok(false);
    };
    if !is_outdated(table, key, &value, now, audit_from)? {
        return Ok(false);
    }
    match table {
        Table::Sessions => remove_session(tx, &decoded(table, &value)?)?,
        Table::Changes => {
            tx.put(Table::Meta, SWEPT_CHANGES, key)?;
            tx.remove(table, key)?;
        }
        _ => tx.remove(table, key)?,
    }
    Ok(true)
}

/// When a UUIDv7 was created.
fn uuid_time(key: &[u8]) -> Option<UnixTime> {
    let (seconds, _) = Uuid::from_slice(key).ok()?.get_timestamp()?.to_unix();
    Some(UnixTime(seconds))
}

fn exported(table: Table, (key, value): &Row) -> Result<Exported, StoreError> {
    let corrupt = || StoreError::Corrupt(table.name());
    let digest = || {
        <[u8; 32]>::try_from(key.as_slice())
            .map(Digest)
            .map_err(|_| corrupt())
    };
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).map_err(|_| corrupt());
    Ok(match table {
        Table::Users => Exported::User(decoded(table, value)?),
        Table::Sessions => Exported::Session(decoded(table, value)?),
        Table::EndMarks => Exported::NotBefore(decoded(table, value)?),
        Table::Tombstones => Exported::Tombstone(digest()?, decoded(table, value)?),
        Table::SessionAliases => Exported::SessionAlias(digest()?, decoded(table, value)?),
        Table::Spent => Exported::Spent(digest()?, decoded(table, value)?),
        Table::SigningKeys => Exported::SigningKey(decoded(table, value)?),
        Table::Settings => Exported::Setting(text(key)?, text(value)?),
        Table::Audit => Exported::Audit(decoded(table, value)?),
        _ => return Err(corrupt()),
    })
}

/// Has the next change numbered after `latest`.
fn count_from(tx: &mut Transaction<'_>, latest: u64) -> Result<(), StoreError> {
    if latest <= latest_change(tx)? {
        return Ok(());
    }
    tx.latest_change = Some(latest);
    let latest = latest.to_be_bytes();
    // Nobody can ask for what the other store forgot.
    tx.put(Table::Meta, SWEPT_CHANGES, &latest)?;
    tx.put(Table::Meta, LATEST_CHANGE, &latest)
}

fn import(tx: &mut Transaction<'_>, record: &Exported) -> Result<(), StoreError> {
    match record {
        // All records count, by the changes that they know of.
        Exported::Sequence(_) => Ok(()),
        Exported::User(user) => {
            for (table, key) in user_index(user) {
                let holder = tx.get(table, &key)?;
                if holder.is_some_and(|holder| holder != user.id.as_bytes()) {
                    return Err(StoreError::Conflict("an identity or an address"));
                }
            }
            let old = row::record(tx, Table::Users, user.id.as_bytes())?;
            put_user(
                tx,
                &Replaced {
                    old,
                    new: user.clone(),
                },
            )
        }
        Exported::Session(session) => {
            let old = row::record(tx, Table::Sessions, session.sid.as_bytes())?;
            if let Some(old) = &old {
                remove_session(tx, old)?;
            }
            put_session(
                tx,
                &Replaced {
                    old: None,
                    new: session.clone(),
                },
            )
        }
        Exported::NotBefore(mark) => put_mark(tx, mark.clone()),
        Exported::Tombstone(digest, tombstone) => {
            put_record(tx, Table::Tombstones, &digest.0, tombstone)
        }
        Exported::SessionAlias(digest, alias) => {
            put_record(tx, Table::SessionAliases, &digest.0, alias)
        }
        Exported::Spent(digest, until) => put_record(tx, Table::Spent, &digest.0, until),
        Exported::SigningKey(key) => put_record(tx, Table::SigningKeys, key.kid.as_bytes(), key),
        Exported::Setting(name, value) => {
            tx.put(Table::Settings, name.as_bytes(), value.as_bytes())
        }
        Exported::Audit(record) => put_record(tx, Table::Audit, record.id.as_bytes(), record),
    }
}

/// Tables whose rows have an end.
const SWEPT: [Table; 7] = [
    Table::Sessions,
    Table::SessionAliases,
    Table::EndMarks,
    Table::Tombstones,
    Table::Spent,
    Table::Changes,
    Table::Audit,
];
/// Rows that one batch looks at: a few milliseconds of the writing thread if all are to go.
const SWEEP_ROWS: usize = 1000;
/// Tables that are carried over, in an order in which no record refers to a later one.
const EXPORTED: [Table; 9] = [
    Table::Users,
    Table::EndMarks,
    Table::Sessions,
    Table::SessionAliases,
    Table::Tombstones,
    Table::Spent,
    Table::SigningKeys,
    Table::Settings,
    Table::Audit,
];
