//! Migrations of several gateways.

use super::*;

/// The bound on requests' statements ends neither the wait for another gateway nor a long migration.
pub(super) async fn a_migration_has_bounds_of_its_own(databases: &InDatabases<'_>) {
    databases.connect().await.close().await;
    let name = format!("case_{}", databases.number);
    let migrating = databases.server.client(&name).await;
    let lock = format!("SELECT pg_advisory_lock({})", schema::LOCK);
    migrating.batch_execute(&lock).await.unwrap();

    let (database, _) = connection::prepare(&settings(databases.url())).unwrap();
    let brief = Duration::from_millis(20);
    let error = schema::migrate_within(&database, brief).await.unwrap_err();
    assert!(matches!(error, ConnectError::Migrating), "{error}");
    drop(migrating);
    // The server notices when it does.
    schema::migrate(&database).await.unwrap();

    let mut client = database.client().await.unwrap();
    let bound = "SHOW statement_timeout";
    let before: String = client.query_one(bound, &[]).await.unwrap().get(0);
    let migration = client.transaction().await.unwrap();
    schema::alone(&migration, brief).await.unwrap();
    let meanwhile: String = migration.query_one(bound, &[]).await.unwrap().get(0);
    migration.rollback().await.unwrap();
    let after: String = client.query_one(bound, &[]).await.unwrap().get(0);
    assert_eq!((&*before, &*meanwhile, &*after), ("5s", "0", "5s"));
}
