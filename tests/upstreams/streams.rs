//! Long conversations: what ends a WebSocket, an event stream, and what does not.

use std::net::SocketAddr;

use bytes::Bytes;
use serde_json::json;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

use crate::support::h2_upstream::H2Upstream;
use crate::support::{PATIENCE, Reply, TestGateway, Wire, now, refusal_id};

const EVENTS: &str =
    "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n";
const TEXT: &str =
    "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nTransfer-Encoding: chunked\r\n\r\n";
const UPGRADE: [(&str, &str); 4] = [
    ("Connection", "Upgrade"),
    ("Upgrade", "websocket"),
    ("Sec-WebSocket-Version", "13"),
    ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="),
];

/// A gateway that waits for nobody, but for streams.
async fn impatient() -> TestGateway {
    TestGateway::with(|config| {
        config["limits"] = json!({ "body_read_timeout": "200ms" });
        config["upstreams"]["app"]["read_timeout"] = json!("200ms");
        config["routes"].as_array_mut().unwrap().push(json!({
            "path": "/brief", "auth": "none", "upstream": "app", "stream_idle_timeout": "200ms",
        }));
    })
    .await
}

/// Waits for a page that is answered too late by the same gateway: whoever would have been cut by then
/// would be cut.
async fn outlast_the_read_timeout(site: &TestGateway) {
    let (_gate, shut) = watch::channel(false);
    let first = format!("{TEXT}1\r\na\r\n").into_bytes();
    site.upstream
        .reply(Reply::Halves(shut, first, b"0\r\n\r\n".to_vec()));
    for _ in 0..2 {
        let mut wire = site.gateway.connect().await;
        wire.write(site.gateway.bytes("GET", "/open", &[])).await;
        assert!(wire.read_head().await.is_some());
        assert_eq!(wire.read_exactly(6).await, b"1\r\na\r\n");
        assert_eq!(wire.read_to_end().await, b"", "cut, not completed");
    }
}

async fn websocket(site: &TestGateway, path: &str, fields: &[(&str, &str)]) -> Wire {
    let mut wire = site.gateway.connect().await;
    let fields = [&UPGRADE[..], fields].concat();
    wire.write(site.gateway.bytes("GET", path, &fields)).await;
    let answer = wire.read_response("GET").await.expect("an answer");
    assert_eq!(answer.status(), 101, "{}", answer.text());
    wire
}

#[tokio::test]
async fn silence_ends_a_page_and_no_stream() {
    let site = impatient().await;
    let (gate, shut) = watch::channel(false);
    let first = format!("{EVENTS}9\r\ndata: 1\n\n\r\n").into_bytes();
    let second = b"9\r\ndata: 2\n\n\r\n0\r\n\r\n".to_vec();
    site.upstream.reply(Reply::Halves(shut, first, second));
    let mut events = site.gateway.connect().await;
    events.write(site.gateway.bytes("GET", "/open", &[])).await;
    assert!(events.read_head().await.is_some());
    assert_eq!(events.read_exactly(14).await, b"9\r\ndata: 1\n\n\r\n");

    site.upstream.reply(Reply::Echo);
    let mut socket = websocket(&site, "/open", &[]).await;
    outlast_the_read_timeout(&site).await;

    socket.write("x").await;
    assert_eq!(socket.read_exactly(1).await, b"x");
    gate.send_replace(true);
    let rest = events.read_exactly(19).await;
    assert_eq!(rest, b"9\r\ndata: 2\n\n\r\n0\r\n\r\n");
}

#[tokio::test]
async fn a_stream_that_idles_for_too_long_is_cut() {
    let site = impatient().await;
    site.upstream.reply(Reply::Echo);
    let mut idle = websocket(&site, "/brief", &[]).await;
    assert_eq!(idle.read_to_end().await, b"");
    let (_gate, shut) = watch::channel(false);
    let first = format!("{EVENTS}9\r\ndata: 1\n\n\r\n").into_bytes();
    site.upstream
        .reply(Reply::Halves(shut, first, b"0\r\n\r\n".to_vec()));
    let mut events = site.gateway.connect().await;
    events.write(site.gateway.bytes("GET", "/brief", &[])).await;
    assert!(events.read_head().await.is_some());
    assert_eq!(events.read_to_end().await, b"9\r\ndata: 1\n\n\r\n", "cut");
}

/// What a client sends after the switch is no content.
#[tokio::test]
async fn a_websocket_may_carry_more_than_a_body() {
    let site = TestGateway::with(|config| {
        config["routes"].as_array_mut().unwrap().push(json!({
            "path": "/small", "auth": "none", "upstream": "app", "body_size": "10B",
        }));
    })
    .await;
    let large = [b'x'; 100];
    let post = site
        .gateway
        .request("POST", "/small", &[("Content-Length", "100")])
        .await;
    refusal_id(&post, "too_large");
    site.upstream.reply(Reply::Echo);
    let mut socket = websocket(&site, "/small", &[]).await;
    for _ in 0..2 {
        socket.write(large).await;
        assert_eq!(socket.read_exactly(large.len()).await, large);
    }
}

/// A server that says nothing at all is still distinguished from one that streams.
#[tokio::test]
async fn a_head_that_does_not_come_is_a_timeout() {
    let site = impatient().await;
    let (_gate, shut) = watch::channel(false);
    site.upstream
        .reply(Reply::Gated(shut, b"HTTP/1.1 200 OK\r\n\r\n".to_vec()));
    for fields in [&[][..], &[("Accept", "text/event-stream")], &UPGRADE] {
        let answer = site.gateway.get("/open", fields).await;
        assert_eq!(answer.status(), 504, "{}", answer.text());
        let id = answer.field("x-request-id").unwrap();
        site.gateway.logged(&[&id, "\"upstream_timeout\""]).await;
    }
}

/// A client of gRPC may have nothing to say for a while, and its server then has nothing to answer yet.
#[tokio::test]
async fn silence_ends_a_body_and_no_call_of_grpc() {
    let server = grpc_server().await;
    let site = TestGateway::with(|config| {
        config["listeners"] = json!([{"h2c": true}]);
        config["limits"] = json!({ "body_read_timeout": "200ms" });
        config["upstreams"]["grpc"] = json!({ "servers": [server], "protocol": "http2" });
        let route = json!({ "path": "/calls", "auth": "none", "upstream": "grpc" });
        config["routes"].as_array_mut().unwrap().push(route);
    })
    .await;
    let stream = TcpStream::connect(site.gateway.public).await.unwrap();
    let (client, connection) = h2::client::handshake(stream).await.unwrap();
    let driver = tokio::spawn(connection);
    let mut client = client.ready().await.unwrap();
    let mut begin = |kind: &str| {
        let uri = format!("http://{}/calls", site.gateway.public);
        let request = http::Request::post(uri).header("content-type", kind);
        client.send_request(request.body(()).unwrap(), false)
    };
    let (answer, mut call) = begin("application/grpc").unwrap();
    // Begun later and ended by its silence: the call has been silent for longer.
    let (ended, _upload) = begin("application/octet-stream").unwrap();
    let ended = tokio::time::timeout(PATIENCE, ended).await.expect("an end");
    assert!(ended.is_err() || ended.unwrap().status() == 408);

    call.send_data(Bytes::from_static(b"hello"), false).unwrap();
    let answer = tokio::time::timeout(PATIENCE, answer).await;
    assert_eq!(answer.expect("an answer").unwrap().status(), 200);
    driver.abort();
}

/// Like most servers of gRPC: the head of its answer comes with the first message.
async fn grpc_server() -> SocketAddr {
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
                        let Some(Ok(message)) = request.into_body().data().await else {
                            return;
                        };
                        let head = http::Response::new(());
                        let mut answer = respond.send_response(head, false).unwrap();
                        answer.send_data(message, true).unwrap();
                    });
                }
            });
        }
    });
    address
}

/// A login whose token is renewed each minute, as its provider wishes.
#[tokio::test]
async fn a_stream_lives_as_long_as_its_session() {
    let site = TestGateway::with(|config| {
        config["session"] = json!({ "cookie": true });
        config["issuers"][0]["leeway"] = json!("0s");
    })
    .await;
    site.upstream.reply(Reply::Echo);
    let until = now() + 6;
    let lasting = |login: &str, exp: u64| {
        let token = site.acme.token().claim("sid", login);
        token.claim("exp", exp).sign()
    };
    let own = format!("http://{}", site.gateway.public);
    let mut sockets = Vec::new();
    for (login, exp) in [
        ("renewed", until),
        ("renewed by cookie", until),
        ("left alone", until),
        ("left alone for longer", until + 1),
    ] {
        let bearer = format!("Bearer {}", lasting(login, exp));
        let cookie = format!("acme_token={}", lasting(login, exp));
        let field = match login {
            "renewed by cookie" => ("Cookie", &*cookie),
            _ => ("Authorization", &*bearer),
        };
        sockets.push(websocket(&site, "/", &[field, ("Origin", &own)]).await);
    }
    site.upstream.reply(Reply::ok("hello"));
    site.passes(&lasting("renewed", until + 600)).await;
    let newer = format!("acme_token={}", lasting("renewed by cookie", until + 600));
    let answer = site.gateway.get("/", &[("Cookie", &newer)]).await;
    assert_eq!(answer.status(), 200);
    let opaque = answer.field("set-cookie").expect("a session cookie");
    let opaque = opaque.split(';').next().unwrap();
    site.upstream.reply(Reply::Echo);
    // By the gateway's own cookie, which knows of the longer session.
    let fields = [("Cookie", opaque), ("Origin", &own)];
    sockets.push(websocket(&site, "/", &fields).await);

    let [renewed, by_cookie, left, left_longer, opaque] = &mut sockets[..] else {
        unreachable!("five were opened")
    };
    assert_eq!(left.read_to_end().await, b"", "its session is over");
    // Whoever would have ended with the others' first tokens has by the time that this one does.
    assert_eq!(left_longer.read_to_end().await, b"");
    for socket in [renewed, by_cookie, opaque] {
        socket.write("x").await;
        assert_eq!(socket.read_exactly(1).await, b"x");
    }
}

/// Without its switch of protocols the request would be another one, which servers answer in ways that explain
/// nothing.
#[tokio::test]
async fn a_websocket_to_a_server_of_http2_is_refused_in_words() {
    let server = H2Upstream::start().await;
    let site = TestGateway::with(|config| {
        config["upstreams"]["app"] = json!({ "servers": [server.address], "protocol": "http2" });
    })
    .await;
    let answer = site.gateway.get("/open", &UPGRADE).await;
    assert_eq!(answer.status(), 501, "{}", answer.text());
    let id = refusal_id(&answer, "upstream_failed");
    let reason = "\"upstream_without_websockets\"";
    site.gateway.logged(&[&id, reason]).await;
    assert_eq!(server.connections(), 0);
    let answer = site.gateway.get("/open", &UPGRADE[2..]).await;
    assert_eq!(answer.status(), 200, "{}", answer.text());
}
