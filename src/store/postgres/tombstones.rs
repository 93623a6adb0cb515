//! What is remembered of users who were deleted.

use super::connection::{Failure, Tx, execute, rows};
use super::row::{encoded, record, signed};
use crate::store::{Digest, Tombstone};

/// Writes a tombstone, together with what an earlier one of the identity refuses.
pub(super) async fn put_tombstone(
    tx: &Tx<'_>,
    identity: Digest,
    tombstone: Tombstone,
) -> Result<(), Failure> {
    let identity = identity.0.as_slice();
    let sql = "SELECT record::text FROM vestibule.tombstones WHERE identity = $1 FOR UPDATE";
    let found = rows(tx.on(), sql, &[&identity]).await?;
    let earlier = found.first().map(|row| record(row, 0, "tombstones"));
    let tombstone = tombstone.after(earlier.transpose()?);
    let sql = "INSERT INTO vestibule.tombstones (identity, until, record) \
         VALUES ($1, $2, $3::text::json) \
         ON CONFLICT (identity) DO UPDATE SET until = excluded.until, record = excluded.record";
    let until = signed(tombstone.until.0);
    execute(tx.on(), sql, &[&identity, &until, &encoded(&tombstone)?]).await?;
    Ok(())
}
