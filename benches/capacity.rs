//! What one PostgreSQL carries: bytes on disk, sign-ins a second as the tables grow, followers of the
//! change feed, shared rate limits, and what a failover costs. `USERS` are the sizes to measure, in
//! millions, such as `1,3`; `FOLLOWERS` how many gateways follow. Prints tables in Markdown.
//!
//! All users and sessions come by the transfer that `store import` uses, from an export that is made up
//! while it is read.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a benchmark ends by panicking"
)]
#![allow(
    unreachable_pub,
    missing_docs,
    reason = "nothing depends on this crate"
)]

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use futures::StreamExt;
use tokio::io::{AsyncWriteExt, BufReader, DuplexStream};
use tokio_postgres::Client;
use uuid::Uuid;
use vestibule::clock::UnixTime;
use vestibule::store::transfer;
use vestibule::store::{
    CredentialFormat, Digest, EmailWithdrawal, Exported, Postgres, PostgresSettings, Profile,
    Provisioning, RateCount, RateExchange, RevocationReason, SessionClaims, SessionRecord, SignIn,
    SignInOutcome, Store, User,
};

#[path = "../src/store/postgres/tests/server.rs"]
#[allow(dead_code, reason = "shared with the tests of the store")]
mod server;

#[path = "capacity/database.rs"]
mod database;

use database::Database;
use server::Server;

fn main() {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(measure());
}

async fn measure() {
    let sizes = std::env::var("USERS").unwrap_or_else(|_| "1,3".to_owned());
    let sizes: Vec<u64> = sizes
        .split(',')
        .map(|size| size.parse::<u64>().unwrap() * 1_000_000)
        .collect();
    // As an operator would have it: what is committed is on the disk.
    let options = [
        "fsync=on",
        "full_page_writes=on",
        "max_connections=400",
        "shared_buffers=512MB",
        "max_wal_size=2GB",
    ];
    let mut server = Server::start(&options).await;
    let store = connect(&server, 16).await;
    let database = Database::of(&server).await;

    println!("### Users and sessions\n");
    println!("| users and sessions | measured | figure |\n| --- | --- | --- |");
    let model = Model::of(&*store).await;
    for (round, users) in [FIRST].into_iter().chain(sizes).enumerate() {
        import(&*store, &database, &model, users).await;
        sizes_on_disk(&database).await;
        sign_ins(&store, &database, round).await;
    }

    println!("\n### The change feed\n");
    println!("| followers | measured | figure |\n| --- | --- | --- |");
    let followers = std::env::var("FOLLOWERS").map_or(50, |count| count.parse().unwrap());
    follow(&server, &store, &database, followers).await;

    println!("\n### Shared rate limits\n");
    println!("| keys | measured | figure |\n| --- | --- | --- |");
    for keys in [100, 1000] {
        exchange_rates(&store, &database, keys).await;
    }

    println!("\n### A failover\n");
    println!("| measured | figure |\n| --- | --- |");
    fail_over(&mut server, &store).await;
    store.close().await;
}

async fn connect(server: &Server, connections: usize) -> Arc<dyn Store> {
    let settings = PostgresSettings {
        url: server.url("postgres"),
        root_certificates: None,
        connections,
    };
    Arc::new(Postgres::connect(&settings).await.unwrap())
}

/// The records that all others are like.
#[derive(Clone)]
struct Model {
    user: User,
    session: SessionRecord,
}

impl Model {
    async fn of(store: &dyn Store) -> Self {
        let request = sign_in("model");
        let sid = request.sid;
        let SignInOutcome::Live(signed_in) = store.sign_in(request).await.unwrap() else {
            panic!("refused");
        };
        Self {
            user: signed_in.user,
            session: store.session(sid).await.unwrap().unwrap(),
        }
    }

    fn user(&self, number: u64) -> User {
        let mut user = self.user.clone();
        user.id = Uuid::now_v7();
        for credential in &mut user.credentials {
            credential.id = Uuid::now_v7();
            credential.public_identifier = match credential.format {
                CredentialFormat::Email => format!("user-{number}@example.com"),
                CredentialFormat::ExternalUser => format!("user-{number}"),
            };
        }
        user
    }

    /// Of a user who has come a little later than the one before.
    fn session(&self, user: &User, number: u64) -> SessionRecord {
        let later = Duration::from_secs(number / 100);
        SessionRecord {
            sid: Uuid::new_v4(),
            user_id: user.id,
            opened_at: self.session.opened_at.plus(later),
            remember_until: self.session.remember_until.plus(later),
            ..self.session.clone()
        }
    }
}

/// Has so many users in all, each with a session.
async fn import(store: &dyn Store, database: &Database, model: &Model, users: u64) {
    // A store with users takes records only if an earlier import stopped.
    store.put_setting("unfinished_import", "yes").await.unwrap();
    let there = u64::try_from(database.count().await).unwrap();
    let (to, from) = tokio::io::duplex(1 << 20);
    let file = tokio::spawn(write_export(model.clone(), there..users, to));
    let (begun, cpu) = (Instant::now(), database.cpu());
    let read = transfer::import(store, BufReader::new(from), |_| {})
        .await
        .unwrap();
    let seconds = begun.elapsed().as_secs_f64();
    let cpu = (database.cpu() - cpu).as_secs_f64() / read as f64 * 1e6;
    file.await.unwrap();
    let rate = read as f64 / seconds;
    println!("| {users} | records imported a second (`store import`) | {rate:.0} |");
    println!("| {users} | of these, CPU time of PostgreSQL for each, µs | {cpu:.0} |");
    database.settle().await;
}

/// Writes an export in which some users come before their sessions, then more of both.
async fn write_export(model: Model, numbers: std::ops::Range<u64>, mut to: DuplexStream) {
    let end = 2 * (numbers.end - numbers.start);
    to.write_all(b"{\"vestibule_export\":1}\n").await.unwrap();
    let mut numbers = numbers.peekable();
    while numbers.peek().is_some() {
        let some: Vec<u64> = numbers.by_ref().take(1000).collect();
        let users: Vec<User> = some.iter().map(|number| model.user(*number)).collect();
        let sessions = users.iter().zip(&some);
        let sessions = sessions.map(|(user, number)| model.session(user, *number));
        let sessions: Vec<_> = sessions.map(Exported::Session).collect();
        for record in users.into_iter().map(Exported::User).chain(sessions) {
            let mut line = serde_json::to_vec(&record).unwrap();
            line.push(b'\n');
            to.write_all(&line).await.unwrap();
        }
    }
    let end = format!("{{\"end\":{end}}}\n");
    to.write_all(end.as_bytes()).await.unwrap();
}

async fn sizes_on_disk(database: &Database) {
    let users = database.count().await;
    for (name, bytes) in database.sizes().await {
        let each = bytes as f64 / users as f64;
        println!("| {users} | bytes for each in `{name}` | {each:.0} |");
    }
    let total = database.total().await as f64;
    let each = total / users as f64;
    println!("| {users} | **bytes for each user with one session** | **{each:.0}** |");
    println!("| {users} | database in all, MB | {:.0} |", total / 1e6);
}

/// People who come for the first time, and then again with a new login.
async fn sign_ins(store: &Arc<dyn Store>, database: &Database, round: usize) {
    let users = database.count().await;
    for what in ["first sign-ins", "sign-ins of known users"] {
        let (begun, cpu) = (Instant::now(), database.cpu());
        let mut each: Vec<Duration> = futures::stream::iter(0..SIGN_INS)
            .map(|number| {
                let store = Arc::clone(store);
                let mut request = sign_in(&format!("newcomer-{round}-{number}"));
                request.sid = Uuid::new_v4();
                tokio::spawn(async move {
                    let begun = Instant::now();
                    let outcome = store.sign_in(request).await.unwrap();
                    assert!(matches!(outcome, SignInOutcome::Live(_)));
                    begun.elapsed()
                })
            })
            .buffer_unordered(IN_FLIGHT)
            .map(Result::unwrap)
            .collect()
            .await;
        let rate = SIGN_INS as f64 / begun.elapsed().as_secs_f64();
        let cpu = (database.cpu() - cpu).as_secs_f64() / SIGN_INS as f64 * 1e6;
        each.sort_unstable();
        let p99 = each[SIGN_INS * 99 / 100].as_secs_f64() * 1e3;
        println!("| {users} | {what} a second, {IN_FLIGHT} in flight | {rate:.0} |");
        println!("| {users} | of these, 99 of 100 within, ms | {p99:.1} |");
        println!("| {users} | of these, CPU time of PostgreSQL for each, µs | {cpu:.0} |");
    }
}

/// Gateways that follow the feed as the gateway does: by notices, and by a look twice a second.
async fn follow(server: &Server, one: &Arc<dyn Store>, database: &Database, followers: usize) {
    let heard = Arc::new(AtomicUsize::new(0));
    let lags = Arc::new(std::sync::Mutex::new(Vec::new()));
    let ended_at = Arc::new(std::sync::Mutex::new(Instant::now()));
    let mut tasks = Vec::new();
    for _ in 0..followers {
        let store = connect(server, 1).await;
        let (heard, lags, ended_at) = (heard.clone(), lags.clone(), ended_at.clone());
        tasks.push(tokio::spawn(async move {
            let mut hint = store.latest_change();
            let mut seen = (*hint.borrow_and_update()).into();
            loop {
                let news = store.changes_since(seen, 500).await.unwrap();
                if let Some(last) = news.changes.last() {
                    let lag = ended_at.lock().unwrap().elapsed();
                    lags.lock().unwrap().push(lag);
                    seen = last.into();
                    heard.fetch_add(1, Ordering::Relaxed);
                }
                let _ = tokio::time::timeout(LOOK, hint.changed()).await;
            }
        }));
    }
    let window = async |what: &str, ends: u32| {
        let (cpu, queries) = (database.cpu(), database.transactions().await);
        let begun = Instant::now();
        for _ in 0..ends {
            *ended_at.lock().unwrap() = Instant::now();
            let (sid, cause) = (Uuid::new_v4(), RevocationReason::Logout);
            one.end_session(sid, cause, UnixTime::now()).await.unwrap();
            tokio::time::sleep(WINDOW / ends).await;
        }
        tokio::time::sleep(WINDOW.saturating_sub(begun.elapsed())).await;
        let seconds = begun.elapsed().as_secs_f64();
        let cores = (database.cpu() - cpu).as_secs_f64() / seconds;
        let queries = (database.transactions().await - queries) as f64 / seconds;
        println!("| {followers} | {what}: transactions a second | {queries:.0} |");
        println!("| {followers} | {what}: cores that PostgreSQL uses | {cores:.3} |");
    };
    window("nothing happens", 0).await;
    lags.lock().unwrap().clear();
    window("10 revocations a second", 10 * WINDOW.as_secs() as u32).await;
    let mut lags = std::mem::take(&mut *lags.lock().unwrap());
    lags.sort_unstable();
    for (part, index) in [
        ("half", lags.len() / 2),
        ("99 of 100", lags.len() * 99 / 100),
    ] {
        let lag = lags[index].as_secs_f64() * 1e3;
        println!(
            "| {followers} | {part} known at a follower within, ms of the request | {lag:.1} |"
        );
    }
    for task in tasks {
        task.abort();
    }
}

async fn exchange_rates(store: &Arc<dyn Store>, database: &Database, keys: u32) {
    let digest = |key: u32| Digest::of(&[&key.to_string()]);
    let counts = (0..keys).map(|key| RateCount {
        key: digest(key),
        cost: Duration::from_millis(200),
        age: Duration::from_secs(1),
        period: Duration::from_secs(60),
    });
    let exchange = RateExchange {
        counts: counts.collect(),
        takes_new: true,
        limit: 10_000,
    };
    store.exchange_rates(exchange.clone()).await.unwrap();
    let (begun, cpu) = (Instant::now(), database.cpu());
    for _ in 0..EXCHANGES {
        store.exchange_rates(exchange.clone()).await.unwrap();
    }
    let each = begun.elapsed().as_secs_f64() * 1e3 / f64::from(EXCHANGES);
    let cpu = (database.cpu() - cpu).as_secs_f64() * 1e3 / f64::from(EXCHANGES);
    println!("| {keys} | one exchange, ms | {each:.1} |");
    println!("| {keys} | CPU time of PostgreSQL for it, ms | {cpu:.1} |");
}

/// The server crashes and starts again: what a gateway sees of it.
async fn fail_over(server: &mut Server, store: &Arc<dyn Store>) {
    server.stop().await;
    let begun = Instant::now();
    let refused = store.sign_in(sign_in("during")).await;
    assert!(refused.is_err());
    let refusal = begun.elapsed().as_secs_f64() * 1e3;
    println!("| a sign-in while nothing listens is refused after, ms | {refusal:.1} |");
    let begun = Instant::now();
    server.start_again().await;
    let recovered = begun.elapsed().as_secs_f64();
    while store.sign_in(sign_in("after")).await.is_err() {}
    let after = begun.elapsed().as_secs_f64() - recovered;
    println!("| crash recovery of the database, s | {recovered:.1} |");
    println!("| from then until sign-ins succeed, s | {after:.2} |");
}

fn sign_in(sub: &str) -> SignIn {
    let now = UnixTime::now();
    SignIn {
        iss: "https://login.example.com/realms/people".to_owned(),
        issuer_name: "people".to_owned(),
        sub: sub.to_owned(),
        email: Some(format!("{sub}@example.com")),
        profile: Profile::default(),
        link_by_email: Vec::new(),
        provisioning: Provisioning::Auto,
        issued_at: Some(now),
        token_end: now.plus(Duration::from_secs(3600)),
        sid: Uuid::new_v4(),
        max_age: Duration::from_secs(24 * 3600),
        idle_timeout: None,
        max_sessions: None,
        client_address: Some([192, 0, 2, 1].into()),
        user_agent: Some("Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Firefox/140.0".to_owned()),
        claims: SessionClaims::default(),
        access: None,
        tell_key: false,
        email_withdrawn: EmailWithdrawal::None,
        uses: Vec::new(),
        doubt: Duration::ZERO,
        now,
        durable_session: true,
    }
}

/// Users at the first look.
const FIRST: u64 = 100_000;
const SIGN_INS: usize = 10_000;
const IN_FLIGHT: usize = 64;
const LOOK: Duration = Duration::from_millis(500);
const WINDOW: Duration = Duration::from_secs(15);
const EXCHANGES: u32 = 50;
