//! A history in the manner of Jepsen: two gateways on one PostgreSQL, clients that sign in, come again
//! and are ended in every way, while processes are killed and stopped, connections cut and the
//! database restarted. What was recorded is then held against what is promised.
//!
//! `make history` runs it for minutes, this suite for seconds. Whether the checker would notice is
//! shown by faults that are put into the database: a feed with gaps, a commit that is acknowledged
//! before it is durable, a tombstone that is lost.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::atomic::AtomicUsize;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::json;
use tokio::sync::watch;
use tokio::time::{Instant, sleep};

use super::postgres::server::Server;
use crate::support::test_gateway::config;
use crate::support::{ACME, GLOBEX, Gateway, Key, RawUpstream, TestIssuer, decode};

mod checker;
mod cut;
mod world;

use checker::{Event, What, violations};
use cut::Way;
use world::World;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_fault_lets_an_ended_login_through_or_loses_what_was_acknowledged() {
    let mut scene = Scene::start(&[], "").await;
    let seconds = std::env::var("VESTIBULE_HISTORY").ok();
    let seconds = seconds.and_then(|text| text.parse().ok()).unwrap_or(10);
    let clients = scene.clients(CLIENTS);
    let until = Instant::now() + Duration::from_secs(seconds);
    let mut faults = BTreeMap::new();
    // However slow the machine is: until each fault has struck and enough was seen to show something.
    for kind in FAULTS.iter().cycle() {
        sleep(pause(200, 900)).await;
        scene.strike(*kind).await;
        *faults.entry(format!("{kind:?}")).or_insert(0) += 1;
        let (uses, ends) = scene.progress();
        let is_enough = faults.len() == FAULTS.len() && uses > 50 && ends > 10;
        if is_enough && Instant::now() >= until {
            break;
        }
    }
    clients.stop().await;
    // All is well again: whatever is left must hold.
    sleep(LAG * 2).await;
    scene.look_at_everybody().await;
    let events = scene.events();
    let (uses, ends) = scene.progress();
    let found = violations(&events, LAG);
    println!(
        "{} operations: {uses} requests let through, {ends} ends; {faults:?}",
        events.len()
    );
    assert!(found.is_empty(), "{}", found.join("\n"));
}

/// Of two changes one is missing: the other gateway never hears of some ends.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_feed_with_gaps_is_noticed() {
    let gaps = trigger("changes", "NEW.sequence % 2 = 0");
    let scene = Scene::start(&[], &gaps).await;
    scene
        .clients(CLIENTS)
        .until_noticed(&scene, async || {})
        .await;
}

/// Somebody is deleted, and an old token makes another user of them.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lost_tombstone_is_noticed() {
    let scene = Scene::start(&[], &trigger("tombstones", "true")).await;
    scene
        .clients(CLIENTS)
        .until_noticed(&scene, async || {})
        .await;
}

/// Commits are acknowledged before they are durable, and the database crashes.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_early_acknowledgement_is_noticed() {
    let early = ["synchronous_commit=off", "wal_writer_delay=10000ms"];
    let scene = Scene::start(&early, "").await;
    let server = Arc::clone(&scene.server);
    let crash = async || {
        let mut server = server.lock().await;
        server.stop().await;
        server.start_again().await;
    };
    scene.clients(CLIENTS).until_noticed(&scene, crash).await;
}

#[derive(Clone, Copy, Debug)]
enum Fault {
    Kill(usize),
    Stop(usize),
    Cut(usize),
    Database,
}

const FAULTS: [Fault; 7] = [
    Fault::Kill(0),
    Fault::Cut(1),
    Fault::Stop(1),
    Fault::Database,
    Fault::Stop(0),
    Fault::Kill(1),
    Fault::Cut(0),
];

struct Scene {
    gateways: Vec<Option<Gateway>>,
    ways: Vec<Way>,
    server: Arc<tokio::sync::Mutex<Server>>,
    world: Arc<World>,
    _globex: TestIssuer,
    _secrets: tempfile::TempDir,
}

impl Scene {
    /// `options` of the database, and SQL for it once the gateways have made their tables.
    async fn start(options: &[&str], sql: &str) -> Self {
        let server = Server::start(options).await;
        let secrets = tempfile::TempDir::new().unwrap();
        let secret = |name: &str, text: &str| {
            let path = secrets.path().join(name);
            std::fs::write(&path, text).unwrap();
            format!("file:{}", path.display())
        };
        let acme = TestIssuer::start(ACME, Key::p256("acme-1")).await;
        let globex = TestIssuer::start(GLOBEX, Key::p256("globex-1")).await;
        let upstream = RawUpstream::start().await;
        let mut base = config(&acme, &globex, &upstream);
        base["public_url"] = json!("https://app.example.com");
        let keys = json!([secret("key", &"A".repeat(43))]);
        base["session"] = json!({"key_encryption_keys": keys, "revocation_max_staleness": "1s"});
        base["log"] = json!({"level": "warn", "access": false});
        let (mut gateways, mut ways) = (Vec::new(), Vec::new());
        for number in 0..2 {
            let way = Way::to(server.port()).await;
            let url = format!("postgres://postgres@{}/postgres", way.address);
            let mut config = base.clone();
            config["store"] = json!({"postgres": secret(&format!("url-{number}"), &url)});
            let gateway = Gateway::start(config).await;
            gateway.wait_until_whole().await;
            gateways.push(Some(gateway));
            ways.push(way);
        }
        if !sql.is_empty() {
            let client = server.client("postgres").await;
            client.batch_execute(sql).await.unwrap();
        }
        let addresses =
            |of: fn(&Gateway) -> SocketAddr| gateways.iter().flatten().map(of).collect();
        let world = World {
            public: addresses(|gateway| gateway.public),
            admin: addresses(|gateway| gateway.admin),
            acme,
            upstream,
            begun: Instant::now(),
            next: AtomicUsize::new(0),
            history: Mutex::default(),
            reported: Mutex::default(),
            logins: Mutex::default(),
        };
        Self {
            gateways,
            ways,
            server: Arc::new(tokio::sync::Mutex::new(server)),
            world: Arc::new(world),
            _globex: globex,
            _secrets: secrets,
        }
    }

    fn clients(&self, count: usize) -> Clients {
        let (stop, stopped) = watch::channel(false);
        let tasks = (0..count).map(|_| {
            let (world, stopped) = (Arc::clone(&self.world), stopped.clone());
            tokio::spawn(async move { world.be_a_client(stopped).await })
        });
        Clients {
            tasks: tasks.collect(),
            stop,
        }
    }

    async fn strike(&mut self, fault: Fault) {
        match fault {
            Fault::Kill(at) => {
                let gateway = self.gateways[at].take().unwrap();
                self.gateways[at] = Some(gateway.restart().await);
            }
            Fault::Stop(at) => {
                let gateway = self.gateways[at].as_ref().unwrap();
                gateway.signal("STOP");
                sleep(pause(500, 2500)).await;
                gateway.signal("CONT");
            }
            Fault::Cut(at) => {
                self.ways[at].cut(true);
                sleep(pause(500, 2500)).await;
                self.ways[at].cut(false);
            }
            Fault::Database => {
                let mut server = self.server.lock().await;
                server.stop().await;
                sleep(pause(100, 1000)).await;
                server.start_again().await;
            }
        }
    }

    /// Every login once more, at both gateways.
    async fn look_at_everybody(&self) {
        let logins = self.world.logins.lock().unwrap().clone();
        for login in logins.iter().rev().take(400) {
            for gateway in 0..2 {
                self.world.come(gateway, login).await;
            }
        }
    }

    /// How many requests were let through and how many ends acknowledged, so far.
    fn progress(&self) -> (usize, usize) {
        let history = self.world.history.lock().unwrap();
        let uses = |what: &What| matches!(what, What::Use { passed: true, .. });
        let ends = |what: &What| matches!(what, What::End { .. });
        let count =
            |is: fn(&What) -> bool| history.iter().filter(|(event, _)| is(&event.what)).count();
        (count(uses), count(ends))
    }

    /// What happened, with the users whom the upstream was given.
    fn events(&self) -> Vec<Event> {
        let requests = self.world.upstream.take_unchecked();
        let mut reported = self.world.reported.lock().unwrap();
        reported.extend(requests.iter().map(|request| {
            let path = request.start_line().split(' ').nth(1).unwrap().to_owned();
            let claims = decode(&request.bearer().expect("a session token")).claims;
            (path, claims["sub"].as_str().unwrap().to_owned())
        }));
        let history = self.world.history.lock().unwrap();
        let reported = |(event, path): &(Event, String)| {
            let mut event = event.clone();
            if let What::Use { user, .. } = &mut event.what {
                *user = reported.get(path).cloned();
            }
            event
        };
        history.iter().map(reported).collect()
    }
}

struct Clients {
    tasks: Vec<tokio::task::JoinHandle<()>>,
    stop: watch::Sender<bool>,
}

impl Clients {
    async fn stop(self) {
        self.stop.send_replace(true);
        for task in self.tasks {
            task.await.unwrap();
        }
    }

    /// Continues until the checker has found something, for as many rounds as a fault may hide. A
    /// round lasts until somebody was ended and others came, and longer than the lag, so that what is
    /// accepted too late is seen.
    async fn until_noticed(self, scene: &Scene, fault: impl AsyncFn()) {
        let mut rounds = 0;
        while violations(&scene.events(), LAG).is_empty() {
            rounds += 1;
            assert!(rounds <= ROUNDS, "the checker notices nothing");
            let (uses, ends) = scene.progress();
            sleep(LAG).await;
            loop {
                let (uses_now, ends_now) = scene.progress();
                if uses_now >= uses + 50 && ends_now >= ends + 3 {
                    break;
                }
                sleep(Duration::from_millis(20)).await;
            }
            fault().await;
        }
        self.stop().await;
    }
}

/// A trigger that drops rows of a table.
fn trigger(table: &str, when: &str) -> String {
    format!(
        "CREATE FUNCTION vestibule.lose() RETURNS trigger LANGUAGE plpgsql AS \
         $$ BEGIN IF {when} THEN RETURN NULL; END IF; RETURN NEW; END $$; \
         CREATE TRIGGER lose BEFORE INSERT ON vestibule.{table} \
         FOR EACH ROW EXECUTE FUNCTION vestibule.lose()"
    )
}

fn pause(least: u64, most: u64) -> Duration {
    Duration::from_millis(fastrand::u64(least..most))
}

/// What is promised: `session.revocation_max_staleness`.
const LAG: Duration = Duration::from_secs(1);
const CLIENTS: usize = 6;
/// More than any fault has ever taken to be seen.
const ROUNDS: usize = 60;
