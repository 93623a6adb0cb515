//! What is taken out of the database, a batch of one table at a time.

use super::clock::clock;
use super::connection::{Failure, Tx, execute, rows};
use super::row::signed;
use crate::clock::UnixTime;
use crate::store::maintenance::{CHANGES_KEPT, GRACE, MARKS_KEPT};

/// Takes rows out of one table, and says how many; `None`: another gateway is at it. What is past is past
/// by the database's clock, too: a gateway whose clock is ahead removes nothing that others still ask for.
pub(super) async fn sweep(
    tx: &Tx<'_>,
    table: usize,
    now: UnixTime,
    audit_from: UnixTime,
) -> Result<Option<usize>, Failure> {
    if !is_alone(tx).await? {
        return Ok(None);
    }
    let Some(&(table, key, time)) = SWEPT.get(table) else {
        return Ok(Some(0));
    };
    let ahead = clock(tx.on()).await?.until(now);
    let now = now.minus(ahead);
    let before = match table {
        "changes" => now.minus(CHANGES_KEPT),
        "audit" => audit_from.minus(ahead),
        "end_marks" => now.minus(MARKS_KEPT),
        _ => now.minus(GRACE),
    };
    let sql = format!(
        "DELETE FROM vestibule.{table} WHERE {key} IN ({}) RETURNING {key}",
        past(table, key, time)
    );
    let removed = rows(tx.on(), &sql, &[&signed(before.0)]).await?;
    if table == "changes"
        && let Some(last) = removed.iter().map(|row| row.get::<_, i64>(0)).max()
    {
        let sql = "UPDATE vestibule.change_counter SET swept = greatest(swept, $1)";
        execute(tx.on(), sql, &[&last]).await?;
    }
    Ok(Some(removed.len()))
}

/// Two gateways at the same rows would only wait for each other.
async fn is_alone(tx: &Tx<'_>) -> Result<bool, Failure> {
    let sql = "SELECT pg_try_advisory_xact_lock($1)";
    let found = rows(tx.on(), sql, &[&SWEEP_LOCK]).await?;
    Ok(found.first().is_some_and(|row| row.get(0)))
}

/// The keys of rows whose time is before `$1`, found by an index.
pub(super) fn past(table: &str, key: &str, time: &str) -> String {
    match table {
        // They are numbered in the order of their times, so the oldest are those with the least numbers.
        "changes" => format!(
            "SELECT {key} FROM (SELECT {key}, {time} FROM vestibule.{table} \
             ORDER BY {key} LIMIT {SWEEP_ROWS}) AS oldest WHERE {time} < $1"
        ),
        _ => format!(
            "SELECT {key} FROM vestibule.{table} WHERE {time} < $1 \
             ORDER BY {time} LIMIT {SWEEP_ROWS} FOR UPDATE SKIP LOCKED"
        ),
    }
}

/// Tables whose rows have an end: name, key, and the column with the end.
pub(super) const SWEPT: [(&str, &str, &str); 7] = [
    ("sessions", "sid", "remember_until"),
    ("login_cookies", "cookie", "until"),
    ("end_marks", "scope", "(record->>'at')::bigint"),
    ("tombstones", "identity", "until"),
    ("spent", "id", "until"),
    ("changes", "sequence", "at"),
    ("audit", "id", "at"),
];
/// How many rows one batch removes.
pub(super) const SWEEP_ROWS: usize = 1000;
/// The advisory lock of a sweep: any number that nobody else uses.
pub(super) const SWEEP_LOCK: i64 = 0x7665_7374_7377_6565;
