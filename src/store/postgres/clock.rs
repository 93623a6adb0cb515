//! The database's clock, the one that all gateways share.

use deadpool_postgres::GenericClient;

use super::connection::{Failure, rows};
use super::row::unsigned;
use crate::clock::UnixTime;

/// The time now. Not `now()`, which is when the transaction began.
pub(super) async fn clock(on: &impl GenericClient) -> Result<UnixTime, Failure> {
    let sql = "SELECT floor(extract(epoch from clock_timestamp()))::bigint";
    let found = rows(on, sql, &[]).await?;
    Ok(UnixTime(
        found.first().map_or(0, |row| unsigned(row.get(0))),
    ))
}
