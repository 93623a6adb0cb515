//! What clients can hold is bounded, and what the gateway needs for itself stays free.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::sync::watch;
use tokio::time::{Instant, sleep};

use crate::support::authority::Authority;
use crate::support::gateway::binary;
use crate::support::port::free_port;
use crate::support::upstream::ok;
use crate::support::{PATIENCE, Reply, TestGateway, Wire, eventually, refusal_id, run};

mod headers;
mod operators;
mod raw_h2;
mod unread;
mod upstreams;

pub(super) use raw_h2::RawH2;
pub(super) use unread::Large;

/// The old way, each worker wrote by itself: two lines fill this pipe, and the third stopped it.
#[tokio::test]
async fn a_log_that_nobody_reads_stops_nothing() {
    let unread = ["bash", "-c", r#"exec "$@" 2> >(exec sleep 120)"#, "bash"];
    let unread = unread.map(str::to_owned);
    let noisy = free_port();
    let site = TestGateway::by(&unread, |config| {
        config["trusted_proxies"] = json!(["127.0.0.0/8"]);
        config["listeners"] = json!([
            {},
            {"name": "x".repeat(32 << 10), "address": noisy, "proxy_protocol": true},
        ]);
    })
    .await;
    // Each of these connections is worth two lines, which name the listener.
    for _ in 0..600 {
        let stream = TcpStream::connect(noisy).await.unwrap();
        let mut wire = Wire::new(stream);
        wire.write("no header of the PROXY protocol\r\n").await;
        wire.read_to_end().await;
    }
    assert_eq!(site.gateway.get("/open", &[]).await.status(), 200);
    let metrics = site.gateway.metrics().await;
    assert!(metrics.sum("vestibule_log_dropped_lines_total", &[]) > 0.0);
    assert_eq!(
        metrics.sum("vestibule_access_log_dropped_lines_total", &[]),
        0.0
    );
}

/// Clients leave in the middle of a header, and a server sends more than it announced, which the
/// framework warns of.
#[tokio::test]
async fn what_clients_do_is_no_error_of_the_log() {
    for (level, tells) in [("debug", true), ("info", false), ("warn", false)] {
        let mut site = TestGateway::with(|config| config["log"] = json!({"level": level})).await;
        for _ in 0..20 {
            let mut wire = site.gateway.connect().await;
            wire.write("GET /open HTTP/1.1\r\nHost: x").await;
        }
        let more = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi, and more";
        site.upstream.reply(Reply::Bytes(more.to_vec()));
        let answer = site.gateway.get("/open", &[]).await;
        assert_eq!((answer.status(), &*answer.text()), (200, "hi"));
        if tells {
            site.gateway.logged(&["pingora_core", "more data"]).await;
        }
        site.gateway.sigterm();
        site.gateway.ended().await;
        assert_eq!(site.gateway.log().contains("pingora"), tells, "{level}");
    }
}

/// The budget counts 20 KiB for a plain connection and 96 KiB for a request.
#[tokio::test]
async fn beyond_the_memory_budget_requests_are_refused_and_idle_connections_make_room() {
    let site = TestGateway::with(|config| {
        // All of it is one client's.
        config["limits"] = json!({
            "memory": "4MiB", "connections_per_client": 0, "requests_per_client": 0,
        });
    })
    .await;
    let request = site.gateway.bytes("GET", "/open", &[]);
    let mut idle = Vec::new();
    for _ in 0..80 {
        let mut wire = site.gateway.connect().await;
        wire.write(&request).await;
        let answer = wire.read_response("GET").await.expect("an answer");
        assert_eq!(answer.status(), 200);
        idle.push(wire);
    }
    assert_eq!(degraded(&site).await, json!([]));
    let (open, gate) = watch::channel(false);
    site.upstream.reply(Reply::Gated(gate, ok("late")));
    let mut slow = Vec::new();
    // There is room for fewer than 22 of these in addition to the idle ones, and for 35 without.
    for _ in 0..30 {
        let mut wire = site.gateway.connect().await;
        wire.write(&request).await;
        slow.push(wire);
        let spent = site.gateway.metrics().await;
        let spent = spent.sum("vestibule_memory_spent_bytes", &[]);
        assert!(spent <= f64::from(4 << 20), "{spent}");
    }
    let metrics = site.gateway.metrics().await;
    let refused = metrics.sum("vestibule_overload_refusals_total", &[])
        + metrics.sum(
            "vestibule_connections_cut_total",
            &[("cause", "memory_budget")],
        );
    assert!(refused > 0.0, "nothing was refused");
    // The oldest of the idle ones is closed, others with it, and then there is room again.
    assert_eq!(idle[0].read_to_end().await, b"");
    eventually("no room was made", async || {
        let mut wire = site.gateway.connect().await;
        wire.write(site.gateway.bytes("GET", "/_vestibule/openapi.json", &[]))
            .await;
        let answer = wire.read_response("GET").await;
        answer.is_some_and(|answer| answer.status() == 200)
    })
    .await;
    open.send_replace(true);
    let first = slow.first_mut().unwrap();
    let answer = first.read_response("GET").await.expect("an answer");
    assert_eq!((answer.status(), &*answer.text()), (200, "late"));
}

#[tokio::test]
async fn a_spent_budget_is_told_and_refuses_with_a_reason() {
    let site = TestGateway::with(|config| {
        config["limits"] = json!({
            "memory": "230KiB", "connections_per_client": 0, "requests_per_client": 0,
        });
    })
    .await;
    let (open, gate) = watch::channel(false);
    site.upstream.reply(Reply::Gated(gate, ok("late")));
    let mut slow = site.gateway.connect().await;
    slow.write(site.gateway.bytes("GET", "/open", &[])).await;
    site.upstream.reached(1).await;
    // 116 KiB are spent: there is room for a connection, and for no request on it.
    let refused = site.gateway.get("/open", &[]).await;
    site.is_refusal(&refused, 503, "unavailable", "memory_budget")
        .await;
    assert_eq!(refused.field("retry-after").as_deref(), Some("1"));
    assert_ne!(degraded(&site).await, json!([]));
    open.send_replace(true);
    let answer = slow.read_response("GET").await.expect("an answer");
    assert_eq!(answer.text(), "late");
    drop(slow);
    eventually("the budget is not given back", async || {
        degraded(&site).await == json!([])
    })
    .await;
    assert_eq!(site.gateway.get("/open", &[]).await.status(), 200);
}

/// The framework's bound on reads does nothing for HTTP/2.
#[tokio::test]
async fn a_silent_body_over_http2_is_408_and_nobody_elses_fault() {
    let site = TestGateway::with(|config| {
        config["listeners"] = json!([{"h2c": true}]);
        config["limits"] = json!({"body_read_timeout": "300ms"});
    })
    .await;
    for path in ["/_vestibule/oauth/token", "/open"] {
        let mut whole = RawH2::connect(site.gateway.public).await;
        whole.post(1, path, 5).await;
        whole.data(1, b"hello", true).await;
        let mut silent = RawH2::connect(site.gateway.public).await;
        silent.post(1, path, 5).await;
        let line = site.gateway.logged(&["\"status\":408", path]).await;
        assert!(line.contains("request_body_timeout"), "{line}");
        // The other one was answered, whatever that was.
        let answered = site.gateway.log();
        let mut lines = answered.lines().filter(|line| line.contains(path));
        assert!(lines.any(|line| line.contains("\"status\"") && !line.contains("\"status\":408")));
    }
    let metrics = site.gateway.metrics().await;
    assert_eq!(metrics.sum("vestibule_upstream_failures_total", &[]), 0.0);
    let mut wire = site.gateway.connect().await;
    wire.write(
        site.gateway
            .bytes("POST", "/open", &[("Content-Length", "5")]),
    )
    .await;
    let answer = wire.read_response("POST").await.expect("an answer");
    refusal_id(&answer, "timeout");
}

#[tokio::test]
async fn a_body_arrives_at_some_rate_where_that_is_asked_for() {
    let ends_with = async |rate: &str| {
        let site = TestGateway::with(|config| {
            config["limits"] = json!({"body_min_rate": rate});
        })
        .await;
        let mut wire = site.gateway.connect().await;
        wire.write(
            site.gateway
                .bytes("POST", "/open", &[("Content-Length", "100")]),
        )
        .await;
        let mut other = site.gateway.connect().await;
        let own = "/_vestibule/oauth/token";
        other
            .write(
                site.gateway
                    .bytes("POST", own, &[("Content-Length", "100")]),
            )
            .await;
        // A byte now and then is no pause, for longer than the rate is not looked at.
        for _ in 0..70 {
            wire.write("x").await;
            other.write("x").await;
            sleep(Duration::from_millis(100)).await;
        }
        wire.write([b'x'; 30]).await;
        other.write([b'x'; 30]).await;
        let statuses = [
            wire.read_response("POST")
                .await
                .expect("an answer")
                .status(),
            other
                .read_response("POST")
                .await
                .expect("an answer")
                .status(),
        ];
        statuses.map(|status| status == 408)
    };
    let (slow, fast) = tokio::join!(ends_with("1KiB"), ends_with("1B"));
    assert_eq!((slow, fast), ([true, true], [false, false]));
}

/// Beside a stream that lasts, the framework waits for the end of a header for ever.
#[tokio::test]
async fn a_header_of_http2_that_does_not_end_ends_the_connection() {
    let site = TestGateway::with(|config| {
        config["listeners"] = json!([{"h2c": true}]);
        config["limits"] = json!({"header_timeout": "300ms"});
    })
    .await;
    let (open, gate) = watch::channel(false);
    site.upstream.reply(Reply::Gated(gate, ok("late")));
    let mut whole = RawH2::connect(site.gateway.public).await;
    whole.get(1, "/open").await;
    whole.begin_header(3, "/open").await;
    whole.end_header(3).await;
    let mut endless = RawH2::connect(site.gateway.public).await;
    endless.get(1, "/open").await;
    endless.begin_header(3, "/open").await;
    endless.ended().await;
    let cut = [("cause", "header_timeout")];
    let name = "vestibule_connections_cut_total";
    site.gateway.metric_becomes(name, &cut, 1.0).await;
    // The other connection has its answers.
    open.send_replace(true);
    whole.find(b"late").await;
}

/// Five connections of HTTP/2 with 100 streams each, on a slow answer, and 500 descriptors.
#[tokio::test]
async fn one_client_does_not_take_the_descriptors_of_all() {
    let few = ["sh", "-c", r#"ulimit -n 500; exec "$@""#, "sh"];
    let few = few.map(str::to_owned);
    let site = TestGateway::by(&few, |config| config["listeners"] = json!([{"h2c": true}])).await;
    let (_open, gate) = watch::channel(false);
    site.upstream.reply(Reply::Gated(gate, vec![]));
    let mut connections = Vec::new();
    for _ in 0..5 {
        let mut connection = RawH2::connect(site.gateway.public).await;
        for number in 0..100 {
            connection.get(2 * number + 1, "/open").await;
        }
        connections.push(connection);
    }
    let reason = [("reason", "client_request_limit")];
    let refused = "vestibule_overload_refusals_total";
    eventually("nothing is refused", async || {
        site.gateway.metrics().await.sum(refused, &reason) >= 400.0
    })
    .await;
    site.upstream.reply(Reply::ok("hello"));
    assert_eq!(site.gateway.admin("/ready").await.status(), 200);
    // Another client signs in.
    let token = site.acme.token().sign();
    let request = site
        .gateway
        .bytes("GET", "/", &[("Authorization", &format!("Bearer {token}"))]);
    let mut other = Wire::new(from("127.0.0.2", site.gateway.public).await);
    other.write(request).await;
    let answer = other.read_response("GET").await.expect("an answer");
    assert_eq!(answer.status(), 200, "{}", answer.text());
    drop(connections);
    eventually("nothing is given back", async || {
        site.gateway.get("/open", &[]).await.status() == 200
    })
    .await;
}

#[tokio::test]
async fn too_few_descriptors_are_told_before_they_are_missing() {
    let site = TestGateway::start().await;
    for (connections, warns) in [(16_384, true), (50, false)] {
        site.gateway
            .configure(|config| config["limits"] = json!({"connections": connections}));
        let output = tokio::process::Command::new("sh")
            .args(["-c", r#"ulimit -n 500; exec "$@""#, "sh"])
            .arg(env!("CARGO_BIN_EXE_vestibule"))
            .args(["check", "--config", "config.yaml"])
            .current_dir(site.gateway.dir())
            .output()
            .await
            .unwrap();
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{errors}");
        assert_eq!(errors.contains("too few files"), warns, "{errors}");
    }
}

/// What `/ready` says.
async fn degraded(site: &TestGateway) -> Value {
    site.gateway.admin("/ready").await.json()["degraded"].take()
}

/// A connection from another loopback address, which is another client.
pub(super) async fn from(address: &str, to: SocketAddr) -> TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    socket
        .bind(format!("{address}:0").parse().unwrap())
        .unwrap();
    socket.connect(to).await.unwrap()
}
