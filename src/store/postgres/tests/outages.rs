//! A server that is gone for a while, or has no room.

use super::*;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_goes_and_comes_is_found_again() {
    let mut server = Server::start(&[]).await;
    let url = server.url("postgres");
    let store = connect(url).await.unwrap();
    let ada = signed_in(&store, conformance::token("ada")).await;
    store.health().await.unwrap();

    server.stop().await;
    let error = store.health().await.unwrap_err();
    assert!(matches!(error, StoreError::Unavailable(_)), "{error}");
    let error = store
        .end_session(ada.session.sid, RevocationReason::Logout, NOW)
        .await
        .unwrap_err();
    assert!(matches!(error, StoreError::Unavailable(_)), "{error}");
    assert!(store.put_setting("name", "value").await.is_err());

    server.start_again().await;
    store.health().await.unwrap();
    let again = signed_in(&store, conformance::token("ada")).await;
    assert_eq!((again.user, again.session), (ada.user, ada.session));
    assert_eq!(store.setting("name").await.unwrap(), None);

    // Changes are followed again, too: the row of another gateway is heard of.
    let mut heard = store.latest_change();
    let other = connect(server.url("postgres")).await.unwrap();
    other
        .end_session(conformance::token("ada").sid, RevocationReason::Logout, NOW)
        .await
        .unwrap();
    heard.wait_for(|&latest| latest == 1).await.unwrap();
    store.close().await;
    other.close().await;
}

pub(super) async fn a_full_disk_is_named(databases: &InDatabases<'_>) {
    let store = databases.connect().await;
    signed_in(&store, conformance::token("ada")).await;
    let name = format!("case_{}", databases.number);
    let client = databases.server.client(&name).await;
    client.batch_execute(FULL_DISK).await.unwrap();
    let full = StoreError::Full("no space left on the database's device");
    let bob = conformance::token("bob");
    assert_eq!(store.sign_in(bob.clone()).await, Err(full));
    // Whatever is only read is answered.
    signed_in(&store, conformance::token("ada")).await;
    let freed = "DROP TRIGGER full_disk ON vestibule.users";
    client.batch_execute(freed).await.unwrap();
    assert!(signed_in(&store, bob).await.user_created);
    store.close().await;
}

/// The server's own error, raised where it writes a user.
const FULL_DISK: &str = "
    CREATE FUNCTION full_disk() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        RAISE EXCEPTION 'could not extend file: No space left on device' USING ERRCODE = '53100';
    END $$;
    CREATE TRIGGER full_disk BEFORE INSERT ON vestibule.users EXECUTE FUNCTION full_disk()";
