//! Which table is swept next, and records as they leave the database.

use std::sync::atomic::Ordering;

use async_trait::async_trait;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL;
use deadpool_postgres::GenericClient;
use tokio_postgres::Row;

use super::Postgres;
use super::clock::clock;
use super::connection::{Failure, rows};
use super::feed::read_latest;
use super::import::import;
use super::row::{record, signed};
use super::sweep::{SWEEP_ROWS, SWEPT, sweep};
use crate::clock::UnixTime;
use crate::store::{Digest, Exported, Maintenance, Page, PageRequest, StoreError, Swept};

#[async_trait]
impl Maintenance for Postgres {
    async fn sweep(&self, now: UnixTime, audit_from: UnixTime) -> Result<Swept, StoreError> {
        let table = self.sweep.load(Ordering::Relaxed) % SWEPT.len();
        let swept = self
            .write((table, now, audit_from), |tx, &(table, now, audit_from)| {
                Box::pin(sweep(tx, table, now, audit_from))
            })
            .await;
        // A table that cannot be swept keeps no other from being swept.
        let next = match swept {
            Ok(Some(SWEEP_ROWS..) | None) => table,
            Ok(Some(_)) | Err(_) => (table + 1) % SWEPT.len(),
        };
        self.sweep.store(next, Ordering::Relaxed);
        Ok(Swept {
            removed: swept?.unwrap_or(0),
            finished: next == 0 && table != next,
        })
    }

    async fn bytes(&self) -> Result<Option<u64>, StoreError> {
        Ok(None)
    }

    async fn clock(&self) -> Result<Option<UnixTime>, StoreError> {
        let time = self.read((), |on, ()| Box::pin(clock(on))).await?;
        Ok(Some(time))
    }

    async fn export(&self, request: PageRequest) -> Result<Page<Exported>, StoreError> {
        self.read(request, |on, request| Box::pin(export(on, request)))
            .await
    }

    async fn import(&self, records: Vec<Exported>) -> Result<(), StoreError> {
        self.write(records, |tx, records| Box::pin(import(tx, records)))
            .await
    }
}

async fn export(on: &impl GenericClient, request: &PageRequest) -> Result<Page<Exported>, Failure> {
    let limit = request.bounded();
    let mut items = Vec::new();
    let (mut index, mut after): (usize, Option<String>) = match &request.after {
        None => {
            items.push(Exported::Sequence(read_latest(on).await?));
            (0, None)
        }
        Some(cursor) => {
            let (index, key) = cursor.split_once('.').ok_or(StoreError::InvalidCursor)?;
            let index = index.parse().map_err(|_| StoreError::InvalidCursor)?;
            let key = BASE64URL
                .decode(key)
                .ok()
                .and_then(|key| String::from_utf8(key).ok());
            (index, Some(key.ok_or(StoreError::InvalidCursor)?))
        }
    };
    while let Some(table) = EXPORTED.get(index) {
        let room = signed(limit.saturating_sub(items.len()) as u64);
        let start = after.as_deref().unwrap_or(table.start);
        let found = rows(on, table.sql, &[&start, &room]).await?;
        for row in &found {
            items.push((table.read)(row)?);
        }
        if items.len() >= limit {
            let last = found.last().map(|row| row.get::<_, String>(0));
            let last = last.or(after).unwrap_or_else(|| table.start.to_owned());
            return Ok(Page {
                items,
                next: Some(format!("{index}.{}", BASE64URL.encode(last))),
            });
        }
        (index, after) = (index + 1, None);
    }
    Ok(Page { items, next: None })
}

/// A table that is carried over, page by page in the order of its key.
struct Carried {
    /// Key as text and record as text, after `$1`, at most `$2`.
    sql: &'static str,
    /// What is before all keys.
    start: &'static str,
    read: fn(&Row) -> Result<Exported, Failure>,
}

fn digest(row: &Row) -> Result<Digest, Failure> {
    let bytes: &[u8] = row.get(2);
    bytes
        .try_into()
        .map(Digest)
        .map_err(|_| Failure::Store(StoreError::Corrupt("digest")))
}

/// Users come before sessions, and those before cookies, so that no record refers to a later one.
const EXPORTED: [Carried; 9] = [
    Carried {
        sql: "SELECT id::text, record::text FROM vestibule.users \
              WHERE id > $1::text::uuid ORDER BY id LIMIT $2",
        start: NIL,
        read: |row| record(row, 1, "users").map(Exported::User),
    },
    Carried {
        sql: "SELECT encode(scope, 'hex'), record::text FROM vestibule.end_marks \
              WHERE scope > decode($1, 'hex') ORDER BY scope LIMIT $2",
        start: "",
        read: |row| record(row, 1, "end_marks").map(Exported::NotBefore),
    },
    Carried {
        sql: "SELECT sid::text, record::text FROM vestibule.sessions \
              WHERE sid > $1::text::uuid ORDER BY sid LIMIT $2",
        start: NIL,
        read: |row| record(row, 1, "sessions").map(Exported::Session),
    },
    Carried {
        sql: "SELECT encode(cookie, 'hex'), record::text, cookie FROM vestibule.login_cookies \
              WHERE cookie > decode($1, 'hex') ORDER BY cookie LIMIT $2",
        start: "",
        read: |row| {
            Ok(Exported::SessionAlias(
                digest(row)?,
                record(row, 1, "login_cookies")?,
            ))
        },
    },
    Carried {
        sql: "SELECT encode(identity, 'hex'), record::text, identity FROM vestibule.tombstones \
              WHERE identity > decode($1, 'hex') ORDER BY identity LIMIT $2",
        start: "",
        read: |row| {
            Ok(Exported::Tombstone(
                digest(row)?,
                record(row, 1, "tombstones")?,
            ))
        },
    },
    Carried {
        sql: "SELECT encode(id, 'hex'), until::text, id FROM vestibule.spent \
              WHERE id > decode($1, 'hex') ORDER BY id LIMIT $2",
        start: "",
        read: |row| Ok(Exported::Spent(digest(row)?, record(row, 1, "spent")?)),
    },
    Carried {
        sql: "SELECT kid, record::text FROM vestibule.signing_keys \
              WHERE kid > $1 ORDER BY kid LIMIT $2",
        start: "",
        read: |row| record(row, 1, "signing_keys").map(Exported::SigningKey),
    },
    Carried {
        sql: "SELECT name, value FROM vestibule.settings WHERE name > $1 ORDER BY name LIMIT $2",
        start: "",
        read: |row| Ok(Exported::Setting(row.get(0), row.get(1))),
    },
    Carried {
        sql: "SELECT id::text, record::text FROM vestibule.audit \
              WHERE id > $1::text::uuid ORDER BY id LIMIT $2",
        start: NIL,
        read: |row| record(row, 1, "audit").map(Exported::Audit),
    },
];
/// The least id, which nothing has.
const NIL: &str = "00000000-0000-0000-0000-000000000000";
