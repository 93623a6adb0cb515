//! A listener for questions by gRPC: who may ask, what is a question, and what is not served there.
//! Envoy itself asks in tests/peers.

use bytes::{Bytes, BytesMut};
use http::header::CONTENT_TYPE;
use serde_json::json;
use tokio::net::TcpStream;

use crate::support::gateway::free_port;
use crate::support::{TestGateway, Wire, decode, remember_session_token};

#[tokio::test]
async fn envoy_learns_what_the_upstream_is_to_see() {
    let (site, at) = start(&["127.0.0.1/32"]).await;
    let token = site.acme.token().sign();
    let cookie = format!("a=1; acme_token={token}");
    let fields = [
        ("cookie", cookie.as_str()),
        ("x_vestibule_user", "root"),
        ("x-vestibule-user", "root"),
    ];
    let answer = call(at, CHECK, &question("/page?q=1", &fields)).await;
    assert_eq!(answer.status, Some(0));
    let text = String::from_utf8_lossy(&answer.message).into_owned();
    assert!(!text.contains(&token) && !text.contains("root"), "{text}");
    let session = text.split("Bearer ").nth(1).unwrap();
    let end = session.find(|at: char| !at.is_ascii_alphanumeric() && !"-_.".contains(at));
    let session = &session[..end.unwrap_or(session.len())];
    remember_session_token(session);
    let claims = decode(session).claims;
    for said in ["sub", "sid"] {
        let said = claims[said].as_str().unwrap();
        assert!(text.contains(said), "{said}: {text}");
    }
    for name in ["x_vestibule_user", "acme", "session", "issuer"] {
        assert!(text.contains(name), "{name}: {text}");
    }
    assert_eq!(site.upstream.count(), 0, "nothing is forwarded");
}

#[tokio::test]
async fn what_the_proxy_would_refuse_is_refused() {
    let (site, at) = start(&["127.0.0.1/32"]).await;
    let forged = format!("Bearer {}x", site.acme.token().sign());
    for (path, fields, parts) in [
        ("/page", vec![], ["token_missing", "www-authenticate"]),
        (
            "/page",
            vec![("authorization", &*forged)],
            ["token_invalid", "www-authenticate"],
        ),
        ("/%2e%2e/page", vec![], ["invalid_request", "x-request-id"]),
        (
            "/_vestibule/userinfo",
            vec![],
            ["forbidden", "x-request-id"],
        ),
    ] {
        let answer = call(at, CHECK, &question(path, &fields)).await;
        assert_eq!(answer.status, Some(0), "{path}");
        let text = String::from_utf8_lossy(&answer.message).into_owned();
        assert!(
            parts.iter().all(|part| text.contains(part)),
            "{path}: {text}"
        );
        assert!(!text.contains("Bearer ey"), "{path}: {text}");
    }
}

#[tokio::test]
async fn only_trusted_proxies_ask_and_only_by_grpc() {
    let (_site, at) = start(&["192.0.2.1/32"]).await;
    let asked = question("/page", &[]);
    assert_eq!(call(at, CHECK, &asked).await.status, Some(7));

    let (site, at) = start(&["127.0.0.1/32"]).await;
    assert_eq!(call(at, CHECK, &asked).await.status, Some(0));
    assert_eq!(call(at, CHECK, b"\xff\xff").await.status, Some(3));
    assert_eq!(
        call(at, CHECK, &question("page", &[])).await.status,
        Some(3)
    );
    let large = "x".repeat(300 * 1024);
    let large = question("/page", &[("a", &large)]);
    assert_eq!(call(at, CHECK, &large).await.status, Some(8));
    let other = "/envoy.service.auth.v3.Authorization/Uncheck";
    assert_eq!(call(at, other, &asked).await.status, Some(12));

    // What the other listener serves is not served here.
    let stream = TcpStream::connect(at).await.unwrap();
    let mut wire = Wire::new(stream);
    let bearer = site.acme.token().sign();
    wire.write(format!(
        "GET /page HTTP/1.1\r\nHost: {at}\r\nAuthorization: Bearer {bearer}\r\n\r\n"
    ))
    .await;
    assert_eq!(wire.read_response("GET").await.unwrap().status(), 404);
    assert_eq!(site.upstream.count(), 0);
}

#[tokio::test]
async fn health_is_asked_for_by_its_protocol() {
    let (_site, at) = start(&["192.0.2.1/32"]).await;
    const SERVING: &[u8] = &[8, 1];
    let ours = [&[10, 35][..], b"envoy.service.auth.v3.Authorization"].concat();
    for message in [&[][..], &ours] {
        let answer = call(at, HEALTH, message).await;
        assert_eq!((answer.status, &*answer.message), (Some(0), SERVING));
    }
    assert_eq!(call(at, HEALTH, &[10, 1, b'x']).await.status, Some(5));
    let watch = "/grpc.health.v1.Health/Watch";
    assert_eq!(call(at, watch, &[]).await.status, Some(12));
}

async fn start(trusted: &[&str]) -> (TestGateway, std::net::SocketAddr) {
    let at = free_port();
    let site = TestGateway::with(|config| {
        config["trusted_proxies"] = json!(trusted);
        let listeners = json!([{}, {"name": "ext_authz", "address": at, "grpc": true}]);
        config["listeners"] = listeners;
    })
    .await;
    (site, at)
}

/// What a call came to.
struct Answer {
    /// The number in `grpc-status`.
    status: Option<u32>,
    message: Bytes,
}

async fn call(at: std::net::SocketAddr, path: &str, message: &[u8]) -> Answer {
    let stream = TcpStream::connect(at).await.unwrap();
    let (client, connection) = h2::client::handshake(stream).await.unwrap();
    let driver = tokio::spawn(connection);
    let mut client = client.ready().await.unwrap();
    let request = http::Request::post(format!("http://{at}{path}"))
        .header(CONTENT_TYPE, "application/grpc")
        .body(())
        .unwrap();
    let (response, mut sending) = client.send_request(request, false).unwrap();
    let length = u32::try_from(message.len()).unwrap().to_be_bytes();
    let framed = [&[0][..], &length, message].concat();
    sending.send_data(Bytes::from(framed), true).unwrap();
    let response = tokio::time::timeout(crate::support::PATIENCE, response);
    let (head, mut body) = response
        .await
        .expect("an answer in time")
        .unwrap()
        .into_parts();
    assert_eq!(head.status, 200);
    let status = |fields: &http::HeaderMap| {
        let status = fields.get("grpc-status")?;
        status.to_str().unwrap().parse().ok()
    };
    let mut message = BytesMut::new();
    // Of a call that is not read to its end, the rest is cut.
    while let Some(Ok(data)) = body.data().await {
        let _ = body.flow_control().release_capacity(data.len());
        message.extend_from_slice(&data);
    }
    let trailers = body.trailers().await.ok().flatten();
    driver.abort();
    Answer {
        status: status(&head.headers).or_else(|| status(&trailers?)),
        message: message.freeze().slice(message_start(&head.headers)..),
    }
}

/// Nothing comes with a status that is in the first header.
fn message_start(head: &http::HeaderMap) -> usize {
    if head.contains_key("grpc-status") {
        0
    } else {
        5
    }
}

/// A `CheckRequest` about a GET, written by hand.
fn question(path: &str, fields: &[(&str, &str)]) -> Vec<u8> {
    let mut http = [
        member(2, b"GET"),
        member(4, path.as_bytes()),
        member(5, b"app.test"),
    ]
    .concat();
    http.extend(member(6, b"http"));
    for (name, value) in fields {
        let field = [member(1, name.as_bytes()), member(3, value.as_bytes())].concat();
        http.extend(member(13, &member(1, &field)));
    }
    member(1, &member(4, &member(2, &http)))
}

/// A member of a message: a text, bytes or a message.
fn member(number: u32, value: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut varint = |mut rest: usize| {
        while rest >= 0x80 {
            bytes.push(u8::try_from(rest & 0x7f).unwrap() | 0x80);
            rest >>= 7;
        }
        bytes.push(u8::try_from(rest).unwrap());
    };
    varint(usize::try_from(number << 3 | 2).unwrap());
    varint(value.len());
    bytes.extend_from_slice(value);
    bytes
}

const CHECK: &str = "/envoy.service.auth.v3.Authorization/Check";
const HEALTH: &str = "/grpc.health.v1.Health/Check";
