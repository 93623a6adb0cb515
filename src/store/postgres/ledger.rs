//! Changes, the audit and spent ids in PostgreSQL.

use async_trait::async_trait;
use tokio::sync::watch;
use uuid::Uuid;

use super::Postgres;
use super::connection::{Failure, Tx, execute, rows};
use super::row::{column, encoded, record, signed, unsigned};
use crate::clock::UnixTime;
use crate::store::{
    AuditRecord, Change, Changes, Digest, Ledger, Page, PageRequest, Position, StoreError, Use,
    Used,
};

#[async_trait]
impl Ledger for Postgres {
    fn latest_change(&self) -> watch::Receiver<u64> {
        self.latest_change.clone()
    }

    async fn changes_since(&self, read: Position, limit: usize) -> Result<Changes, StoreError> {
        self.read((read, limit), |on, &(read, limit)| {
            Box::pin(async move {
                let sql = "SELECT latest, swept, \
                     (SELECT coalesce(json_agg(record ORDER BY sequence), '[]')::text FROM \
                      (SELECT sequence, record FROM vestibule.changes WHERE sequence > $1 \
                       ORDER BY sequence LIMIT $2) AS page), \
                     (SELECT record::text FROM vestibule.changes WHERE sequence = $1), \
                     (SELECT record::text FROM vestibule.changes WHERE sequence = latest) \
                     FROM vestibule.change_counter";
                let limit = signed(limit.clamp(1, PageRequest::MAX) as u64);
                let found = rows(on, sql, &[&signed(read.sequence), &limit]).await?;
                let row = found.first().ok_or(StoreError::Corrupt("change_counter"))?;
                let changes: Vec<Change> = record(row, 2, "changes")?;
                let (latest, swept) = (unsigned(row.get(0)), unsigned(row.get(1)));
                let there: Option<Change> = column(row, 3, "changes")?;
                let last: Option<Change> = column(row, 4, "changes")?;
                Ok(Changes {
                    changes,
                    lost: read.sequence < swept,
                    set_back: read.is_contradicted(there.as_ref(), latest, swept),
                    latest: last.as_ref().map_or(latest.into(), Position::from),
                })
            })
        })
        .await
    }

    async fn use_up(&self, usage: Use) -> Result<Used, StoreError> {
        self.write(usage, |tx, usage| Box::pin(put_use(tx, usage)))
            .await
    }

    async fn append_audit(&self, record: AuditRecord) -> Result<(), StoreError> {
        self.write(record, |tx, record| Box::pin(put_audit(tx, record)))
            .await
    }

    async fn audit(&self, request: PageRequest) -> Result<Page<AuditRecord>, StoreError> {
        self.read(request, |on, request| {
            Box::pin(async move {
                let before = match &request.after {
                    Some(cursor) => cursor.parse().map_err(|_| StoreError::InvalidCursor)?,
                    None => Uuid::max(),
                };
                let limit = request.bounded();
                let sql = "SELECT record::text FROM vestibule.audit WHERE id < $1 \
                           ORDER BY id DESC LIMIT $2";
                let found = rows(on, sql, &[&before, &signed(limit as u64 + 1)]).await?;
                let items = found.iter().take(limit).map(|row| record(row, 0, "audit"));
                let items = items.collect::<Result<Vec<AuditRecord>, _>>()?;
                let more = found.len() > limit;
                let next = items
                    .last()
                    .filter(|_| more)
                    .map(|last| last.id.to_string());
                Ok(Page { items, next })
            })
        })
        .await
    }
}

/// Uses an id up, unless it may not be.
pub(super) async fn put_use(tx: &Tx<'_>, usage: &Use) -> Result<Used, Failure> {
    let before = used(tx, usage).await?;
    if before != Used::Now {
        return Ok(before);
    }
    let is_first = put_spent(tx, usage.once.id, usage.once.until).await?;
    Ok(match is_first || usage.repeats {
        true => Used::Now,
        // Another transaction was first, after the look.
        false => Used::Before,
    })
}

/// What would become of a use. Of two that exclude each other, one waits here for the other's end.
pub(super) async fn used(tx: &Tx<'_>, usage: &Use) -> Result<Used, Failure> {
    let is_spent = async |id: &Digest| {
        let sql = "SELECT FROM vestibule.spent WHERE id = $1";
        let found = rows(tx.on(), sql, &[&id.0.as_slice()]).await?;
        Ok::<_, Failure>(!found.is_empty())
    };
    let own = &usage.once.id;
    if let Some(excluded) = &usage.excludes {
        let mut key = [0; 8];
        let pair = own.0.iter().zip(excluded.0).map(|(own, other)| own ^ other);
        key.iter_mut().zip(pair).for_each(|(to, byte)| *to = byte);
        let lock = "SELECT pg_advisory_xact_lock($1)";
        rows(tx.on(), lock, &[&i64::from_be_bytes(key)]).await?;
        if is_spent(excluded).await? {
            return Ok(Used::Otherwise);
        }
    }
    Ok(match !usage.repeats && is_spent(own).await? {
        true => Used::Before,
        false => Used::Now,
    })
}

/// Spends an id; false when it is spent.
pub(super) async fn put_spent(tx: &Tx<'_>, id: Digest, until: UnixTime) -> Result<bool, Failure> {
    let sql = "INSERT INTO vestibule.spent (id, until) VALUES ($1, $2) ON CONFLICT (id) DO NOTHING";
    Ok(execute(tx.on(), sql, &[&id.0.as_slice(), &signed(until.0)]).await? == 1)
}

/// Writes a record of the audit.
pub(super) async fn put_audit(tx: &Tx<'_>, record: &AuditRecord) -> Result<(), Failure> {
    let sql = "INSERT INTO vestibule.audit (id, at, record) VALUES ($1, $2, $3::text::json) \
               ON CONFLICT (id) DO UPDATE SET record = excluded.record";
    execute(
        tx.on(),
        sql,
        &[&record.id, &signed(record.at.0), &encoded(record)?],
    )
    .await?;
    Ok(())
}
