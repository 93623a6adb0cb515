//! The store on a real server, which is created for the test and removed with it.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures::stream::{self, StreamExt};
use uuid::Uuid;

use super::*;
use crate::clock::UnixTime;
use crate::store::conformance::{self, CASES, Engine};
use crate::store::{
    ChangeFeed, ChangeKind, Deliveries, RevocationReason, Sessions, Settings, SignIn,
    SignInOutcome, Tombstone, Users,
};

mod behind;
mod crowded;
mod isolation;
mod late_rows;
mod many_sessions;
mod migration;
mod outages;
mod server;
mod sweeping;
mod tls;

use server::Server;

/// Databases of a server for one case.
pub(super) struct InDatabases<'s> {
    server: &'s Server,
    number: usize,
}

impl<'s> InDatabases<'s> {
    async fn new(server: &'s Server) -> Self {
        static LAST: AtomicUsize = AtomicUsize::new(0);
        let number = LAST.fetch_add(1, Ordering::Relaxed);
        server.create_database(&format!("case_{number}")).await;
        Self { server, number }
    }

    fn url(&self) -> String {
        self.server.url(&format!("case_{}", self.number))
    }

    async fn connect(&self) -> Postgres {
        connect(self.url()).await.unwrap()
    }
}

#[async_trait]
impl Engine for InDatabases<'_> {
    async fn open(&self) -> Arc<dyn Store> {
        Arc::new(self.connect().await)
    }

    async fn open_another(&self) -> Arc<dyn Store> {
        let name = format!("other_{}", self.number);
        self.server.create_database(&name).await;
        Arc::new(connect(self.server.url(&name)).await.unwrap())
    }
}

async fn connect(url: String) -> Result<Postgres, ConnectError> {
    Postgres::connect(&settings(url)).await
}

fn settings(url: String) -> PostgresSettings {
    PostgresSettings {
        url,
        root_certificates: None,
        connections: 8,
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn postgres_does_what_every_engine_does() {
    let server = Server::start(&[]).await;
    // Side by side: each waits for the server most of the time.
    stream::iter(CASES)
        .for_each_concurrent(4, |(_, case)| {
            let server = &server;
            async move {
                case(&InDatabases::new(server).await).await;
            }
        })
        .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn gateways_share_a_database() {
    let server = Server::start(&[]).await;
    let cases = [
        InDatabases::new(&server).await,
        InDatabases::new(&server).await,
        InDatabases::new(&server).await,
        InDatabases::new(&server).await,
        InDatabases::new(&server).await,
        InDatabases::new(&server).await,
        InDatabases::new(&server).await,
        InDatabases::new(&server).await,
        InDatabases::new(&server).await,
        InDatabases::new(&server).await,
        InDatabases::new(&server).await,
    ];
    two_gateways_make_one_user(&cases[0]).await;
    an_end_reaches_the_other_gateway(&cases[1]).await;
    a_change_that_commits_late_is_not_skipped(&cases[2]).await;
    a_newer_schema_is_refused(&cases[3]).await;
    a_database_that_was_set_back_is_noticed(&cases[4]).await;
    a_newcomer_who_was_deleted_meanwhile_is_not_made(&cases[5]).await;
    one_gateway_delivers_to_a_webhook(&cases[6]).await;
    outages::a_full_disk_is_named(&cases[7]).await;
    behind::what_asks_for_a_session_waits_for_its_row(&cases[8]).await;
    outages::connections_that_take_no_writes_are_left(&cases[9]).await;
    outages::a_database_that_takes_no_writes_is_named(&cases[10]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn gateways_keep_a_database_in_order() {
    let server = Server::start(&[]).await;
    let new = || InDatabases::new(&server);
    isolation::a_transaction_has_the_isolation_that_its_rules_need(&new().await).await;
    late_rows::what_came_after_the_lock_is_not_written_over(&new().await).await;
    many_sessions::a_token_of_a_known_session_reads_no_others(&new().await).await;
    crowded::fewer_connections_than_wanted_serve_everybody(&new().await).await;
    outages::a_server_that_says_nothing_is_passed_over(&new().await).await;
    migration::a_database_that_lacks_letters_is_refused(&new().await).await;
    migration::a_migration_has_bounds_of_its_own(&new().await).await;
    sweeping::a_clock_that_is_ahead_removes_nothing(&new().await).await;
    sweeping::a_table_that_fails_keeps_no_other_from_being_swept(&new().await).await;
    sweeping::one_gateway_sweeps_at_a_time(&new().await).await;
    sweeping::no_sweep_reads_a_whole_table(&new().await).await;
}

async fn two_gateways_make_one_user(databases: &InDatabases<'_>) {
    // Both find no schema and make it.
    let (one, other) = tokio::join!(databases.connect(), databases.connect());
    let gateways = [Arc::new(one), Arc::new(other)];
    let requests = (0..1000).map(|n| {
        let gateway = gateways[n % 2].clone();
        let request = async move { signed_in(&gateway, conformance::token("ada")).await };
        async { tokio::spawn(request).await.unwrap() }
    });
    let answers = conformance::together(requests).await;
    assert!(
        answers
            .iter()
            .all(|answer| answer.user.id == answers[0].user.id)
    );
    assert_eq!(
        answers.iter().filter(|answer| answer.user_created).count(),
        1
    );
    for gateway in &gateways {
        gateway.close().await;
    }
}

async fn one_gateway_delivers_to_a_webhook(databases: &InDatabases<'_>) {
    let (one, other) = (databases.connect().await, databases.connect().await);
    let (holder, heir) = (Uuid::new_v4(), Uuid::new_v4());
    let (long, no_time) = (Duration::from_secs(600), Duration::ZERO);
    let lease = one.lease_webhook("app", holder, long).await;
    assert_eq!(lease.unwrap(), Some(0));
    let lease = other.lease_webhook("app", heir, long).await;
    assert_eq!(lease.unwrap(), None);
    // Once its time is over, the other one may, and the first one writes no more.
    let lease = one.lease_webhook("app", holder, no_time).await;
    assert_eq!(lease.unwrap(), Some(0));
    let lease = other.lease_webhook("app", heir, long).await;
    assert_eq!(lease.unwrap(), Some(0));
    let late = one.put_deliveries("app", holder, 0, 1, Vec::new()).await;
    assert!(!late.unwrap());
    let put = other.put_deliveries("app", heir, 0, 1, Vec::new()).await;
    assert!(put.unwrap());
    // Whoever lets go is not waited for; a stranger lets go of nothing.
    other.release_webhook("app", holder).await.unwrap();
    let lease = one.lease_webhook("app", holder, long).await;
    assert_eq!(lease.unwrap(), None);
    other.release_webhook("app", heir).await.unwrap();
    let lease = one.lease_webhook("app", holder, long).await;
    assert_eq!(lease.unwrap(), Some(1));
    one.close().await;
    other.close().await;
}

async fn an_end_reaches_the_other_gateway(databases: &InDatabases<'_>) {
    let (one, other) = (databases.connect().await, databases.connect().await);
    let behind = SignIn {
        durable_session: false,
        ..conformance::token("ada")
    };
    let sid = signed_in(&one, behind.clone()).await.session.sid;
    // A known user's row follows behind, and the end that overtakes it holds.
    let second = SignIn {
        sid: Uuid::now_v7(),
        ..behind.clone()
    };
    signed_in(&one, second.clone()).await;
    other
        .end_session(second.sid, RevocationReason::Logout, NOW)
        .await
        .unwrap();
    other
        .end_session(sid, RevocationReason::Logout, NOW)
        .await
        .unwrap();

    let mut heard = one.latest_change();
    heard.wait_for(|&latest| latest >= 2).await.unwrap();
    let changes = one.changes_since(0.into(), 10).await.unwrap().changes;
    let kinds: Vec<_> = changes.into_iter().map(|change| change.kind).collect();
    for sid in [sid, second.sid] {
        assert!(kinds.contains(&ChangeKind::SessionEnded(sid)));
        assert!(one.session(sid).await.unwrap().unwrap().ended.is_some());
    }
    for request in [behind, second] {
        let outcome = one.sign_in(request).await.unwrap();
        assert!(matches!(outcome, SignInOutcome::Refused(_)), "{outcome:?}");
    }
    one.close().await;
    other.close().await;
}

async fn a_change_that_commits_late_is_not_skipped(databases: &InDatabases<'_>) {
    let store = Arc::new(databases.connect().await);
    let mut client = databases
        .server
        .client(&format!("case_{}", databases.number))
        .await;
    let late = client.transaction().await.unwrap();
    let counted = "UPDATE vestibule.change_counter SET latest = latest + 1";
    let text = r#"{"sequence":1,"at":0,"kind":"signing_keys_changed"}"#;
    late.batch_execute(counted).await.unwrap();
    let change = format!("INSERT INTO vestibule.changes VALUES (1, 0, '{text}')");
    late.batch_execute(&change).await.unwrap();

    let ending = tokio::spawn({
        let store = store.clone();
        async move {
            store
                .end_session(Uuid::now_v7(), RevocationReason::Logout, NOW)
                .await
        }
    });
    // It waits for the number before its own: until then nobody sees a second change.
    let waiting = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' \
                   AND datname = current_database()";
    let watcher = databases
        .server
        .client(&format!("case_{}", databases.number))
        .await;
    while watcher
        .query_one(waiting, &[])
        .await
        .unwrap()
        .get::<_, i64>(0)
        == 0
    {
        tokio::task::yield_now().await;
    }
    assert_eq!(store.changes_since(0.into(), 10).await.unwrap().changes, []);
    late.commit().await.unwrap();
    ending.await.unwrap().unwrap();
    let changes = store.changes_since(0.into(), 10).await.unwrap();
    let numbers: Vec<_> = changes
        .changes
        .iter()
        .map(|change| change.sequence)
        .collect();
    assert_eq!((numbers, changes.latest.sequence), (vec![1, 2], 2));
    store.close().await;
}

/// After a failover to a server that lacked the latest writes, or a restore from a copy.
async fn a_database_that_was_set_back_is_noticed(databases: &InDatabases<'_>) {
    let store = databases.connect().await;
    let change = async || {
        let ended = store.end_session(Uuid::now_v7(), RevocationReason::Logout, NOW);
        assert_eq!(ended.await.unwrap(), None);
    };
    for _ in 0..4 {
        change().await;
    }
    let read = store.changes_since(0.into(), 9).await.unwrap().latest;
    assert_eq!(read.sequence, 4);
    change().await;
    let news = store.changes_since(read, 9).await.unwrap();
    assert_eq!(
        (news.set_back, news.lost, news.changes.len()),
        (false, false, 1)
    );
    assert_eq!(*store.latest_change().borrow(), 5);

    let name = format!("case_{}", databases.number);
    let client = databases.server.client(&name).await;
    client.batch_execute(SET_BACK).await.unwrap();
    let mut heard = store.latest_change();
    heard.wait_for(|&latest| latest == 2).await.unwrap();
    for latest in 3..7 {
        let news = store.changes_since(read, 9).await.unwrap();
        assert!(news.set_back, "{news:?}");
        change().await;
        let news = store.changes_since(read, 9).await.unwrap();
        assert_eq!((news.set_back, news.latest.sequence), (true, latest));
        // Whoever read that continues from there.
        let next = store.changes_since(news.latest, 9).await.unwrap();
        assert_eq!(
            (next.set_back, next.lost, next.changes.len()),
            (false, false, 0)
        );
    }
    store.close().await;
}

const SET_BACK: &str = "DELETE FROM vestibule.changes WHERE sequence > 2; \
     UPDATE vestibule.change_counter SET latest = 2";

/// The statement that writes a newcomer looks for a tombstone that was not there before.
async fn a_newcomer_who_was_deleted_meanwhile_is_not_made(databases: &InDatabases<'_>) {
    let store = databases.connect().await;
    for (sub, deleted) in [("ada", true), ("bob", false)] {
        let request = conformance::token(sub);
        let decision = store
            .read(request.clone(), |on, request| {
                Box::pin(sign_in::decided(on, request))
            })
            .await
            .unwrap();
        if deleted {
            let user = signed_in(&store, request.clone()).await.user;
            let until = NOW.plus(Duration::from_secs(3600));
            let gone = store.delete_user(user.id, NOW, until).await.unwrap();
            assert!(gone.is_some());
        }
        let tombstone = Tombstone::key(&request.iss, &request.sub);
        let first_sign_in = first_sign_in::FirstSignIn::of(&decision, tombstone).unwrap();
        let put = store.read(first_sign_in, |on, first_sign_in| {
            Box::pin(first_sign_in::put(on, first_sign_in))
        });
        assert_eq!(put.await.unwrap(), !deleted);
        let user = store.user_by_identity(&request.iss, &request.sub).await;
        assert_eq!(user.unwrap().is_none(), deleted);
    }
    store.close().await;
}

async fn a_newer_schema_is_refused(databases: &InDatabases<'_>) {
    let store = databases.connect().await;
    store.close().await;
    let client = databases
        .server
        .client(&format!("case_{}", databases.number))
        .await;
    client
        .batch_execute("UPDATE vestibule.schema_version SET version = 1000")
        .await
        .unwrap();
    let error = connect(databases.url()).await.err().unwrap();
    assert!(
        matches!(error, ConnectError::NewerSchema { found: 1000, .. }),
        "{error}"
    );
}

#[tokio::test]
async fn no_error_shows_the_password() {
    let urls = [
        "postgres://user:hunter2@[bad/vestibule",
        "host=127.0.0.1 password=hunter2 prot=1",
        "postgres://user:hunter2@127.0.0.1:1/vestibule",
    ];
    for url in urls {
        let error = connect(url.to_owned()).await.err().unwrap();
        assert!(
            !format!("{error} {error:?}").contains("hunter2"),
            "{error:?}"
        );
    }
}

async fn signed_in(store: &Postgres, request: SignIn) -> crate::store::SignedIn {
    match store.sign_in(request).await.unwrap() {
        SignInOutcome::Live(signed_in) => *signed_in,
        SignInOutcome::Refused(refusal) => panic!("refused: {refusal:?}"),
    }
}

const NOW: UnixTime = UnixTime(1_800_000_000);
