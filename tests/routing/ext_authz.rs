//! A listener for questions by gRPC: who may ask, what is a question, and what is not served there.
//! Envoy itself asks in tests/peers.

use std::net::SocketAddr;

use bytes::{Bytes, BytesMut};
use h2::client::{Connection, ResponseFuture, SendRequest};
use http::header::CONTENT_TYPE;
use serde_json::{Value, json};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;

use crate::support::authority::Authority;
use crate::support::port::free_port;
use crate::support::{PATIENCE, TestGateway, Wire, decode, remember_session_token};

mod health;

#[tokio::test]
async fn envoy_learns_what_the_upstream_is_to_see() {
    let (site, at) = start(&["127.0.0.1/32"]).await;
    let token = site.acme.token().sign();
    let cookie = format!("a=1; acme_token={token}");
    let fields = [
        ("cookie", cookie.as_str()),
        ("x_vestibule_user", "root"),
        ("x-vestibule-user", "root"),
        ("remote-user", "root"),
        ("sm_user", "root"),
        ("x-forwarded-host", "root.test"),
        ("x-envoy-max-retries", "9"),
        ("x-other", "1"),
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
    // Its own fields are Envoy's business.
    for (name, is_removed) in [
        ("remote-user", true),
        ("sm_user", true),
        ("x-forwarded-host", true),
        ("x-envoy-max-retries", false),
        ("x-other", false),
    ] {
        assert_eq!(text.contains(name), is_removed, "{name}: {text}");
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

/// What Envoy would take out of a request afterwards is checked before.
#[tokio::test]
async fn what_decides_is_not_nominated_here_either() {
    let (site, at) = start(&["127.0.0.1/32"]).await;
    let bearer = format!("Bearer {}", site.acme.token().sign());
    for (options, said) in [
        ("keep-alive, x-hop", "x-vestibule-user"),
        ("keep-alive, origin", "invalid_request"),
    ] {
        let fields = [("authorization", &*bearer), ("connection", options)];
        let answer = call(at, CHECK, &question("/page", &fields)).await;
        assert_eq!(answer.status, Some(0));
        let text = String::from_utf8_lossy(&answer.message).into_owned();
        assert!(text.contains(said), "{options}: {text}");
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

/// A question is about somebody else's request, so that Envoy's own address says nothing.
#[tokio::test]
async fn a_question_that_names_no_client_passes_no_network() {
    let at = free_port();
    let _site = TestGateway::with(|config| {
        config["trusted_proxies"] = json!(["127.0.0.1/32"]);
        let listener = json!({"name": "ext_authz", "address": at, "grpc": true});
        config["listeners"] = json!([{}, listener]);
        config["routes"].as_array_mut().unwrap().push(json!({
            "path": "/office", "auth": "none", "upstream": "app",
            "client_networks": {"allow": ["127.0.0.1", "192.0.2.0/24"]},
        }));
    })
    .await;
    let named = |client| question("/office", &[("x-forwarded-for", client)]);
    let from = |client| question_from(client, "/office");
    for (asked, is_served) in [
        (named("192.0.2.1"), true),
        (named("198.51.100.1"), false),
        (named("unknown"), false),
        (from("192.0.2.1"), true),
        (from("198.51.100.1"), false),
        (question("/office", &[]), false),
        (question("/open", &[]), true),
    ] {
        let answer = call(at, CHECK, &asked).await;
        assert_eq!(answer.status, Some(0));
        let text = String::from_utf8_lossy(&answer.message).into_owned();
        assert_eq!(text.contains("x-vestibule-user"), is_served, "{text}");
    }
}

#[tokio::test]
async fn clients_show_their_certificates_as_at_any_listener() {
    let (authority, stranger) = (Authority::new(), Authority::new());
    let certificates = json!([authority.server("authz", &["localhost"], 2030)]);
    for (mode, without) in [("required", false), ("optional", true)] {
        let auth = json!({"authorities": authority.file(), "mode": mode});
        let tls = json!({"certificates": certificates, "client_auth": auth});
        let (site, at) = start_with(&["127.0.0.1/32"], &json!({ "tls": tls })).await;
        let bearer = format!("Bearer {}", site.acme.token().sign());
        let asked = question("/page", &[("authorization", &bearer)]);
        for (own, is_served) in [
            (Some(authority.client("envoy")), true),
            (Some(stranger.client("envoy")), false),
            (None, without),
        ] {
            let connector = authority.connector_with(&["h2"], own, rustls::ALL_VERSIONS);
            // TLS 1.3 tells a client only after its handshake that its certificate is not valid.
            let answer = match connector.connect(at, "localhost").await {
                Ok(stream) => call_over(stream, at, CHECK, &asked).await,
                Err(_) => None,
            };
            assert_eq!(answer.is_some(), is_served, "{mode}");
            if let Some(answer) = answer {
                assert_eq!(answer.status, Some(0), "{mode}");
                let text = String::from_utf8_lossy(&answer.message).into_owned();
                assert!(text.contains("x-vestibule-user"), "{text}");
            }
        }
        // Nor is anything served in plain.
        let stream = TcpStream::connect(at).await.unwrap();
        assert!(call_over(stream, at, CHECK, &asked).await.is_none());
    }
}

#[tokio::test]
async fn a_drain_answers_what_is_asked_and_sends_the_others_away() {
    let (mut site, at) = start(&["127.0.0.1/32"]).await;
    let bearer = format!("Bearer {}", site.acme.token().sign());
    let asked = question("/page", &[("authorization", &bearer)]);
    let (client, mut held) = connect(TcpStream::connect(at).await.unwrap())
        .await
        .unwrap();
    let mut pings = held.ping_pong().unwrap();
    let held = tokio::spawn(held);
    let (idle_client, idle) = connect(TcpStream::connect(at).await.unwrap())
        .await
        .unwrap();
    let idle = tokio::spawn(idle);
    let mut client = client.ready().await.unwrap();
    let (response, mut sending) = client.send_request(request(at, CHECK), false).unwrap();
    // What comes back after the head of the call shows that the gateway has it.
    pings.ping(h2::Ping::opaque()).await.unwrap();
    site.gateway.sigterm();
    // GOAWAY without an error, and the end: nothing is in flight there.
    idle.await.unwrap().expect("a polite end");
    drop(idle_client);
    sending.send_data(framed(&asked), true).unwrap();
    let answer = read(response).await.expect("it was in flight");
    assert_eq!(answer.status, Some(0));
    let text = String::from_utf8_lossy(&answer.message).into_owned();
    assert!(text.contains("x-vestibule-user"), "{text}");
    drop(client);
    held.await.unwrap().expect("a polite end");
    assert!(site.gateway.ended().await.success());
}

async fn start(trusted: &[&str]) -> (TestGateway, SocketAddr) {
    start_with(trusted, &json!({})).await
}

/// The same with a listener that has more settings.
async fn start_with(trusted: &[&str], settings: &Value) -> (TestGateway, SocketAddr) {
    let at = free_port();
    let site = TestGateway::with(|config| {
        config["trusted_proxies"] = json!(trusted);
        let mut listener = json!({"name": "ext_authz", "address": at, "grpc": true});
        let more = settings.as_object().unwrap().clone();
        listener.as_object_mut().unwrap().extend(more);
        config["listeners"] = json!([{}, listener]);
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

async fn call(at: SocketAddr, path: &str, message: &[u8]) -> Answer {
    let stream = TcpStream::connect(at).await.unwrap();
    let answer = call_over(stream, at, path, message).await;
    answer.expect("an answer")
}

/// The same over an open connection; `None`: it ends without an answer.
async fn call_over<T>(stream: T, at: SocketAddr, path: &str, message: &[u8]) -> Option<Answer>
where
    T: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let (client, connection) = connect(stream).await?;
    let driver = tokio::spawn(connection);
    let mut client = client.ready().await.ok()?;
    let (response, mut sending) = client.send_request(request(at, path), false).ok()?;
    sending.send_data(framed(message), true).ok()?;
    let answer = read(response).await;
    driver.abort();
    answer
}

async fn connect<T>(stream: T) -> Option<(SendRequest<Bytes>, Connection<T, Bytes>)>
where
    T: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    h2::client::handshake(stream).await.ok()
}

fn request(at: SocketAddr, path: &str) -> http::Request<()> {
    http::Request::post(format!("http://{at}{path}"))
        .header(CONTENT_TYPE, "application/grpc")
        .body(())
        .unwrap()
}

/// A message as it is sent, not compressed.
fn framed(message: &[u8]) -> Bytes {
    let length = u32::try_from(message.len()).unwrap().to_be_bytes();
    Bytes::from([&[0][..], &length, message].concat())
}

async fn read(response: ResponseFuture) -> Option<Answer> {
    let response = tokio::time::timeout(PATIENCE, response);
    let response = response.await.expect("an answer in time").ok()?;
    let (head, mut body) = response.into_parts();
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
    Some(Answer {
        status: status(&head.headers).or_else(|| status(&trailers?)),
        message: message.freeze().slice(message_start(&head.headers)..),
    })
}

/// Nothing comes with a status that is in the first header.
fn message_start(head: &http::HeaderMap) -> usize {
    if head.contains_key("grpc-status") {
        0
    } else {
        5
    }
}

/// A `CheckRequest` about a GET of the client at this address, without fields.
fn question_from(client: &str, path: &str) -> Vec<u8> {
    let socket = member(1, &member(2, client.as_bytes()));
    let source = member(1, &member(1, &socket));
    member(1, &[source, attributes(path, &[])].concat())
}

/// A `CheckRequest` about a GET, written by hand.
fn question(path: &str, fields: &[(&str, &str)]) -> Vec<u8> {
    member(1, &attributes(path, fields))
}

/// What it says of the request.
fn attributes(path: &str, fields: &[(&str, &str)]) -> Vec<u8> {
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
    member(4, &member(2, &http))
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
