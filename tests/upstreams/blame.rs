//! A client does not get a healthy server blamed, nor an alert fired.

use std::time::Duration;

use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::time::timeout;

use crate::support::{Reply, TestGateway, Wire, eventually, refusal_id, upstream};

const FAILURES: &str = "vestibule_upstream_failures_total";
const REQUESTS: &str = "vestibule_requests_total";

/// Clients and servers may pause for equally long.
async fn impatient() -> TestGateway {
    TestGateway::with(|config| {
        config["limits"] = json!({ "body_read_timeout": "400ms" });
        config["upstreams"]["app"]["read_timeout"] = json!("400ms");
        config["upstreams"]["app"]["stream_idle_timeout"] = json!("400ms");
        config["upstreams"]["app"]["ejection"] = json!({ "failures": 1 });
        config["listeners"] = json!([{ "h2c": true }]);
    })
    .await
}

async fn failures(site: &TestGateway) -> f64 {
    site.gateway.metrics().await.sum(FAILURES, &[])
}

#[tokio::test]
async fn a_body_that_stalls_is_the_clients_fault() {
    let site = impatient().await;
    let (_never, gate) = watch::channel(false);
    site.upstream
        .reply(Reply::Gated(gate, upstream::ok("late")));
    for framing in [
        "Content-Length: 5\r\n\r\nhe",
        "Transfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n",
    ] {
        let host = site.gateway.public;
        let head = format!("POST /open HTTP/1.1\r\nHost: {host}\r\n{framing}");
        let answer = site.gateway.send(head).await;
        assert_eq!(answer.status(), 408, "{framing}");
        let id = refusal_id(&answer, "timeout");
        site.gateway
            .logged(&[&id, "\"request_body_timeout\""])
            .await;
    }
    assert_eq!(failures(&site).await, 0.0);
    let whole = site.gateway.get("/open", &[]).await;
    assert_eq!(whole.status(), 504, "the server is silent");
    assert_eq!(failures(&site).await, 1.0);
}

#[tokio::test]
async fn a_body_that_stalls_over_http2_is_the_clients_fault() {
    let site = impatient().await;
    let (_never, gate) = watch::channel(false);
    site.upstream
        .reply(Reply::Gated(gate, upstream::ok("late")));
    let stream = tokio::net::TcpStream::connect(site.gateway.public)
        .await
        .unwrap();
    let (client, connection) = h2::client::handshake(stream).await.unwrap();
    let driver = tokio::spawn(connection);
    let mut client = client.ready().await.unwrap();
    let uri = format!("http://{}/open", site.gateway.public);
    for (is_whole, status, blamed) in [(false, 408, 0.0), (true, 504, 1.0)] {
        let request = http::Request::post(&uri).body(()).unwrap();
        let (response, mut body) = client.send_request(request, false).unwrap();
        body.send_data("hello".into(), is_whole).unwrap();
        let response = response.await.unwrap();
        assert_eq!(response.status(), status);
        assert_eq!(failures(&site).await, blamed);
    }
    driver.abort();
}

#[tokio::test]
async fn a_websocket_that_idles_blames_nobody() {
    let site = impatient().await;
    site.upstream.reply(Reply::Echo);
    let upgrade = [
        ("Connection", "Upgrade"),
        ("Upgrade", "websocket"),
        ("Sec-WebSocket-Version", "13"),
        ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="),
    ];
    let mut wire = site.gateway.connect().await;
    wire.write(site.gateway.bytes("GET", "/open", &upgrade))
        .await;
    let answer = wire.read_response("GET").await.expect("an answer");
    assert_eq!(answer.status(), 101);
    assert_eq!(
        wire.read_to_end().await,
        b"",
        "cut when it has idled for too long"
    );
    let id = answer.field("x-request-id").unwrap();
    site.gateway.logged(&[&id, "\"duration_us\""]).await;
    assert_eq!(failures(&site).await, 0.0);
}

#[tokio::test]
async fn half_a_body_to_an_endpoint_of_ours_is_no_failure_of_ours() {
    let site = TestGateway::start().await;
    let host = site.gateway.public;
    let head = |length: usize| {
        format!(
            "POST /_vestibule/oauth/token HTTP/1.1\r\nHost: {host}\r\nContent-Length: {length}\r\n\
             Content-Type: application/x-www-form-urlencoded\r\n\r\ngrant"
        )
    };
    let own = [("route", "api")];
    let before = site.gateway.metrics().await.sum(REQUESTS, &own);
    let mut stream = tokio::net::TcpStream::connect(host).await.unwrap();
    stream.write_all(head(50).as_bytes()).await.unwrap();
    stream.shutdown().await.unwrap();
    let answer = Wire::new(stream).read_to_end().await;
    assert_eq!(answer, b"", "nobody listens");

    let whole = site.gateway.send(head(5)).await;
    assert_eq!(whole.status(), 400, "{}", whole.text());
    eventually("both are counted", async || {
        site.gateway.metrics().await.sum(REQUESTS, &own) >= before + 2.0
    })
    .await;
    let metrics = site.gateway.metrics().await;
    assert_eq!(metrics.sum(REQUESTS, &[("code_class", "5xx")]), 0.0);
    assert_eq!(metrics.sum(REQUESTS, &[("route", "none")]), 0.0);
    assert!(!site.gateway.log().contains("proxy_failed"));
    // What is for no route is.
    let nowhere = site.gateway.request("TRACE", "/open", &[]).await;
    assert_eq!(nowhere.status(), 405);
    // Counted once it is answered.
    let gateway = &site.gateway;
    gateway
        .metric_becomes(REQUESTS, &[("route", "none")], 1.0)
        .await;
}

/// Many servers wait for less time than the gateway.
#[tokio::test]
async fn a_server_that_loses_patience_with_a_client_is_not_at_fault() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let server = tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut seen = Vec::new();
            while !seen.ends_with(b"hello") {
                stream.read_buf(&mut seen).await.unwrap();
            }
            if !seen.starts_with(b"POST /open?crash") {
                let mut rest = [0];
                let waited = timeout(Duration::from_millis(1500), stream.read(&mut rest));
                assert!(waited.await.is_err(), "the client sends nothing more");
            }
        }
    });
    let site = TestGateway::with(|config| {
        config["upstreams"]["app"]["servers"] = json!([address]);
    })
    .await;
    let host = site.gateway.public;
    for (query, status) in [("", 408), ("?crash", 502)] {
        let request = format!(
            "POST /open{query} HTTP/1.1\r\nHost: {host}\r\nContent-Length: 50\r\n\r\nhello"
        );
        assert_eq!(site.gateway.send(request).await.status(), status, "{query}");
    }
    assert_eq!(failures(&site).await, 0.0);
    server.abort();
}

/// A server that gives up a request which its client does not finish is not at fault.
#[tokio::test]
async fn a_server_is_blamed_for_whole_requests_only() {
    let site = impatient().await;
    site.upstream.reply(Reply::Close);
    let host = site.gateway.public;
    for (length, blamed) in [(50, 0.0), (5, 1.0)] {
        let request =
            format!("POST /open HTTP/1.1\r\nHost: {host}\r\nContent-Length: {length}\r\n\r\nhello");
        // The server of this test reads a whole body before it closes, so it stalls at first.
        let answer = site.gateway.send(request).await;
        let status = if blamed == 0.0 { 408 } else { 502 };
        assert_eq!(answer.status(), status);
        assert_eq!(failures(&site).await, blamed);
    }
}
