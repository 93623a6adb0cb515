//! Clients that hold what they can, all at once, and honest ones next to them.
//!
//! Each kind comes from an address of its own, as one client does. It takes what it is given, waits
//! until the gateway takes that back, and comes again. `make siege` has it last for
//! `VESTIBULE_SIEGE` seconds; otherwise it ends when each kind has been through twice.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::{Instant, sleep, timeout};

use super::resources::{Large, RawH2, from};
use crate::support::load::{Load, once_from, rate};
use crate::support::{RawUpstream, Reply, TestGateway, upstream};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn honest_clients_notice_nothing() {
    let large = Large::start().await;
    let slow = RawUpstream::start().await;
    let (_never, gate) = watch::channel(false);
    slow.reply(Reply::Gated(gate, upstream::ok("late")));
    let site = TestGateway::with(|config| {
        config["listeners"] = json!([{"h2c": true}]);
        config["log"] = json!({"level": "error", "access": false});
        config["limits"] = json!({
            "memory": BUDGET, "header_timeout": "1s", "body_read_timeout": "1s",
            "response_write_timeout": "1s", "keepalive_timeout": "1s",
        });
        config["upstreams"]["large"] = json!({"servers": [large.address]});
        config["upstreams"]["slow"] = json!({"servers": [slow.address], "read_timeout": "2s"});
        for name in ["large", "slow"] {
            let route = json!({"path": format!("/{name}"), "auth": "none", "upstream": name});
            config["routes"].as_array_mut().unwrap().push(route);
        }
    })
    .await;
    let over = Arc::new(AtomicBool::new(false));
    let rounds: Vec<Arc<AtomicUsize>> = (0..KINDS.len()).map(|_| Arc::default()).collect();
    let mut attackers = Vec::new();
    for (number, (kind, done)) in KINDS.iter().zip(&rounds).enumerate() {
        let (public, admin) = (site.gateway.public, site.gateway.admin);
        let to = if *kind == Kind::AdminHeaders {
            admin
        } else {
            public
        };
        let (over, done, kind) = (Arc::clone(&over), Arc::clone(done), *kind);
        let address = format!("127.0.0.{}", number + 2);
        attackers.push(tokio::spawn(async move {
            while !over.load(Ordering::Relaxed) {
                kind.round(&address, to).await;
                done.fetch_add(1, Ordering::Relaxed);
            }
        }));
    }
    let public = site.gateway.public;
    let fields = [("Connection", "close")];
    let request: Arc<[u8]> = site.gateway.bytes("GET", "/open", &fields).into();
    let number = AtomicUsize::new(0);
    let honest = Load::start(rate(), move || {
        let number = number.fetch_add(1, Ordering::Relaxed) % HONEST;
        once_from(format!("127.0.1.{number}"), public, Arc::clone(&request))
    });

    let lasts = std::env::var("VESTIBULE_SIEGE").ok();
    let lasts = lasts.map(|seconds| Duration::from_secs(seconds.parse().unwrap()));
    let begun = Instant::now();
    let mut most = 0;
    loop {
        most = most.max(site.gateway.resident());
        let all_were = || rounds.iter().all(|done| done.load(Ordering::Relaxed) >= 2);
        if lasts.map_or_else(all_were, |lasts| begun.elapsed() >= lasts) {
            break;
        }
        assert!(
            begun.elapsed() < Duration::from_secs(1200),
            "it does not end"
        );
        sleep(Duration::from_millis(50)).await;
    }
    let outcomes = honest.outcomes().await;
    over.store(true, Ordering::Relaxed);
    for attacker in attackers {
        attacker.await.unwrap();
    }
    let rounds: Vec<_> = rounds
        .iter()
        .map(|done| done.load(Ordering::Relaxed))
        .collect();
    let metrics = site.gateway.metrics().await;
    let reasons = [
        "memory_budget",
        "request_limit",
        "client_request_limit",
        "upstream_request_limit",
        "upstream_queue_timeout",
    ];
    for reason in reasons {
        let of = [("reason", reason)];
        println!(
            "{reason}: {}",
            metrics.sum("vestibule_overload_refusals_total", &of)
        );
    }
    println!(
        "{outcomes:?}, {} MiB at most, rounds {rounds:?}",
        most >> 20
    );
    assert_eq!(outcomes.keys().collect::<Vec<_>>(), ["200"], "{outcomes:?}");
    assert!(most < BUDGET, "{most} bytes");
    assert_eq!(site.gateway.admin("/live").await.status(), 200);
}

/// What a client holds.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    UnreadStreams,
    UnreadAnswers,
    SilentBodies,
    EndlessHeader,
    Headers,
    AdminHeaders,
    SlowStreams,
    Idle,
}

const KINDS: [Kind; 8] = [
    Kind::UnreadStreams,
    Kind::UnreadAnswers,
    Kind::SilentBodies,
    Kind::EndlessHeader,
    Kind::Headers,
    Kind::AdminHeaders,
    Kind::SlowStreams,
    Kind::Idle,
];

impl Kind {
    /// Takes what it can, and waits until it is taken back, or for a while.
    async fn round(self, address: &str, to: SocketAddr) {
        let mut held = Vec::new();
        for _ in 0..self.connections() {
            let stream = from(address, to).await;
            held.push(match self {
                Self::UnreadStreams => streams(stream, 100, "/large").await,
                Self::SlowStreams => streams(stream, 100, "/slow").await,
                Self::SilentBodies => {
                    let mut connection = RawH2::over(stream).await;
                    connection.post(1, "/_vestibule/oauth/token", 5).await;
                    connection.stream
                }
                Self::EndlessHeader => {
                    let mut connection = RawH2::over(stream).await;
                    connection.begin_header(1, "/open").await;
                    connection.stream
                }
                Self::UnreadAnswers => {
                    written(stream, "GET /large HTTP/1.1\r\nHost: a\r\n\r\n").await
                }
                Self::Headers | Self::AdminHeaders => written(stream, "GET / HTTP/1.1\r\nHo").await,
                Self::Idle => stream,
            });
        }
        let reads = !matches!(self, Self::UnreadStreams | Self::UnreadAnswers);
        let ends = async {
            for stream in &mut held {
                let mut bytes = [0; 1024];
                while reads && matches!(stream.read(&mut bytes).await, Ok(1..)) {}
            }
            if !reads {
                // Its end is only seen by who reads.
                sleep(LONGEST).await;
            }
        };
        let _ = timeout(LONGEST, ends).await;
    }

    fn connections(self) -> usize {
        match self {
            Self::UnreadStreams | Self::SlowStreams => 6,
            _ => 50,
        }
    }
}

async fn streams(stream: TcpStream, count: u32, path: &str) -> TcpStream {
    let mut connection = RawH2::over(stream).await;
    for number in 0..count {
        connection.get(2 * number + 1, path).await;
    }
    connection.stream
}

async fn written(mut stream: TcpStream, text: &str) -> TcpStream {
    // A connection that was refused is what may happen.
    let _ = stream.write_all(text.as_bytes()).await;
    stream
}

/// From how many addresses the honest ones come: one client may not have that many connections while
/// the machine is busy.
const HONEST: usize = 16;

/// `limits.memory`, in bytes. What the process takes while nobody holds anything counts, too.
const BUDGET: u64 = 512 << 20;

/// How long what was taken is kept at most.
const LONGEST: Duration = Duration::from_secs(3);
