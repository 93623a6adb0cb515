//! A server that is gone for a while, says nothing, or has no room.

use std::net::TcpListener;

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

/// After a failover the former primary may still take connections, and those that are there stay
/// good for reading.
pub(super) async fn connections_that_take_no_writes_are_left(databases: &InDatabases<'_>) {
    let store = databases.connect().await;
    turn_read_only(&store, 3).await;
    store.health().await.unwrap();
    turn_read_only(&store, 3).await;
    store.put_setting("name", "value").await.unwrap();
    turn_read_only(&store, 3).await;
    let ada = signed_in(&store, conformance::token("ada")).await;
    assert!(ada.user_created);
    let setting = store.setting("name").await.unwrap();
    assert_eq!(setting.as_deref(), Some("value"));
    store.close().await;
}

/// So many connections of the pool are at a server that takes no writes, as far as they can tell.
async fn turn_read_only(store: &Postgres, connections: usize) {
    let mut held = Vec::new();
    for _ in 0..connections {
        let client = store.shared.database.client().await.unwrap();
        let sql = "SET default_transaction_read_only = on";
        client.batch_execute(sql).await.unwrap();
        held.push(client);
    }
}

/// Whoever is at a server that takes no writes is cut off, and meets it again, until there is one
/// that does.
pub(super) async fn a_database_that_takes_no_writes_is_named(databases: &InDatabases<'_>) {
    let name = format!("case_{}", databases.number);
    let client = databases.server.client(&name).await;
    for any in [false, true] {
        let more = if any { "?target_session_attrs=any" } else { "" };
        let store = connect(databases.url() + more).await.unwrap();
        store.put_setting("name", "before").await.unwrap();
        let set = format!("ALTER DATABASE {name} SET default_transaction_read_only = on");
        client.batch_execute(&set).await.unwrap();
        client.query(CUT_OFF, &[]).await.unwrap();
        assert_eq!(store.health().await, Err(StoreError::ReadOnly), "{any}");
        let written = store.put_setting("name", "meanwhile").await;
        assert_eq!(written, Err(StoreError::ReadOnly), "{any}");
        // What is read there may be old.
        let read = store.setting("name").await;
        match any {
            false => assert_eq!(read, Err(StoreError::ReadOnly)),
            true => assert_eq!(read.unwrap().as_deref(), Some("before")),
        }

        let reset = format!("ALTER DATABASE {name} RESET default_transaction_read_only");
        client.batch_execute(&reset).await.unwrap();
        store.put_setting("name", "after").await.unwrap();
        store.health().await.unwrap();
        let read = store.setting("name").await.unwrap();
        assert_eq!(read.as_deref(), Some("after"), "{any}");
        store.close().await;
    }
}

/// Ends the others' connections, and waits until they are.
const CUT_OFF: &str = "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity \
     WHERE datname = current_database() AND pid <> pg_backend_pid()";

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

/// One of two servers takes connections and says nothing on them, like a machine that hangs. It costs
/// its time once.
pub(super) async fn a_server_that_says_nothing_is_passed_over(databases: &InDatabases<'_>) {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    silent.set_nonblocking(true).unwrap();
    let place = silent.local_addr().unwrap();
    let both = databases.url().replacen('@', &format!("@{place},"), 1);
    let store = connect(both).await.unwrap();
    store.put_setting("name", "value").await.unwrap();
    let tried = || std::iter::from_fn(|| silent.accept().ok()).count();
    assert_eq!(tried(), 1);
    let mut held = Vec::new();
    for _ in 0..3 {
        held.push(store.shared.database.client().await.unwrap());
    }
    assert_eq!(tried(), 0);

    // Where there is no other, nobody waits for ever, and neither do those who wait for changes.
    let alone = format!("postgres://postgres@{place}/vestibule");
    let error = connect(alone.clone()).await.err().unwrap();
    let ConnectError::Store(StoreError::Unavailable(_)) = error else {
        panic!("{error}");
    };
    let (_, connector) = connection::prepare(&settings(alone)).unwrap();
    let followed = feed::listen(&connector, &store.shared, &mut false).await;
    let error = followed.unwrap_err();
    assert!(matches!(error, StoreError::Unavailable(_)), "{error}");
    store.close().await;
}
