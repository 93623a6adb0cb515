//! What the gateway holds for a connection on which nothing happens.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use serde_json::json;
use tempfile::TempDir;

use crate::Scale;
use crate::gateway::{Gateway, Issuer};
use crate::report::{self, cells};
use crate::requests::{CLOSED, OPEN, bearer, get};
use crate::websocket::{self, head};
use crate::work::start_upstream;

/// Opens connections and leaves them alone; the table.
pub fn measure(scale: &Scale) -> String {
    open_files();
    let issuer = Issuer::fast();
    let directory = TempDir::new().unwrap();
    let (upstream, _process) = start_upstream(&directory);
    let count = scale.connections;
    let kept = |request: Vec<u8>| {
        let gateway = start(&issuer, upstream);
        each(&gateway, count, || asked(gateway.public, &request, "200"))
    };
    let (open, closed) = (kept(get(OPEN, &[])), kept(bearer(CLOSED, &issuer.token(0))));
    // Each with a gateway of its own: what one set gives back, the next would take.
    let socket = |request: Vec<u8>| {
        let gateway = start(&issuer, upstream);
        let sockets = count / WEBSOCKETS;
        each(&gateway, sockets, || asked(gateway.public, &request, "101"))
    };
    let anyones = socket(websocket::request(OPEN, &[]));
    let authorization = format!("Bearer {}", issuer.token(0));
    let users = socket(websocket::request(
        CLOSED,
        &[("Authorization", &authorization)],
    ));
    let row = |what: &str, count: usize, bytes: f64| {
        vec![what.to_owned(), count.to_string(), format!("{bytes:.0}")]
    };
    let rows = [
        cells(["idle connection", "how many", "bytes each"]),
        row("kept alive, on an open route", count, open),
        row("kept alive, one session", count, closed),
        row("WebSocket, on an open route", count / WEBSOCKETS, anyones),
        row("WebSocket, one session", count / WEBSOCKETS, users),
    ];
    format!(
        "## Connections\n\nAnonymous memory of the gateway (`RssAnon`), without the kernel's buffers. A \
         WebSocket includes its connection to the upstream.\n\n{}",
        report::table(&rows)
    )
}

fn start(issuer: &Issuer, upstream: SocketAddr) -> Gateway {
    Gateway::start(issuer, upstream, |config| {
        config["limits"]["connections_per_client"] = json!(0);
        config["limits"]["connections"] = json!(100_000);
        // Longer than the measurement.
        config["limits"]["keepalive_timeout"] = json!("1h");
    })
}

/// What each connection adds, after some that fill what all of them share.
fn each(gateway: &Gateway, count: usize, open: impl Fn() -> TcpStream) -> f64 {
    let mut held: Vec<TcpStream> = (0..count / 10).map(|_| open()).collect();
    let before = gateway.process.memory();
    held.extend((0..count).map(|_| open()));
    let after = gateway.process.memory();
    after.saturating_sub(before) as f64 / count as f64
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

/// This process holds one end of each connection, and with WebSockets both outer ends.
fn open_files() {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit {
        current: limit.maximum,
        maximum: limit.maximum,
    };
    setrlimit(Resource::Nofile, raised).unwrap();
}

/// One WebSocket for so many kept connections.
const WEBSOCKETS: usize = 5;
const PATIENCE: Duration = Duration::from_secs(30);
