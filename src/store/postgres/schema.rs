//! The tables, brought up to date at start.

use std::time::Duration;

use deadpool_postgres::Transaction;
use tokio_postgres::error::SqlState;

use super::connection::{ConnectError, Database, Failure};
use crate::store::StoreError;

/// Brings the schema up to date. Gateways that start at once do it one after the other.
pub(super) async fn migrate(database: &Database) -> Result<(), ConnectError> {
    migrate_within(database, PATIENCE).await
}

/// Waits no longer for another gateway than that.
pub(super) async fn migrate_within(
    database: &Database,
    patience: Duration,
) -> Result<(), ConnectError> {
    let mut client = database.client().await?;
    let tx = client.transaction().await.map_err(unavailable)?;
    alone(&tx, patience).await?;
    let schema = tx
        .query_one("SELECT to_regnamespace('vestibule') IS NULL", &[])
        .await;
    if schema.map_err(unavailable)?.get(0) {
        tx.batch_execute("CREATE SCHEMA vestibule")
            .await
            .map_err(unavailable)?;
    }
    tx.batch_execute("CREATE TABLE IF NOT EXISTS vestibule.schema_version (version int NOT NULL)")
        .await
        .map_err(unavailable)?;
    let found = tx
        .query_opt("SELECT version FROM vestibule.schema_version", &[])
        .await;
    let found: i32 = found.map_err(unavailable)?.map_or(0, |row| row.get(0));
    let known = i32::try_from(MIGRATIONS.len()).unwrap_or(i32::MAX);
    if found > known {
        return Err(ConnectError::NewerSchema { found, known });
    }
    if found == 0 {
        takes_all_texts(&tx).await?;
    }
    let applied = usize::try_from(found).unwrap_or(0);
    for migration in MIGRATIONS.iter().skip(applied) {
        tx.batch_execute(migration).await.map_err(unavailable)?;
    }
    if found < known {
        tx.batch_execute(&format!(
            "DELETE FROM vestibule.schema_version; \
             INSERT INTO vestibule.schema_version VALUES ({known})"
        ))
        .await
        .map_err(unavailable)?;
    }
    tx.commit().await.map_err(unavailable)?;
    Ok(())
}

/// Makes this the only transaction that migrates. Its statements take as long as they need: the bound on
/// those of requests would end the wait for another gateway, too, and the making of an index.
pub(super) async fn alone(tx: &Transaction<'_>, patience: Duration) -> Result<(), ConnectError> {
    let patience = patience.as_millis();
    let bounds =
        format!("SET LOCAL statement_timeout = 0; SET LOCAL lock_timeout = '{patience}ms'");
    tx.batch_execute(&bounds).await.map_err(unavailable)?;
    let lock = format!("SELECT pg_advisory_xact_lock({LOCK})");
    tx.batch_execute(&lock).await.map_err(|error| {
        let is_taken = error.code() == Some(&SqlState::LOCK_NOT_AVAILABLE);
        match is_taken {
            true => ConnectError::Migrating,
            false => unavailable(error).into(),
        }
    })
}

/// Fails in a database with an encoding of some letters only: whoever has others could never sign in. One
/// without any takes the bytes as they are.
async fn takes_all_texts(tx: &Transaction<'_>) -> Result<(), ConnectError> {
    let sql = "SELECT current_setting('server_encoding')";
    let row = tx.query_one(sql, &[]).await.map_err(unavailable)?;
    let encoding: String = row.get(0);
    match ["UTF8", "SQL_ASCII"].contains(&encoding.as_str()) {
        true => Ok(()),
        false => Err(ConnectError::Encoding(encoding)),
    }
}

fn unavailable(error: tokio_postgres::Error) -> StoreError {
    match Failure::from(error) {
        Failure::Store(error) => error,
        Failure::Again => StoreError::Unavailable("the schema could not be created".to_owned()),
    }
}

/// Each leads from one version to the next; one that was released is never changed.
const MIGRATIONS: [&str; 5] = [
    include_str!("schema/1.sql"),
    include_str!("schema/2.sql"),
    include_str!("schema/3.sql"),
    include_str!("schema/4.sql"),
    include_str!("schema/5.sql"),
];
/// The advisory lock of a migration: any number that nobody else uses.
pub(super) const LOCK: i64 = 0x7665_7374_6962_756c;
/// How long a gateway waits for one that migrates.
const PATIENCE: Duration = Duration::from_secs(60);
