//! What is left of a request that the gateway cuts: its line in the log and its place in the counters.

use serde_json::json;
use tokio::net::TcpStream;
use tokio::sync::watch;

use crate::support::{Reply, TestGateway};

const REQUESTS: &str = "vestibule_requests_total";
const EVENTS: &str =
    "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n";
const UPGRADE: [(&str, &str); 4] = [
    ("Connection", "Upgrade"),
    ("Upgrade", "websocket"),
    ("Sec-WebSocket-Version", "13"),
    ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="),
];

/// The upstream's answers begin, and end once the gate is opened.
fn half(site: &TestGateway) -> watch::Sender<bool> {
    let (gate, shut) = watch::channel(false);
    let first = format!("{EVENTS}9\r\ndata: 1\n\n\r\n").into_bytes();
    let halves = Reply::Halves(shut, first, b"0\r\n\r\n".to_vec());
    site.upstream.reply(halves);
    gate
}

/// How many lines the log has about a path.
fn lines(site: &TestGateway, path: &str) -> usize {
    let path = format!("\"path\":\"{path}\"");
    let log = site.gateway.log();
    log.lines().filter(|line| line.contains(&path)).count()
}

#[tokio::test]
async fn a_request_that_is_cut_is_recorded_once() {
    let site = TestGateway::with(|config| {
        config["listeners"] = json!([{ "h2c": true }]);
        config["routes"].as_array_mut().unwrap().push(json!({
            "path": "/brief", "auth": "none", "upstream": "app", "timeout": "300ms",
        }));
    })
    .await;
    let gate = half(&site);
    let host = site.gateway.public;
    for (path, version) in [("/brief/1", "1.1"), ("/brief/2", "1.0")] {
        let mut wire = site.gateway.connect().await;
        wire.write(format!("GET {path} HTTP/{version}\r\nHost: {host}\r\n\r\n"))
            .await;
        assert!(wire.read_head().await.is_some());
        wire.read_to_end().await;
    }
    let stream = TcpStream::connect(host).await.unwrap();
    let (client, connection) = h2::client::handshake(stream).await.unwrap();
    let driver = tokio::spawn(connection);
    let mut client = client.ready().await.unwrap();
    let request = http::Request::get(format!("http://{host}/brief/3"));
    let (response, _) = client
        .send_request(request.body(()).unwrap(), true)
        .unwrap();
    let mut body = response.await.unwrap().into_body();
    while let Some(Ok(_)) = body.data().await {}
    driver.abort();
    for (path, protocol) in [
        ("/brief/1", "HTTP/1.1"),
        ("/brief/2", "HTTP/1.0"),
        ("/brief/3", "HTTP/2"),
    ] {
        let path_part = format!("\"path\":\"{path}\"");
        let line = site.gateway.logged(&[&path_part, "\"duration_us\""]).await;
        for part in [
            "\"status\":200",
            "\"reason\":\"request_timeout\"",
            "\"sent_bytes\":9",
            protocol,
        ] {
            assert!(line.contains(part), "{part}: {line}");
        }
    }
    let of_route = [("route", "/brief"), ("code_class", "2xx")];
    site.gateway.metric_becomes(REQUESTS, &of_route, 3.0).await;

    // One that ends in time has no reason, and one line as well.
    gate.send_replace(true);
    assert_eq!(site.gateway.get("/brief/4", &[]).await.status(), 200);
    let line = site.gateway.logged(&["\"path\":\"/brief/4\""]).await;
    assert!(!line.contains("\"reason\""), "{line}");
    site.gateway.metric_becomes(REQUESTS, &of_route, 4.0).await;
    for path in ["/brief/1", "/brief/2", "/brief/3", "/brief/4"] {
        assert_eq!(lines(&site, path), 1, "{path}");
    }
}

#[tokio::test]
async fn a_stream_that_is_cut_with_its_session_is_recorded() {
    let site = TestGateway::start().await;
    site.upstream.reply(Reply::Echo);
    let token = site.acme.token().claim("sid", "1").sign();
    let bearer = format!("Bearer {token}");
    let fields = [&UPGRADE[..], &[("Authorization", &*bearer)]].concat();
    let mut wire = site.gateway.connect().await;
    wire.write(site.gateway.bytes("GET", "/socket", &fields))
        .await;
    let answer = wire.read_response("GET").await.expect("an answer");
    assert_eq!(answer.status(), 101);
    let id = answer.field("x-request-id").unwrap();
    let field = [("Authorization", &*bearer)];
    let logout = site.gateway.request("POST", "/_vestibule/logout", &field);
    assert_eq!(logout.await.status(), 204);
    assert_eq!(wire.read_to_end().await, b"", "cut");
    let line = site.gateway.logged(&[&id, "\"duration_us\""]).await;
    for part in [
        "\"status\":101",
        "\"reason\":\"session_ended\"",
        "\"user\":",
    ] {
        assert!(line.contains(part), "{part}: {line}");
    }
    assert_eq!(lines(&site, "/socket"), 1);
}

#[tokio::test]
async fn what_is_cut_at_the_end_of_the_drain_is_recorded() {
    let mut site = TestGateway::with(|config| {
        config["server"]["drain_timeout"] = json!("300ms");
    })
    .await;
    let _gate = half(&site);
    let mut wire = site.gateway.connect().await;
    wire.write(site.gateway.bytes("GET", "/open/last", &[]))
        .await;
    assert!(wire.read_head().await.is_some());
    site.gateway.sigterm();
    site.gateway.ended().await;
    let line = site.gateway.logged(&["\"path\":\"/open/last\""]).await;
    for part in ["\"status\":200", "\"reason\":\"stopped\""] {
        assert!(line.contains(part), "{part}: {line}");
    }
    assert_eq!(lines(&site, "/open/last"), 1);
}
