//! Many routes: what is lost while they are added one by one, and what they hold.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::Scale;
use crate::client::{self, Connection};
use crate::gateway::{Gateway, Issuer};
use crate::report::{self, Target, cells};
use crate::requests::{CLOSED, bearer};
use crate::rounds::Series;
use crate::work::start_upstream;

/// Adds and counts; the tables.
pub fn measure(scale: &Scale) -> String {
    let issuer = Issuer::new();
    let directory = TempDir::new().unwrap();
    let (upstream, _process) = start_upstream(&directory);
    let token = issuer.token(0);
    let start = |routes: usize| {
        Gateway::start(&issuer, upstream, |config| {
            config["server"]["reload_on_change"] = json!(false);
            (0..routes).for_each(|number| add(config, number));
        })
    };
    let mut gateway = start(0);
    let added = add_each(&mut gateway, &token, scale.routes);
    let grown = memory(&gateway, &token);
    drop(gateway);
    let held = [0, scale.routes, MANY].map(|routes| memory(&start(routes), &token));
    render(scale.routes, &added, grown, held)
}

/// What happened meanwhile.
struct Added {
    took: Duration,
    answered: usize,
    lost: usize,
    /// Milliseconds from a signal to the first answer of its route.
    waits: Series,
}

/// Adds routes one by one, each with a reload of the configuration, while others ask.
fn add_each(gateway: &mut Gateway, token: &str, routes: usize) -> Added {
    let (address, known) = (gateway.public, bearer(CLOSED, token));
    let ended = AtomicBool::new(false);
    let mut asking = Connection::new(address.into());
    let begun = Instant::now();
    thread::scope(|scope| {
        let others: Vec<_> = (0..ASKING)
            .map(|_| scope.spawn(|| ask(address, &known, &ended)))
            .collect();
        let mut waits = Series::default();
        for number in 0..routes {
            add(&mut gateway.config, number);
            let request = bearer(&format!("{}/items", path(number)), token);
            let (missing, _) = asking.exchange(&request);
            assert_eq!(missing, 404, "route {number} is there before it is added");
            let asked = Instant::now();
            gateway.reload();
            while asking.exchange(&request).0 != 200 {
                assert!(asked.elapsed() < PATIENCE, "route {number} never answers");
                thread::sleep(Duration::from_micros(500));
            }
            waits.0.push(asked.elapsed().as_secs_f64() * 1e3);
        }
        ended.store(true, Ordering::Relaxed);
        let took = begun.elapsed();
        let counts = others.into_iter().map(|thread| thread.join().unwrap());
        let (answered, lost) = counts.fold((0, 0), |all, one| (all.0 + one.0, all.1 + one.1));
        Added {
            took,
            answered,
            lost,
            waits,
        }
    })
}

/// Asks on one kept connection until the end: how many requests were answered, and how many were not, or
/// otherwise than by the upstream.
fn ask(address: SocketAddr, request: &[u8], ended: &AtomicBool) -> (usize, usize) {
    let mut connection = Connection::new(address.into());
    let (mut answered, mut lost) = (0, 0);
    while !ended.load(Ordering::Relaxed) {
        match connection.try_exchange(request) {
            Ok((200, _)) => answered += 1,
            other => {
                eprintln!("lost: {:?}", other.map(|(status, _)| status));
                lost += 1;
            }
        }
        thread::sleep(PAUSE);
    }
    (answered, lost)
}

fn add(config: &mut Value, number: usize) {
    let route = json!({"path": path(number), "auth": "required", "upstream": "app"});
    config["routes"].as_array_mut().unwrap().push(route);
}

fn path(number: usize) -> String {
    format!("/service-{number}/v1")
}

/// Megabytes, after some requests.
fn memory(gateway: &Gateway, token: &str) -> f64 {
    let answers = client::saturate(gateway.public, &[bearer(CLOSED, token)], 2000);
    assert_eq!(answers.by_status.get(&200), Some(&2000), "{answers:?}");
    gateway.process.memory() as f64 / 1e6
}

fn render(routes: usize, added: &Added, grown: f64, [none, some, many]: [f64; 3]) -> String {
    let Added {
        took,
        answered,
        lost,
        waits,
    } = added;
    let row = |what: String, figure: String| vec![what, figure];
    let megabytes = |megabytes: f64| format!("{megabytes:.1} MB");
    let each = (many - none) * 1e6 / MANY as f64;
    let rows = [
        cells(["routes", "figure"]),
        row(
            format!("{routes} added one by one, a reload each, in"),
            format!("{:.1} s", took.as_secs_f64()),
        ),
        row(
            "a route answers after its reload was asked for, half of them within".to_owned(),
            format!("{:.1} ms", waits.median()),
        ),
        row(
            "all of them within".to_owned(),
            format!("{:.1} ms", waits.range().1),
        ),
        row("requests meanwhile".to_owned(), answered.to_string()),
        row("requests lost".to_owned(), lost.to_string()),
        row("memory with 2 routes".to_owned(), megabytes(none)),
        row(
            format!("memory with {} routes", routes + 2),
            megabytes(some),
        ),
        row(
            "the same after they were added one by one".to_owned(),
            megabytes(grown),
        ),
        row(format!("memory with {} routes", MANY + 2), megabytes(many)),
        row("for each of them".to_owned(), format!("{each:.0} bytes")),
    ];
    let target = Target {
        what: "requests lost while routes are added".to_owned(),
        figure: *lost as f64,
        at_most: 0.0,
    };
    format!(
        "## Routes\n\n{}\n{}",
        report::table(&rows),
        report::targets(&[target])
    )
}

/// How many routes a large configuration has.
const MANY: usize = 5000;
/// Connections that ask meanwhile, each of them some 400 times a second.
const ASKING: usize = 8;
const PAUSE: Duration = Duration::from_millis(2);
const PATIENCE: Duration = Duration::from_secs(30);
