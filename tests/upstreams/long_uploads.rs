//! Bodies that are on their way to a server of HTTP/2 for longer than it may take to answer.

use std::net::SocketAddr;

use bytes::Bytes;
use serde_json::json;
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

use crate::support::{PATIENCE, TestGateway, refusal_id};

const FAILURES: &str = "vestibule_upstream_failures_total";
/// More than a body that is short.
const LENGTH: usize = 100_000;

/// Reads each request to its end and answers it, but for those of `/open/silent`.
async fn server() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let Ok(mut connection) = h2::server::handshake(stream).await else {
                    return;
                };
                while let Some(Ok((request, mut respond))) = connection.accept().await {
                    tokio::spawn(async move {
                        let is_silent = request.uri().path() == "/open/silent";
                        let mut body = request.into_body();
                        while let Some(Ok(part)) = body.data().await {
                            // A stream that was reset has no capacity.
                            let _ = body.flow_control().release_capacity(part.len());
                        }
                        if is_silent {
                            std::future::pending::<()>().await;
                        }
                        // The gateway may have given it up.
                        let _ = respond.send_response(http::Response::new(()), true);
                    });
                }
            });
        }
    });
    address
}

async fn site() -> TestGateway {
    let server = server().await;
    TestGateway::with(|config| {
        config["listeners"] = json!([{ "h2c": true }]);
        config["upstreams"]["app"] = json!({
            "servers": [server], "protocol": "http2", "read_timeout": "300ms",
            "ejection": { "failures": 0 },
        });
    })
    .await
}

/// Whoever would have been cut by the server's time is cut by then.
async fn outlast_the_read_timeout(site: &TestGateway) {
    for _ in 0..2 {
        let silent = site.gateway.get("/open/silent", &[]).await;
        assert_eq!(silent.status(), 504, "{}", silent.text());
    }
}

async fn failures(site: &TestGateway) -> f64 {
    site.gateway.metrics().await.sum(FAILURES, &[])
}

#[tokio::test]
async fn an_upload_over_http2_may_last_longer_than_the_servers_time() {
    let site = site().await;
    for framing in [
        format!("Content-Length: {LENGTH}"),
        "Transfer-Encoding: chunked".to_owned(),
    ] {
        let mut wire = site.gateway.connect().await;
        let host = site.gateway.public;
        let head = format!("POST /open HTTP/1.1\r\nHost: {host}\r\n{framing}\r\n\r\n");
        let (first, last) = match framing.starts_with('C') {
            true => ("x".to_owned(), "x".repeat(LENGTH - 1)),
            false => ("1\r\nx\r\n".to_owned(), "0\r\n\r\n".to_owned()),
        };
        wire.write(head + &first).await;
        outlast_the_read_timeout(&site).await;
        wire.write(last).await;
        let answer = wire.read_response("POST").await.expect("an answer");
        assert_eq!(answer.status(), 200, "{framing}: {}", answer.text());
    }
    assert_eq!(failures(&site).await, 4.0, "those that were silent");
}

#[tokio::test]
async fn a_server_that_is_silent_after_a_long_upload_is_late() {
    let site = site().await;
    let length = LENGTH.to_string();
    let mut request = site
        .gateway
        .bytes("POST", "/open/silent", &[("Content-Length", &length)]);
    request.extend_from_slice("x".repeat(LENGTH).as_bytes());
    let answer = site.gateway.send(request).await;
    assert_eq!(answer.status(), 504, "{}", answer.text());
    let id = refusal_id(&answer, "upstream_timeout");
    site.gateway.logged(&[&id, "\"upstream_timeout\""]).await;
    assert_eq!(failures(&site).await, 1.0);

    let stream = TcpStream::connect(site.gateway.public).await.unwrap();
    let (client, connection) = h2::client::handshake(stream).await.unwrap();
    let driver = tokio::spawn(connection);
    let mut client = client.ready().await.unwrap();
    let uri = format!("http://{}/open/silent", site.gateway.public);
    let request = http::Request::post(uri).body(()).unwrap();
    let (response, mut body) = client.send_request(request, false).unwrap();
    body.send_data(Bytes::from_static(b"of unknown length"), true)
        .unwrap();
    let response = timeout(PATIENCE, response).await.expect("an end");
    assert!(response.is_err(), "its stream is reset");
    site.gateway
        .logged(&["HTTP/2", "\"reason\":\"upstream_timeout\""])
        .await;
    assert_eq!(failures(&site).await, 2.0);
    driver.abort();
}
