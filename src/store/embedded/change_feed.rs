//! Changes in the file.

use async_trait::async_trait;
use tokio::sync::watch;

use super::Embedded;
use super::row::{decoded, latest_change, record, swept_changes};
use super::table::{Range, Read, Table};
use crate::store::{Change, ChangeFeed, Changes, PageRequest, Position, StoreError};

#[async_trait]
impl ChangeFeed for Embedded {
    fn latest_change(&self) -> watch::Receiver<u64> {
        self.latest_change.clone()
    }

    async fn changes_since(&self, read: Position, limit: usize) -> Result<Changes, StoreError> {
        self.read(|rows| {
            let after = read.sequence.to_be_bytes();
            let range = Range {
                after: Some(&after),
                ..Range::default()
            };
            let found = rows.scan(Table::Changes, range, limit.clamp(1, PageRequest::MAX))?;
            let changes = found
                .iter()
                .map(|(_, value)| decoded(Table::Changes, value));
            let (latest, swept) = (latest_change(rows)?, swept_changes(rows)?);
            let there = record::<Change>(rows, Table::Changes, &after)?;
            let last = record::<Change>(rows, Table::Changes, &latest.to_be_bytes())?;
            Ok(Changes {
                changes: changes.collect::<Result<_, _>>()?,
                lost: read.sequence < swept,
                set_back: read.is_contradicted(there.as_ref(), latest, swept),
                latest: last.as_ref().map_or(latest.into(), Position::from),
            })
        })
    }
}
