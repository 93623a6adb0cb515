//! Migrations of several gateways, and databases that are not fit for one.

use super::*;

/// A user whose name has other letters could never sign in there, which nobody would notice before.
pub(super) async fn a_database_that_lacks_letters_is_refused(databases: &InDatabases<'_>) {
    let client = databases.server.client("postgres").await;
    for (encoding, is_fit) in [("LATIN1", false), ("SQL_ASCII", true)] {
        let name = format!("case_{}_{}", databases.number, encoding.to_lowercase());
        let create = format!(
            "CREATE DATABASE {name} ENCODING '{encoding}' TEMPLATE template0 \
             LC_COLLATE 'C' LC_CTYPE 'C'"
        );
        client.batch_execute(&create).await.unwrap();
        match connect(databases.server.url(&name)).await {
            Ok(store) => {
                assert!(is_fit, "{encoding}");
                let request = conformance::token("Łukasz \u{1F511}");
                let user = signed_in(&store, request.clone()).await.user;
                let found = store.user_by_identity(&request.iss, &request.sub).await;
                assert_eq!(found.unwrap(), Some(user));
                store.close().await;
            }
            Err(ConnectError::Encoding(found)) => assert!(!is_fit && found == encoding, "{found}"),
            Err(error) => panic!("{encoding}: {error}"),
        }
    }
}

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
