//! Servers that answer before they have read the request: with the end of such an answer the request ends.

use std::future::poll_fn;
use std::net::SocketAddr;

use bytes::Bytes;
use h2::client::{ResponseFuture, SendRequest};
use h2::{Reason, SendStream};
use serde_json::json;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::time::timeout;

use crate::support::{PATIENCE, TestGateway, Wire};

const SLOTS: usize = 3;

/// Answers `/early` whole and the others by half, until the end of the body has come; says when a
/// connection is closed.
async fn server() -> (SocketAddr, mpsc::UnboundedReceiver<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (close, closed) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let close = close.clone();
            tokio::spawn(async move {
                let mut wire = Wire::accepted(stream);
                while let Some(head) = wire.read_head().await {
                    let head = String::from_utf8(head).unwrap();
                    wire.write("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n")
                        .await;
                    if !head.contains("/early") {
                        wire.write("he").await;
                        wire.read_exactly(4).await;
                        wire.write("llo").await;
                        continue;
                    }
                    wire.write("hello").await;
                    if head.starts_with("POST") {
                        wire.read_to_end().await;
                        break;
                    }
                }
                // The test may be over.
                let _ = close.send(());
            });
        }
    });
    (address, closed)
}

async fn site() -> (TestGateway, mpsc::UnboundedReceiver<()>) {
    let (server, closed) = server().await;
    let site = TestGateway::with(|config| {
        config["listeners"] = json!([{ "h2c": true }]);
        let app = &mut config["upstreams"]["app"];
        app["servers"] = json!([server]);
        app["max_requests"] = json!(SLOTS);
        app["queue_timeout"] = json!("2s");
    })
    .await;
    (site, closed)
}

async fn http2(site: &TestGateway) -> SendRequest<Bytes> {
    let stream = TcpStream::connect(site.gateway.public).await.unwrap();
    let (client, connection) = h2::client::handshake(stream).await.unwrap();
    tokio::spawn(connection);
    client.ready().await.unwrap()
}

fn post(
    client: &mut SendRequest<Bytes>,
    site: &TestGateway,
    path: &str,
    length: usize,
) -> (ResponseFuture, SendStream<Bytes>) {
    let request = http::Request::post(format!("http://{}{path}", site.gateway.public))
        .header("content-length", length);
    client
        .send_request(request.body(()).unwrap(), false)
        .unwrap()
}

async fn text(response: ResponseFuture) -> Vec<u8> {
    let response = timeout(PATIENCE, response).await.expect("an answer");
    let mut body = response.unwrap().into_body();
    let mut text = Vec::new();
    while let Some(part) = body.data().await {
        match part {
            Ok(part) => text.extend_from_slice(&part),
            // After the end of the answer: no more of the request is wanted.
            Err(error) if error.reason() == Some(Reason::NO_ERROR) => break,
            Err(error) => panic!("{error}"),
        }
    }
    text
}

#[tokio::test]
async fn a_silent_client_of_http2_holds_no_slot_after_its_answer() {
    let (site, mut closed) = site().await;
    let mut client = http2(&site).await;
    let mut bodies = Vec::new();
    for _ in 0..2 * SLOTS {
        let (response, mut body) = post(&mut client, &site, "/open/early", 500_000);
        assert_eq!(text(response).await, b"hello");
        let reset = poll_fn(|context| body.poll_reset(context));
        let reset = timeout(PATIENCE, reset).await.expect("the stream's end");
        assert_eq!(reset.unwrap(), Reason::NO_ERROR);
        timeout(PATIENCE, closed.recv())
            .await
            .expect("the server's end");
        bodies.push(body);
    }
    let other = site.gateway.get("/open/early", &[]).await;
    assert_eq!(other.status(), 200, "{}", other.text());
    let line = site
        .gateway
        .logged(&["\"path\":\"/open/early\"", "\"status\":200", "POST"])
        .await;
    assert!(!line.contains("\"reason\""), "{line}");
    assert!(!line.contains("\"failed\""), "{line}");

    // An answer that has not ended waits for the body.
    let (response, mut body) = post(&mut client, &site, "/open/half", 4);
    body.send_data(Bytes::from_static(b"body"), true).unwrap();
    assert_eq!(text(response).await, b"hello");
}

#[tokio::test]
async fn a_slow_client_of_http1_holds_no_server_after_its_answer() {
    let (site, mut closed) = site().await;
    for _ in 0..2 * SLOTS {
        let mut wire = site.gateway.connect().await;
        let length = [("Content-Length", "500000")];
        wire.write(site.gateway.bytes("POST", "/open/early", &length))
            .await;
        wire.write("a little").await;
        let answer = wire.read_response("POST").await.expect("an answer");
        assert_eq!((answer.status(), &*answer.text()), (200, "hello"));
        let id = answer.field("x-request-id").unwrap();
        timeout(PATIENCE, closed.recv())
            .await
            .expect("the server's end");
        let line = site.gateway.logged(&[&id, "\"status\":200"]).await;
        assert!(!line.contains("\"failed\""), "{line}");
        assert_eq!(wire.read_to_end().await, b"", "no more is wanted");
    }
    // An answer that has not ended waits for the body, and its connection is kept.
    let mut wire = site.gateway.connect().await;
    for _ in 0..2 {
        let length = [("Content-Length", "4")];
        wire.write(site.gateway.bytes("POST", "/open/half", &length))
            .await;
        wire.write("body").await;
        let answer = wire.read_response("POST").await.expect("an answer");
        assert_eq!((answer.status(), &*answer.text()), (200, "hello"));
    }
}
