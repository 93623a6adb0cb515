//! Answers, and what they switch to.

use super::*;

#[tokio::test]
async fn answers_are_framed_once() {
    let site = TestGateway::with(|config| config["listeners"] = json!([{ "h2c": true }])).await;
    let chunks = "2\r\nhi\r\n0\r\n\r\n";
    for framing in [
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: xchunked\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: identity\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked, identity\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked, chunked\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: identity\r\nTransfer-Encoding: chunked\r\n",
        "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 2,\r\n",
    ] {
        let bytes = format!("{framing}\r\n{chunks}");
        site.upstream
            .reply(Reply::BytesAndClose(bytes.into_bytes()));
        let answer = site.gateway.get("/open", &[]).await;
        assert_eq!(answer.status(), 502, "{framing}");
        refusal_id(&answer, "upstream_failed");
        assert_eq!(h2c::get(&site, "/open", &[]).await, 502, "{framing}");
    }
    for (framing, content, length) in [
        ("Transfer-Encoding: Chunked", chunks, None),
        (
            "Content-Length: 2\r\nTransfer-Encoding: chunked",
            chunks,
            None,
        ),
        ("Content-Length: 2, 2", "hi", Some("2")),
        ("Content-Length: 2\r\nContent-Length: 2", "hi", Some("2")),
    ] {
        let bytes = format!("HTTP/1.1 200 OK\r\n{framing}\r\n\r\n{content}");
        site.upstream.reply(Reply::Bytes(bytes.into_bytes()));
        let answer = site.gateway.get("/open", &[]).await;
        assert_eq!(answer.status(), 200, "{framing}");
        assert_eq!(answer.text(), "hi", "{framing}");
        assert_eq!(answer.field("content-length").as_deref(), length);
        let coding = answer.field("transfer-encoding");
        assert_eq!(coding.is_some(), length.is_none(), "{framing}");
    }
    let empty = b"HTTP/1.1 204 No Content\r\nTransfer-Encoding: chunked\r\n\r\n";
    site.upstream.reply(Reply::BytesAndClose(empty.to_vec()));
    let answer = site.gateway.get("/open", &[]).await;
    assert_eq!(
        (answer.status(), answer.field("transfer-encoding")),
        (204, None)
    );
}

#[tokio::test]
async fn a_switch_that_nobody_asked_for_is_502() {
    let site = TestGateway::with(|config| config["listeners"] = json!([{ "h2c": true }])).await;
    let switch = |protocol: &str| {
        let head = "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\n";
        let bytes = format!("{head}Upgrade: {protocol}\r\n\r\nsmuggled");
        Reply::BytesAndClose(bytes.into_bytes())
    };
    let asks = [
        ("Connection", "keep-alive, Upgrade"),
        ("Upgrade", "websocket"),
        ("Sec-WebSocket-Version", "13"),
        ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="),
    ];
    for (fields, protocol) in [
        (&[][..], "websocket"),
        (&asks[1..], "websocket"),
        (&asks, "h2c"),
    ] {
        site.upstream.reply(switch(protocol));
        let mut wire = site.gateway.connect().await;
        wire.write(site.gateway.bytes("GET", "/open", fields)).await;
        let answer = wire.read_response("GET").await.expect("an answer");
        assert_eq!(answer.status(), 502, "{fields:?} {protocol}");
        assert!(!answer.contains("smuggled"));
        assert_eq!(wire.read_to_end().await, b"");
    }
    site.upstream.reply(switch("websocket"));
    assert_eq!(h2c::get(&site, "/open", &[]).await, 502);

    let mut wire = site.gateway.connect().await;
    wire.write(site.gateway.bytes("GET", "/open", &asks)).await;
    let answer = wire.read_response("GET").await.expect("an answer");
    assert_eq!(answer.status(), 101);
    assert_eq!(wire.read_exactly(8).await, b"smuggled");
}

/// `Upgrade` alone asks for nothing, so it does not lift the bound on a request.
#[tokio::test]
async fn only_what_is_upgraded_is_an_upgrade() {
    let site = TestGateway::with(|config| {
        let route =
            json!({"path": "/brief", "auth": "none", "upstream": "app", "timeout": "300ms"});
        config["routes"].as_array_mut().unwrap().push(route);
    })
    .await;
    let (_never, gate) = watch::channel(false);
    site.upstream
        .reply(Reply::Gated(gate, upstream::ok("late")));
    let key = ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==");
    let upgrade = ("Connection", "Upgrade");
    let websocket = ("Upgrade", "websocket");
    for (method, fields) in [
        ("GET", &[websocket, key][..]),
        ("GET", &[("Connection", "close"), websocket]),
        ("POST", &[upgrade, websocket]),
        ("GET", &[upgrade, ("Upgrade", "h2c")]),
        ("GET", &[upgrade, ("Upgrade", "websocket, h2c")]),
    ] {
        let answer = site.gateway.request(method, "/brief", fields).await;
        assert_eq!(answer.status(), 504, "{method} {fields:?}");
        let seen = site.upstream.last();
        assert_eq!(seen.field("upgrade"), None, "{method} {fields:?}");
    }
    site.upstream.reply(Reply::Echo);
    let mut wire = site.gateway.connect().await;
    let fields = [upgrade, websocket, key];
    wire.write(site.gateway.bytes("GET", "/brief", &fields))
        .await;
    let answer = wire.read_response("GET").await.expect("an answer");
    assert_eq!(answer.status(), 101);
    // A request that began after it has its end.
    let (_never, gate) = watch::channel(false);
    site.upstream
        .reply(Reply::Gated(gate, upstream::ok("late")));
    let later = site.gateway.request("GET", "/brief", &[]).await;
    assert_eq!(later.status(), 504);
    wire.write("ping").await;
    assert_eq!(wire.read_exactly(4).await, b"ping", "it outlives the bound");
}
