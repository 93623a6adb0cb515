//! What the gateway holds for a connection on which nothing happens.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use serde_json::json;
use tempfile::TempDir;

use crate::Scale;
use crate::client::Connection;
use crate::gateway::{Gateway, Issuer, add_tls};
use crate::h2_client;
use crate::report::{self, Target, cells};
use crate::requests::{CLOSED, OPEN, bearer, get};
use crate::tls::Tls;
use crate::ways::{Clients, Doors, Way};
use crate::websocket::{self, head};
use crate::work::start_upstream;

/// Opens connections and leaves them alone; the table.
pub fn measure(scale: &Scale) -> String {
    let most = open_files() / DESCRIPTORS;
    let issuer = Issuer::fast();
    let directory = TempDir::new().unwrap();
    let (upstream, _process) = start_upstream(&directory);
    let tls = Tls::new(directory.path());
    let clients = Clients::new(&tls);
    let token = issuer.token(0);
    let closed = bearer(CLOSED, &token);
    // Each kind with a gateway of its own: what one gives back, the next would take.
    let start = || start(&issuer, upstream, &tls);
    let many = scale
        .connections
        .min(usize::try_from(most).unwrap_or(usize::MAX));
    let few = many / FEWER;
    let kept = |request: &[u8]| {
        let gateway = start();
        let address = gateway.doors.plain;
        gateway.each(many, || asked(address, request, "200"))
    };
    let by_tls = || {
        let gateway = start();
        gateway.each(few, || {
            let mut connection = Connection::new(clients.door(Way::Tls, &gateway.doors));
            let (status, _) = connection.exchange(&closed);
            assert_eq!(status, 200);
            connection
        })
    };
    let by_http2 = || {
        let (gateway, runtime) = (start(), h2_client::runtime());
        let door = clients.door(Way::Http2, &gateway.doors);
        gateway.each(few, || runtime.block_on(h2_client::asked(&door, &closed)))
    };
    let socket = |request: &[u8]| {
        let gateway = start();
        let address = gateway.doors.plain;
        gateway.each(few, || asked(address, request, "101"))
    };
    let authorization = format!("Bearer {token}");
    let fields = [("Authorization", &*authorization)];
    let of_user = websocket::request(CLOSED, &fields);
    let figures = [
        ("kept alive, on an open route", many, kept(&get(OPEN, &[]))),
        (KEPT, many, kept(&closed)),
        ("kept alive over TLS, one session", few, by_tls()),
        (
            "kept alive by HTTP/2 over TLS, one session",
            few,
            by_http2(),
        ),
        (
            "WebSocket, on an open route",
            few,
            socket(&websocket::request(OPEN, &[])),
        ),
        (WEBSOCKET, few, socket(&of_user)),
    ];
    let mut rows = vec![cells(["idle connection", "how many", "bytes each"])];
    rows.extend(figures.map(|(what, count, bytes)| {
        vec![what.to_owned(), count.to_string(), format!("{bytes:.0}")]
    }));
    let target = |name: &str, at_most| Target {
        what: format!("bytes: {name}"),
        figure: figures.iter().find(|(what, ..)| *what == name).unwrap().2,
        at_most,
    };
    let targets = [target(KEPT, 24_000.0), target(WEBSOCKET, 48_000.0)];
    format!(
        "## Connections\n\nAnonymous memory of the gateway (`RssAnon`), without the kernel's buffers. A \
         WebSocket includes its connection to the upstream.\n\n{}\n{}",
        report::table(&rows),
        report::targets(&targets)
    )
}

/// A gateway with listeners for all ways.
struct Holding {
    gateway: Gateway,
    doors: Doors,
}

fn start(issuer: &Issuer, upstream: SocketAddr, tls: &Tls) -> Holding {
    let mut address = None;
    let gateway = Gateway::start(issuer, upstream, |config| {
        address = Some(add_tls(config, tls));
        config["limits"]["connections_per_client"] = json!(0);
        config["limits"]["requests_per_client"] = json!(0);
        config["limits"]["connections"] = json!(100_000);
        // Longer than the measurement.
        config["limits"]["keepalive_timeout"] = json!("1h");
    });
    let doors = Doors {
        plain: gateway.public,
        tls: address.unwrap(),
    };
    Holding { gateway, doors }
}

impl Holding {
    /// What each connection adds, after some that fill what all of them share.
    fn each<T>(&self, count: usize, open: impl Fn() -> T) -> f64 {
        let mut held: Vec<T> = (0..count / 10).map(|_| open()).collect();
        let before = self.gateway.process.memory();
        held.extend((0..count).map(|_| open()));
        let after = self.gateway.process.memory();
        after.saturating_sub(before) as f64 / count as f64
    }
}

/// A connection on which one request was answered with that status.
fn asked(address: SocketAddr, request: &[u8], status: &str) -> TcpStream {
    let mut stream = TcpStream::connect(address).expect("the gateway accepts");
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.write_all(request).unwrap();
    let answer = head(&mut stream);
    assert_eq!(answer.get(9..12), Some(status), "{answer}");
    if status == "200" {
        let length = answer
            .lines()
            .filter_map(|line| line.split_once(": "))
            .find(|(name, _)| name.eq_ignore_ascii_case("content-length"))
            .map_or(0, |(_, value)| value.parse().unwrap());
        stream.read_exact(&mut vec![0; length]).unwrap();
    }
    stream
}

/// This process holds one end of each connection, and with WebSockets both outer ends. How many files it, and
/// each process that it starts, can have open.
fn open_files() -> u64 {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit {
        current: limit.maximum,
        maximum: limit.maximum,
    };
    setrlimit(Resource::Nofile, raised).unwrap();
    limit.maximum.unwrap_or(u64::MAX)
}

/// The gateway admits no more connections than it has descriptors for, each with one to its upstream, and needs
/// some besides.
const DESCRIPTORS: u64 = 4;
/// One of those that take longer to open for so many that do not.
const FEWER: usize = 5;
const KEPT: &str = "kept alive, one session";
const WEBSOCKET: &str = "WebSocket, one session";
const PATIENCE: Duration = Duration::from_secs(30);
