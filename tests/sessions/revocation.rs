//! A session that ended is over for everything that runs under it, and stays over.

use tokio::sync::watch;

use crate::support::{PATIENCE, Reply, TestGateway, base64url, from_base64url, refusal_id};

#[tokio::test]
async fn the_twin_of_an_ecdsa_signature_reopens_nothing() {
    let site = TestGateway::start().await;
    // Without a `sid` claim the login is known by the token alone.
    let token = site.acme.token().sign();
    let twin = twin(&token);
    assert_ne!(token, twin);
    let session = site.passes(&token).await;
    let same = site.passes(&twin).await;
    assert_eq!(session.claims["sid"], same.claims["sid"], "one login");
    end(&site, &token).await;
    for token in [&token, &twin] {
        let answer = site.present(token).await;
        site.is_refusal(&answer, 401, "login_required", "session_ended")
            .await;
    }
    site.passes(&site.acme.token().claim("jti", "2").sign())
        .await;
}

#[tokio::test]
async fn the_session_token_of_an_ended_session_is_refused() {
    let site = TestGateway::start().await;
    let token = site.acme.token().sign();
    site.passes(&token).await;
    let own = site.upstream.last().bearer().unwrap();
    site.passes(&own).await;
    end(&site, &token).await;
    let answer = site.present(&own).await;
    assert_eq!(answer.status(), 401);
    refusal_id(&answer, "login_required");
}

#[tokio::test]
async fn an_idle_websocket_is_cut() {
    let site = TestGateway::start().await;
    site.upstream.reply(Reply::Echo);
    let (token, other) = (
        site.acme.token().claim("sid", "1").sign(),
        site.acme.token().claim("sid", "2").sign(),
    );
    let mut sockets = Vec::new();
    for token in [&token, &other] {
        let mut wire = site.gateway.connect().await;
        let field = format!("Bearer {token}");
        wire.write(site.gateway.bytes(
            "GET",
            "/",
            &[
                ("Authorization", &field),
                ("Connection", "Upgrade"),
                ("Upgrade", "websocket"),
                ("Sec-WebSocket-Version", "13"),
                ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="),
            ],
        ))
        .await;
        let answer = wire.read_response("GET").await.expect("an answer");
        assert_eq!(answer.status(), 101);
        wire.write("x").await;
        assert_eq!(wire.read_exactly(1).await, b"x");
        sockets.push(wire);
    }
    end(&site, &token).await;
    assert_eq!(sockets[0].read_to_end().await, b"", "closed");
    sockets[1].write("y").await;
    assert_eq!(sockets[1].read_exactly(1).await, b"y", "the other lives");
}

#[tokio::test]
async fn a_stream_is_cut() {
    let site = TestGateway::start().await;
    let head =
        "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n";
    let first = format!("{head}9\r\ndata: 1\n\n\r\n");
    let (_gate, shut) = watch::channel(false);
    site.upstream.reply(Reply::Halves(
        shut,
        first.into_bytes(),
        b"0\r\n\r\n".to_vec(),
    ));
    let token = site.acme.token().sign();
    let mut wire = site.gateway.connect().await;
    let field = format!("Bearer {token}");
    wire.write(site.gateway.bytes("GET", "/", &[("Authorization", &field)]))
        .await;
    assert!(wire.read_head().await.is_some());
    assert_eq!(wire.read_exactly(12).await, b"9\r\ndata: 1\n\n");
    end(&site, &token).await;
    let rest = tokio::time::timeout(PATIENCE, wire.read_to_end()).await;
    assert_eq!(rest.expect("closed"), b"\r\n", "cut, not completed");
}

#[tokio::test]
async fn an_end_outlives_a_crash() {
    let mut site = TestGateway::start().await;
    let (ended, other) = (
        site.acme.token().claim("sid", "1").sign(),
        site.acme.token().claim("sid", "2").sign(),
    );
    site.passes(&ended).await;
    site.passes(&other).await;
    end(&site, &ended).await;
    site.gateway = site.gateway.restart().await;
    let answer = site.present(&ended).await;
    site.is_refusal(&answer, 401, "login_required", "session_ended")
        .await;
    site.passes(&other).await;
}

async fn end(site: &TestGateway, token: &str) {
    let field = format!("Bearer {token}");
    let answer = site
        .gateway
        .request("POST", "/_vestibule/logout", &[("Authorization", &field)])
        .await;
    assert_eq!(answer.status(), 204, "{}", answer.text());
}

/// The other valid signature of the same bytes: `s` becomes the group's order less `s`.
fn twin(token: &str) -> String {
    let (signed, signature) = token.rsplit_once('.').unwrap();
    let mut signature = from_base64url(signature);
    let mut borrow = 0;
    for (s, n) in signature[32..].iter_mut().zip(P256_ORDER).rev() {
        let difference = i16::from(n) - i16::from(*s) - borrow;
        borrow = i16::from(difference < 0);
        *s = difference.rem_euclid(256) as u8;
    }
    format!("{signed}.{}", base64url(signature))
}

const P256_ORDER: [u8; 32] = [
    0xFF, 0xFF, 0xFF, 0xFF, 0x00, 0x00, 0x00, 0x00, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF,
    0xBC, 0xE6, 0xFA, 0xAD, 0xA7, 0x17, 0x9E, 0x84, 0xF3, 0xB9, 0xCA, 0xC2, 0xFC, 0x63, 0x25, 0x51,
];
