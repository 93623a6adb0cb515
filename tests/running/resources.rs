//! What clients can hold is bounded, and what the gateway needs for itself stays free.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::sync::watch;
use tokio::time::{Instant, sleep};

use crate::support::certificate::Authority;
use crate::support::gateway::{binary, free_port};
use crate::support::upstream::ok;
use crate::support::{PATIENCE, Reply, TestGateway, Wire, eventually, refusal_id, run};

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

/// 600 answers of 4 MB over six connections of HTTP/2 with the largest windows, and nothing read.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn unread_answers_over_http2_cost_little() {
    let upstream = Large::start().await;
    let site = TestGateway::with(|config| {
        config["listeners"] = json!([{"h2c": true}]);
        config["upstreams"]["app"]["servers"] = json!([upstream.address]);
        config["log"] = json!({"level": "error", "access": false});
    })
    .await;
    let before = site.gateway.resident();
    let mut connections = Vec::new();
    for _ in 0..6 {
        let mut connection = RawH2::connect(site.gateway.public).await;
        for number in 0..100 {
            connection.get(2 * number + 1, "/open").await;
        }
        connections.push(connection);
    }
    upstream.reached(600).await;
    let grown = largest_growth(&site, before).await;
    assert!(grown < 64 << 20, "{grown} bytes");
    // Whoever reads gets all of it, beside them and among them.
    let answer = site.gateway.get("/open", &[]).await;
    assert_eq!(answer.body.len(), LARGE);
    let first = connections.first_mut().unwrap();
    assert_eq!(first.read(4 << 20).await, 4 << 20);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn unread_answers_over_http1_cost_little() {
    let upstream = Large::start().await;
    let site = TestGateway::with(|config| {
        config["upstreams"]["app"]["servers"] = json!([upstream.address]);
        config["log"] = json!({"level": "error", "access": false});
    })
    .await;
    let before = site.gateway.resident();
    let mut connections = Vec::new();
    for _ in 0..200 {
        let mut wire = site.gateway.connect().await;
        wire.write(site.gateway.bytes("GET", "/open", &[])).await;
        connections.push(wire);
    }
    upstream.reached(200).await;
    let grown = largest_growth(&site, before).await;
    // More than half of it is what a request takes that has no answer yet.
    assert!(grown < 200 * (160 << 10), "{grown} bytes");
    let mut first = connections.swap_remove(0);
    let answer = first.read_response("GET").await.expect("an answer");
    assert_eq!(answer.body.len(), LARGE);
}

/// The budget counts 40 KiB for a connection and 96 KiB for a request.
#[tokio::test]
async fn beyond_the_memory_budget_requests_are_refused_and_idle_connections_make_room() {
    let site = TestGateway::with(|config| config["limits"] = json!({"memory": "6MiB"})).await;
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
    // There is room for fewer than 22 of these beside the idle ones, and for 40 without.
    for _ in 0..30 {
        let mut wire = site.gateway.connect().await;
        wire.write(&request).await;
        slow.push(wire);
        let spent = site.gateway.metrics().await;
        let spent = spent.sum("vestibule_memory_spent_bytes", &[]);
        assert!(spent <= f64::from(6 << 20), "{spent}");
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
        config["limits"] = json!({"memory": "255KiB"});
    })
    .await;
    let (open, gate) = watch::channel(false);
    site.upstream.reply(Reply::Gated(gate, ok("late")));
    let mut slow = site.gateway.connect().await;
    slow.write(site.gateway.bytes("GET", "/open", &[])).await;
    site.upstream.reached(1).await;
    // 136 KiB are spent: there is room for a connection, and for no request on it.
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
        assert!(lines.any(|line| line.contains("\"status\"") && !line.contains(":408")));
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

#[tokio::test]
async fn an_upstream_has_so_many_requests_and_some_wait() {
    let site = TestGateway::with(|config| {
        config["upstreams"]["app"]["max_requests"] = json!(1);
        config["upstreams"]["app"]["max_waiting"] = json!(1);
        config["upstreams"]["app"]["queue_timeout"] = json!("1h");
    })
    .await;
    let (open, gate) = watch::channel(false);
    site.upstream.reply(Reply::Gated(gate, ok("late")));
    let request = site.gateway.bytes("GET", "/open", &[]);
    let mut both = Vec::new();
    for _ in 0..2 {
        let mut wire = site.gateway.connect().await;
        wire.write(&request).await;
        both.push(wire);
    }
    site.upstream.reached(1).await;
    let waiting = "vestibule_upstream_waiting_requests";
    site.gateway
        .metric_becomes(waiting, &[("upstream", "app")], 1.0)
        .await;
    let refused = site.gateway.get("/open", &[]).await;
    site.is_refusal(&refused, 503, "unavailable", "upstream_busy")
        .await;
    assert_eq!(site.upstream.count(), 1);
    open.send_replace(true);
    for wire in &mut both {
        let answer = wire.read_response("GET").await.expect("an answer");
        assert_eq!(answer.text(), "late");
    }
}

#[tokio::test]
async fn nobody_waits_for_an_upstream_for_ever() {
    let site = TestGateway::with(|config| {
        config["upstreams"]["app"]["max_requests"] = json!(1);
        config["upstreams"]["app"]["queue_timeout"] = json!("100ms");
    })
    .await;
    let (open, gate) = watch::channel(false);
    site.upstream.reply(Reply::Gated(gate, ok("late")));
    let mut first = site.gateway.connect().await;
    first.write(site.gateway.bytes("GET", "/open", &[])).await;
    site.upstream.reached(1).await;
    let refused = site.gateway.get("/open", &[]).await;
    let reason = "upstream_queue_timeout";
    site.is_refusal(&refused, 503, "unavailable", reason).await;
    open.send_replace(true);
    assert!(first.read_response("GET").await.is_some());
    assert_eq!(site.gateway.get("/open", &[]).await.status(), 200);
}

#[tokio::test]
async fn operators_connections_are_bounded_as_the_publics_are() {
    let site = TestGateway::with(|config| {
        config["admin"] = json!({"connections_per_client": 4});
        config["limits"] = json!({"header_timeout": "500ms"});
    })
    .await;
    let mut half_sent = Vec::new();
    for _ in 0..4 {
        let mut wire = Wire::new(TcpStream::connect(site.gateway.admin).await.unwrap());
        wire.write("GET /ready HTTP/1.1\r\nHost").await;
        half_sent.push(wire);
    }
    // Each of these is one too many, until the others have had their time.
    let mut refused = Wire::new(TcpStream::connect(site.gateway.admin).await.unwrap());
    assert_eq!(refused.read_to_end().await, b"");
    for wire in &mut half_sent {
        let said = wire.read_to_end().await;
        assert!(said.is_empty() || said.starts_with(b"HTTP/1.1 408"));
    }
    // Another address never had to wait.
    let mut other = Wire::new(from("127.0.0.2", site.gateway.admin).await);
    other
        .write(format!(
            "GET /live HTTP/1.1\r\nHost: {}\r\n\r\n",
            site.gateway.admin
        ))
        .await;
    let answer = other.read_response("GET").await.expect("an answer");
    assert_eq!(answer.status(), 200);
    let name = "vestibule_connections_cut_total";
    let half_sent = [("cause", "admin_header_timeout")];
    site.gateway.metric_becomes(name, &half_sent, 4.0).await;
    let too_many = [("cause", "admin_client_connection_limit")];
    assert!(site.gateway.metrics().await.sum(name, &too_many) >= 1.0);
}

#[tokio::test]
async fn operators_are_served_over_tls_where_that_is_asked_for() {
    let authority = Authority::new();
    let mut site = TestGateway::start().await;
    site.gateway.kill9().await;
    let certificate = authority.server("admin", &["admin.test"], 2030);
    let tls = json!({"certificates": [certificate]});
    let dir = site.gateway.dir();
    let ready = ["ready", "--config", "config.yaml"];
    let mut gateway = serving(&site, &tls);
    eventually("the command does not reach the listener", async || {
        run(dir, &ready, "").await.0 == 0
    })
    .await;
    let mut plain = Wire::new(TcpStream::connect(site.gateway.admin).await.unwrap());
    plain.write("GET /live HTTP/1.1\r\nHost: x\r\n\r\n").await;
    let answer = plain.read_to_end().await;
    assert!(!answer.starts_with(b"HTTP"), "{answer:?}");
    // Another certificate is not the gateway's.
    let other = authority.server("other", &["admin.test"], 2030);
    site.gateway
        .configure(|config| config["admin"]["tls"] = json!({"certificates": [other]}));
    let (code, _, errors) = run(dir, &ready, "").await;
    assert_ne!(code, 0, "{errors}");
    gateway.kill().await.unwrap();

    let mut tls = tls;
    tls["client_auth"] = json!({"authorities": authority.file(), "mode": "required"});
    let _gateway = serving(&site, &tls);
    let own = authority.client_file("ops");
    let shown = [&ready[..], &["--client-certificate", own.to_str().unwrap()]].concat();
    eventually("the command does not show its certificate", async || {
        run(dir, &shown, "").await.0 == 0
    })
    .await;
    let (code, _, errors) = run(dir, &ready, "").await;
    assert_ne!(code, 0, "{errors}");
}

/// A gateway beside the harness, which speaks no TLS to operators. Killed when it is dropped.
fn serving(site: &TestGateway, tls: &Value) -> tokio::process::Child {
    site.gateway
        .configure(|config| config["admin"]["tls"] = tls.clone());
    binary()
        .args(["serve", "--config", "config.yaml"])
        .current_dir(site.gateway.dir())
        .kill_on_drop(true)
        .spawn()
        .unwrap()
}

#[tokio::test]
async fn endless_answers_before_the_answer_end() {
    let site = TestGateway::start().await;
    for (count, status) in [(10, 200), (200, 502)] {
        let interim = "HTTP/1.1 100 Continue\r\n\r\n".repeat(count);
        let bytes = [interim.into_bytes(), ok("hello")].concat();
        site.upstream.reply(Reply::BytesAndClose(bytes));
        assert_eq!(site.gateway.get("/open", &[]).await.status(), status);
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

/// How much more memory the gateway held at most, of many looks.
async fn largest_growth(site: &TestGateway, before: u64) -> u64 {
    let mut largest = 0;
    for _ in 0..40 {
        largest = largest.max(site.gateway.resident().saturating_sub(before));
        sleep(Duration::from_millis(50)).await;
    }
    largest
}

/// An upstream that answers everything with the same large body.
pub(super) struct Large {
    pub(super) address: SocketAddr,
    count: watch::Receiver<usize>,
}

impl Large {
    pub(super) async fn start() -> Self {
        let socket = TcpSocket::new_v4().unwrap();
        // Else the system holds most of the answers for it.
        socket.set_send_buffer_size(64 << 10).unwrap();
        socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let listener = socket.listen(1024).unwrap();
        let address = listener.local_addr().unwrap();
        let (counter, count) = watch::channel(0);
        let body = Arc::<[u8]>::from(vec![b'x'; LARGE]);
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let (body, counter) = (Arc::clone(&body), counter.clone());
                tokio::spawn(async move {
                    let mut asked = [0; 4096];
                    // A request is one read here.
                    while matches!(stream.read(&mut asked).await, Ok(1..)) {
                        counter.send_modify(|count| *count += 1);
                        let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {LARGE}\r\n\r\n");
                        let written = async {
                            stream.write_all(head.as_bytes()).await?;
                            stream.write_all(&body).await
                        };
                        if written.await.is_err() {
                            return;
                        }
                    }
                });
            }
        });
        Self { address, count }
    }

    async fn reached(&self, count: usize) {
        let mut counted = self.count.clone();
        let enough = counted.wait_for(|counted| *counted >= count);
        tokio::time::timeout(PATIENCE, enough)
            .await
            .expect("too few requests came")
            .unwrap();
    }
}

/// HTTP/2 by the frame: what no client's library would do.
pub(super) struct RawH2 {
    pub(super) stream: TcpStream,
}

impl RawH2 {
    /// With the largest windows (RFC 9113 section 6.9.1).
    async fn connect(to: SocketAddr) -> Self {
        Self::over(TcpStream::connect(to).await.unwrap()).await
    }

    /// The same over a connection.
    pub(super) async fn over(stream: TcpStream) -> Self {
        let mut connection = Self { stream };
        connection.write(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").await;
        let initial_window = [0, 4, 0x7f, 0xff, 0xff, 0xff];
        connection.frame(4, 0, 0, &initial_window).await;
        let connection_window = (0x7fff_ffff_u32 - 65_535).to_be_bytes();
        connection.frame(8, 0, 0, &connection_window).await;
        connection
    }

    pub(super) async fn get(&mut self, stream: u32, path: &str) {
        let fields = fields(0x82, path, None);
        self.frame(1, END_HEADERS | END_STREAM, stream, &fields)
            .await;
    }

    pub(super) async fn post(&mut self, stream: u32, path: &str, length: usize) {
        let fields = fields(0x83, path, Some(length));
        self.frame(1, END_HEADERS, stream, &fields).await;
    }

    pub(super) async fn begin_header(&mut self, stream: u32, path: &str) {
        let fields = fields(0x82, path, None);
        self.frame(1, END_STREAM, stream, &fields).await;
    }

    async fn end_header(&mut self, stream: u32) {
        self.frame(9, END_HEADERS, stream, &[]).await;
    }

    async fn data(&mut self, stream: u32, bytes: &[u8], is_end: bool) {
        let flags = if is_end { END_STREAM } else { 0 };
        self.frame(0, flags, stream, bytes).await;
    }

    async fn frame(&mut self, kind: u8, flags: u8, stream: u32, payload: &[u8]) {
        let [_, length @ ..] = u32::try_from(payload.len()).unwrap().to_be_bytes();
        let head = [&length[..], &[kind, flags], &stream.to_be_bytes()].concat();
        self.write(&[&*head, payload].concat()).await;
    }

    async fn write(&mut self, bytes: &[u8]) {
        // A connection that was closed may be the point of the test.
        let _ = self.stream.write_all(bytes).await;
    }

    /// Reads so many bytes, or fewer when the connection ends.
    async fn read(&mut self, count: usize) -> usize {
        let mut bytes = vec![0; 64 << 10];
        let mut read = 0;
        while read < count {
            let most = bytes.len().min(count - read);
            let next = self.stream.read(&mut bytes[..most]);
            match tokio::time::timeout(PATIENCE, next).await.expect("bytes") {
                Ok(0) | Err(_) => break,
                Ok(more) => read += more,
            }
        }
        read
    }

    /// Reads until the other end closes.
    async fn ended(&mut self) {
        self.read(usize::MAX).await;
    }

    /// Reads until these bytes come.
    async fn find(&mut self, text: &[u8]) {
        let deadline = Instant::now() + PATIENCE;
        let mut seen = Vec::new();
        while !seen.windows(text.len()).any(|window| window == text) {
            let read = self.stream.read_buf(&mut seen);
            let read = tokio::time::timeout_at(deadline, read).await;
            assert!(matches!(read, Ok(Ok(1..))), "it ended: {seen:?}");
        }
    }
}

/// Fields as RFC 7541 writes them without compressing: the method by its index, `:scheme` http,
/// `:path`, `:authority` and a length.
fn fields(method: u8, path: &str, length: Option<usize>) -> Vec<u8> {
    let literal = |index: &[u8], value: &str| {
        let size = u8::try_from(value.len()).unwrap();
        [index, &[size], value.as_bytes()].concat()
    };
    let mut fields = vec![method, 0x86];
    fields.extend(literal(&[0x04], path));
    fields.extend(literal(&[0x01], "gateway.test"));
    if let Some(length) = length {
        // 28 of the static table, in an index of four bits.
        fields.extend(literal(&[0x0f, 28 - 15], &length.to_string()));
    }
    fields
}

/// The body of each answer of [`Large`].
const LARGE: usize = 4 << 20;
const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;
