//! What the store does in a second, on both engines: durable first sights, and how soon another
//! gateway knows of an end; and what memory an export of everybody takes. `USERS` says how many
//! (1,000,000 for the export). Prints a table in Markdown.

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
use tempfile::TempDir;
use tokio::io::sink;
use uuid::Uuid;
use vestibule::clock::UnixTime;
use vestibule::store::transfer::{PrivateKeys, export};
use vestibule::store::{
    EmailWithdrawal, Embedded, Exported, PageRequest, Postgres, PostgresSettings, Provisioning,
    RevocationReason, SessionClaims, SignIn, SignInOutcome, Store, StoreSettings,
};

#[path = "../src/store/postgres/tests/server.rs"]
#[allow(dead_code, reason = "shared with the tests of the store")]
mod server;

fn main() {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(measure());
}

async fn measure() {
    let users = std::env::var("USERS").map_or(1_000_000, |users| users.parse().unwrap());
    println!("| store | measured | figure | aim |\n| --- | --- | --- | --- |");

    let dir = TempDir::new().unwrap();
    let embedded: Arc<dyn Store> = Arc::new(open(&dir));
    first_sights("redb", &embedded, SIGN_INS, 10_000).await;
    memory_of_an_export(&embedded, users).await;
    embedded.close().await;

    // As an operator would have it: what is committed is on the disk.
    let server = server::Server::start(&["fsync=on", "full_page_writes=on"]).await;
    let settings = PostgresSettings {
        url: server.url("postgres"),
        root_certificates: None,
        connections: 16,
    };
    let one: Arc<dyn Store> = Arc::new(Postgres::connect(&settings).await.unwrap());
    let other: Arc<dyn Store> = Arc::new(Postgres::connect(&settings).await.unwrap());
    first_sights("PostgreSQL", &one, SIGN_INS / 4, 2_000).await;
    news_of_an_end(&one, &other).await;
    one.close().await;
    other.close().await;
}

fn open(dir: &TempDir) -> Embedded {
    let settings = StoreSettings {
        path: dir.path().join("vestibule.redb"),
        ..StoreSettings::default()
    };
    Embedded::open(&settings).unwrap()
}

/// New users, each with a session, so many at once that the engine can group them.
async fn first_sights(engine: &str, store: &Arc<dyn Store>, count: usize, aim: usize) {
    let begun = Instant::now();
    let mut each: Vec<Duration> = futures::stream::iter(0..count)
        .map(|number| {
            let store = Arc::clone(store);
            tokio::spawn(async move {
                let begun = Instant::now();
                let outcome = store.sign_in(first_sign_in(number)).await.unwrap();
                assert!(matches!(outcome, SignInOutcome::Live(_)));
                begun.elapsed()
            })
        })
        .buffer_unordered(IN_FLIGHT)
        .map(Result::unwrap)
        .collect()
        .await;
    let rate = count as f64 / begun.elapsed().as_secs_f64();
    each.sort_unstable();
    let what = format!("durable users and sessions a second, {IN_FLIGHT} in flight");
    println!("| {engine} | {what} | {rate:.0} | {aim} |");
    let p99 = each[count * 99 / 100].as_secs_f64() * 1e3;
    println!("| {engine} | 99 of 100 sign-ins within, ms | {p99:.1} | 20 |");
}

/// How much the process grows while everybody is exported, after it has been exported once: what
/// is left then does not depend on how many there are.
async fn memory_of_an_export(store: &Arc<dyn Store>, users: usize) {
    // One user of each size stands for all: what is copied is what an engine wrote.
    let page = store.export(PageRequest::first(1000)).await.unwrap();
    let model = page.items.into_iter().find_map(|record| match record {
        Exported::User(user) => Some(user),
        _ => None,
    });
    let model = model.expect("users are exported first");
    let made = AtomicUsize::new(0);
    while made.load(Ordering::Relaxed) < users {
        let batch = (0..BATCH.min(users - made.load(Ordering::Relaxed))).map(|_| {
            let number = made.fetch_add(1, Ordering::Relaxed);
            let mut user = model.clone();
            user.id = Uuid::now_v7();
            for credential in &mut user.credentials {
                credential.id = Uuid::now_v7();
                credential.public_identifier = format!("imported-{number}");
            }
            Exported::User(user)
        });
        store.import(batch.collect()).await.unwrap();
    }
    // The engine's page cache is bounded by `store.cache_size`; it is full after the first time.
    export(&**store, &mut sink(), PrivateKeys::LeftOut, |_| {})
        .await
        .unwrap();
    let begun = Instant::now();
    let before = resident();
    let written = export(&**store, &mut sink(), PrivateKeys::LeftOut, |_| {})
        .await
        .unwrap();
    let seconds = begun.elapsed().as_secs_f64();
    let grown = (resident().saturating_sub(before)) as f64 / 1e6;
    println!(
        "| redb | MB more in memory after {written} records exported in {seconds:.1} s | {grown:.1} | bounded |"
    );
}

/// From the answer to the one who ended a session to the news at another gateway.
async fn news_of_an_end(one: &Arc<dyn Store>, other: &Arc<dyn Store>) {
    let mut times = Vec::with_capacity(ENDS);
    for number in 0..ENDS {
        let mut news = other.latest_change();
        news.borrow_and_update();
        let asked = first_sign_in(number);
        one.end_session(asked.sid, RevocationReason::Logout, UnixTime::now())
            .await
            .unwrap();
        let answered = Instant::now();
        news.changed().await.unwrap();
        times.push(answered.elapsed());
    }
    times.sort_unstable();
    for (name, index) in [("half", ENDS / 2), ("99 of 100", ENDS * 99 / 100)] {
        let time = times[index].as_secs_f64() * 1e3;
        println!(
            "| PostgreSQL | {name} of ends known at another gateway within, ms | {time:.1} | 1000 |"
        );
    }
}

fn first_sign_in(number: usize) -> SignIn {
    let now = UnixTime::now();
    let mut sid = [0; 16];
    // Not where the version stands, or two numbers would have one id.
    sid[8..].copy_from_slice(&(number as u64).to_be_bytes());
    SignIn {
        iss: "https://bench.test".to_owned(),
        issuer_name: "bench".to_owned(),
        sub: format!("user-{number}"),
        email: None,
        profile: vestibule::store::Profile::default(),
        link_by_email: Vec::new(),
        provisioning: Provisioning::Auto,
        issued_at: Some(now),
        token_end: now.plus(Duration::from_secs(3600)),
        sid: Uuid::new_v8(sid),
        max_age: Duration::from_secs(24 * 3600),
        idle_timeout: None,
        max_sessions: None,
        client_address: None,
        user_agent: None,
        claims: SessionClaims::default(),
        access: None,
        tell_key: false,
        email_withdrawn: EmailWithdrawal::None,
        uses: Vec::new(),
        now,
        doubt: Duration::ZERO,
        durable_session: true,
    }
}

/// Bytes of this process in memory.
fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))
        .unwrap();
    let kilobytes: u64 = line.split_whitespace().next().unwrap().parse().unwrap();
    kilobytes * 1024
}

const SIGN_INS: usize = 40_000;
const IN_FLIGHT: usize = 64;
const BATCH: usize = 5_000;
const ENDS: usize = 200;
