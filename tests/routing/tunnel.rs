//! Connections that switch to another protocol.

use serde_json::json;
use tokio::net::TcpListener;

use crate::support::{Reply, TestGateway, Wire};

#[tokio::test]
async fn a_websocket_is_a_tunnel_after_101() {
    let site = TestGateway::start().await;
    site.upstream.reply(Reply::Echo);
    let bearer = format!("Bearer {}", site.acme.token().sign());
    let mut wire = site.gateway.connect().await;
    let upgrade = [
        ("Authorization", &*bearer),
        ("Connection", "Upgrade"),
        ("Upgrade", "websocket"),
        ("Sec-WebSocket-Version", "13"),
        ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="),
    ];
    wire.write(site.gateway.bytes("GET", "/", &upgrade)).await;
    let answer = wire.read_response("GET").await.expect("an answer");
    assert_eq!(answer.status(), 101);
    site.session();
    for frame in ["ping", "\u{0}\u{1}binary", "HTTP/1.1 200 OK\r\n\r\n"] {
        wire.write(frame).await;
        assert_eq!(wire.read_exactly(frame.len()).await, frame.as_bytes());
    }

    let answer = site.gateway.get("/", &upgrade[1..]).await;
    assert_eq!(
        answer.status(),
        401,
        "an upgrade needs a session like any request"
    );
}

/// A server that switches before it has read anything: whatever the gateway does first, the end of the
/// request is not taken for the end of the tunnel.
#[tokio::test]
async fn a_switch_that_comes_at_once_is_a_tunnel_too() {
    let server = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = server.local_addr().unwrap();
    let site = TestGateway::with(|config| {
        config["upstreams"]["app"]["servers"] = json!([address]);
    })
    .await;
    let serving = tokio::spawn(async move {
        loop {
            let mut wire = Wire::accepted(server.accept().await.unwrap().0);
            wire.write(
                "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\n\
                 Upgrade: websocket\r\n\r\n",
            )
            .await;
            tokio::spawn(async move {
                wire.read_request().await.expect("a request");
                let frame = wire.read_exactly(4).await;
                wire.write(frame).await;
            });
        }
    });
    let upgrade = [
        ("Connection", "Upgrade"),
        ("Upgrade", "websocket"),
        ("Sec-WebSocket-Version", "13"),
        ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="),
    ];
    for _ in 0..20 {
        let mut wire = site.gateway.connect().await;
        wire.write(site.gateway.bytes("GET", "/open", &upgrade))
            .await;
        let answer = wire.read_response("GET").await.expect("an answer");
        assert_eq!(answer.status(), 101);
        wire.write("ping").await;
        assert_eq!(wire.read_exactly(4).await, b"ping");
    }
    serving.abort();
}
