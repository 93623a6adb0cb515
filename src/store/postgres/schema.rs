//! The tables, brought up to date at start.

use super::connection::{ConnectError, Database, Failure};
use crate::store::StoreError;

/// Brings the schema up to date. Gateways that start at once do it one after the other.
pub(super) async fn migrate(database: &Database) -> Result<(), ConnectError> {
    let mut client = database.client().await?;
    let unavailable = |error| match Failure::from(error) {
        Failure::Store(error) => error,
        Failure::Again => StoreError::Unavailable("the schema could not be created".to_owned()),
    };
    let tx = client.transaction().await.map_err(unavailable)?;
    tx.batch_execute(&format!(
        "SET LOCAL lock_timeout = '60s'; SELECT pg_advisory_xact_lock({LOCK})"
    ))
    .await
    .map_err(unavailable)?;
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

/// Each leads from one version to the next; one that was released is never changed.
const MIGRATIONS: [&str; 4] = [
    include_str!("schema/1.sql"),
    include_str!("schema/2.sql"),
    include_str!("schema/3.sql"),
    include_str!("schema/4.sql"),
];
/// The advisory lock of a migration: any number that nobody else uses.
const LOCK: i64 = 0x7665_7374_6962_756c;
