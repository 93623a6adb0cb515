//! Changes in PostgreSQL.

use async_trait::async_trait;
use tokio::sync::watch;

use super::Postgres;
use super::connection::rows;
use super::row::{column, record, signed, unsigned};
use crate::store::{Change, ChangeFeed, Changes, PageRequest, Position, StoreError};

#[async_trait]
impl ChangeFeed for Postgres {
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
}
