//! Requests and answers have one reading: spellings of a path, request lines, framing of answers,
//! switches of protocols, credentials, and requests that come back.

use std::io::Write;

use serde_json::{Value, json};
use tokio::sync::watch;

use crate::listening::h2c;
use crate::support::port::free_port;
use crate::support::{Message, Reply, TestGateway, refusal_id, upstream};

mod answers;
mod chunks;

/// Routes `/` for anybody and `/admin` for administrators.
async fn guarded(change: impl FnOnce(&mut Value)) -> TestGateway {
    TestGateway::with(|config| {
        config["routes"] = json!([
            { "path": "/", "auth": "optional", "upstream": "app" },
            { "path": "/admin", "upstream": "app", "require": { "role": "admin" } },
        ]);
        change(config);
    })
    .await
}

const SPELLINGS: [&str; 14] = [
    "/Admin/delete",
    "/ADMIN",
    "/admiN/delete",
    "/%41dmin/delete",
    "/adm%49n/delete",
    "/%2561dmin/delete",
    "/admin./delete",
    "/admin%20/delete",
    "/admin%2E%20/delete",
    "/admin.json",
    "/admin;x=1.json/delete",
    "/admin::$DATA/delete",
    "/adm%C4%B1n/delete",
    "/x%252f..%252fadmin/delete",
];

#[tokio::test]
async fn no_spelling_of_a_protected_path_reaches_the_upstream() {
    let site = guarded(|config| config["listeners"] = json!([{ "h2c": true }])).await;
    let guest = format!("Bearer {}", site.acme.token().sign());
    let admin = site.acme.token().claim("role", "admin").sign();
    let admin = format!("Bearer {admin}");
    for path in SPELLINGS {
        for fields in [&[("authorization", &*guest)][..], &[]] {
            let answer = site.gateway.get(path, fields).await;
            assert_eq!(answer.status(), 404, "{path}");
            let id = refusal_id(&answer, "not_found");
            let parts = [&*id, "\"route_ambiguous\",\"hint\":\"Servers that "];
            site.gateway.logged(&parts).await;
            assert_eq!(h2c::get(&site, path, fields).await, 404, "{path}");
        }
    }
    assert_eq!(site.upstream.count(), 0);
    let passing = [
        ("/admin/Delete.json", &admin, 200),
        ("/%61dmin/delete", &admin, 200),
        ("/admin/delete", &guest, 403),
        ("/Shop/Admin.json", &guest, 200),
        ("/administrator", &guest, 200),
    ];
    for (path, bearer, status) in passing {
        let answer = site.gateway.get(path, &[("Authorization", bearer)]).await;
        assert_eq!(answer.status(), status, "{path}");
    }
}

#[tokio::test]
async fn servers_that_tell_spellings_apart_may_be_believed() {
    let site = guarded(|config| {
        config["upstreams"]["app"]["case_sensitive"] = json!(true);
        config["upstreams"]["app"]["suffix_sensitive"] = json!(true);
    })
    .await;
    for path in ["/Admin/delete", "/admin.json"] {
        assert_eq!(site.gateway.get(path, &[]).await.status(), 200, "{path}");
        let line = format!("GET {path} HTTP/1.1");
        assert_eq!(site.upstream.last().start_line(), line);
    }
    assert_eq!(site.gateway.get("/admin", &[]).await.status(), 401);
}

#[tokio::test]
async fn another_proxy_is_told_the_same_of_spellings() {
    let site = guarded(|config| {
        config["trusted_proxies"] = json!(["127.0.0.1/32"]);
        config["listeners"] = json!([{ "forward_auth": true }]);
    })
    .await;
    let guest = format!("Bearer {}", site.acme.token().sign());
    let check = async |target: &str| {
        let fields = [
            ("X-Forwarded-Method", "GET"),
            ("X-Forwarded-Host", "app.test"),
            ("X-Forwarded-Uri", target),
            ("Authorization", &*guest),
        ];
        site.gateway.get("/_vestibule/check", &fields).await
    };
    for target in SPELLINGS {
        assert_eq!(check(target).await.status(), 404, "{target}");
    }
    assert_eq!(check("/shop#x").await.status(), 403, "a fragment");
    let answer = check("/Shop?q={\"a\"|b}^`").await;
    assert_eq!(answer.status(), 200, "{}", answer.text());
    let session = answer.bearer().expect("a session token");
    crate::support::remember_session_token(&session);
}

/// An answer of the gateway's own, found in the log and among the dashboard's refusals.
async fn is_ours(site: &TestGateway, answer: &Message, status: u16, reason: &str, about: &str) {
    assert_eq!(answer.status(), status, "{about}");
    assert_eq!(answer.field("server"), None, "{about}");
    let id = answer.field("x-request-id").expect("a request id");
    let parts = [&*id, &format!("\"{reason}\""), "\"route\":\"none\""];
    site.gateway.logged(&parts).await;
    let search = format!("/admin/api/refusals?request_id={id}");
    let found = site.gateway.admin(&search).await;
    assert!(found.text().contains(&format!("\"{reason}\"")), "{about}");
}

#[tokio::test]
async fn request_lines_are_refused_and_not_corrected() {
    let site = TestGateway::start().await;
    let host = site.gateway.public;
    let refused = [
        ("GET /open/a b HTTP/1.1", 400, "request_line_invalid"),
        ("GET /open?a b HTTP/1.1", 400, "request_line_invalid"),
        ("GET  /open HTTP/1.1", 400, "request_line_invalid"),
        ("GET /open?a\0b HTTP/1.1", 400, "request_line_invalid"),
        ("GET /open?a\rb HTTP/1.1", 400, "request_line_invalid"),
        ("GET /open?a\tb HTTP/1.1", 400, "request_line_invalid"),
        ("GET /open?a\u{1b}b HTTP/1.1", 400, "request_line_invalid"),
        ("GET /open?a\u{7f}b HTTP/1.1", 400, "request_line_invalid"),
        ("GET /open#frag HTTP/1.1", 400, "target_fragment"),
        ("GET /open?a#frag HTTP/1.1", 400, "target_fragment"),
        ("GET /open HTTP/9.1", 505, "version_not_supported"),
        ("CONNECT a:443 HTTP/1.1", 405, "method_not_supported"),
    ];
    for (line, status, reason) in refused {
        let request = format!("{line}\r\nHost: {host}\r\n\r\n");
        let answer = site.gateway.send(request).await;
        is_ours(&site, &answer, status, reason, line).await;
        let code = "invalid_request";
        assert!(!refusal_id(&answer, code).is_empty(), "{line}");
        assert_eq!(answer.field("connection").as_deref(), Some("close"));
        assert_eq!(answer.field("allow").is_some(), status == 405);
    }
    let absolute = format!("GET http://{host}/open#x HTTP/1.1\r\nHost: {host}\r\n\r\n");
    let answer = site.gateway.send(absolute).await;
    is_ours(&site, &answer, 400, "target_fragment", "absolute").await;
    assert_eq!(site.upstream.count(), 0);
    let metrics = site.gateway.metrics().await;
    let labels = [("route", "none"), ("code_class", "4xx")];
    let counted = metrics.sum("vestibule_requests_total", &labels);
    assert_eq!(counted, refused.len() as f64, "all but the 505");
}

#[tokio::test]
async fn what_browsers_write_is_forwarded_as_it_is() {
    let site = TestGateway::start().await;
    let host = site.gateway.public;
    let as_it_is: [&[u8]; 4] = [
        b"/open?q={a|b}^`[c]\\'",
        "/open?q=\u{fc}\u{20ac}".as_bytes(),
        b"/open?q=\xfc\xff",
        b"/open/{a}|b?",
    ];
    for target in as_it_is {
        let mut wire = site.gateway.connect().await;
        // The next request of the connection is read like the first.
        for _ in 0..2 {
            let end = format!(" HTTP/1.1\r\nHost: {host}\r\n\r\n");
            wire.write([b"GET ", target, end.as_bytes()].concat()).await;
            let answer = wire.read_response("GET").await.expect("an answer");
            assert_eq!(answer.status(), 200, "{}", answer.text());
            let sent = [b"GET ", target, b" HTTP/1.1\r\n"].concat();
            assert!(site.upstream.last().head.starts_with(&sent));
        }
    }
    // A path has no such bytes.
    let end = format!(" HTTP/1.1\r\nHost: {host}\r\n\r\n");
    let request = [&b"GET /open/\xfc"[..], end.as_bytes()].concat();
    assert_eq!(site.gateway.send(request).await.status(), 400);
    // No `http::Uri` has these three.
    let request = format!("GET /open?\"<a>\" HTTP/1.1\r\nHost: {host}\r\n\r\n");
    assert_eq!(site.gateway.send(request).await.status(), 200);
    let line = "GET /open?%22%3Ca%3E%22 HTTP/1.1";
    assert_eq!(site.upstream.last().start_line(), line);
}

/// Whoever speaks TLS where none is spoken does not wait for the end of a line.
#[tokio::test]
async fn another_protocol_is_refused_at_once() {
    let site = TestGateway::with(|config| config["limits"] = json!({"header_timeout": "1h"})).await;
    let greetings = [
        &b"\x16\x03\x01\x00\xf4\x01\x00\x00\xf0\x03\x03"[..],
        b"\x05\x01\x00",
        b"SSH-2.0-client\r\n",
        b"EHLO client.test\r\n",
    ];
    for greeting in greetings {
        let answer = site.gateway.send(greeting).await;
        let name = String::from_utf8_lossy(greeting);
        is_ours(&site, &answer, 400, "request_line_invalid", &name).await;
    }
    let request = site.gateway.bytes("GET", "/open", &[]);
    let mut wire = site.gateway.connect().await;
    wire.write("\r").await;
    wire.write([&b"\n"[..], &request].concat()).await;
    let answer = wire.read_response("GET").await.expect("an answer");
    assert_eq!(answer.status(), 200);
}

#[tokio::test]
async fn what_does_not_parse_is_answered_by_us() {
    let site = TestGateway::with(|config| config["listeners"] = json!([{ "h2c": true }])).await;
    let host = site.gateway.public;
    for fields in [
        format!("Host: {host}\r\nBad Name: x\r\n"),
        format!("Host: {host}\r\nA: b\0c\r\n"),
        format!("Host: {host}\r\nHost: other.test\r\n"),
        format!("Host: {host}\r\nContent-Length: 1\r\nContent-Length: 2\r\n"),
        format!("Host: {host}\r\nTransfer-Encoding: identity\r\n"),
    ] {
        let request = format!("GET /open/x HTTP/1.1\r\n{fields}\r\n");
        let answer = site.gateway.send(request).await;
        is_ours(&site, &answer, 400, "request_malformed", &fields).await;
        let line = site.access_line(&answer).await;
        assert_eq!(line["path"], "/open/x", "{line}");
    }
    let huge = format!("GET /open HTTP/1.1\r\nX: {}", "x".repeat(64 << 10));
    let answer = site.gateway.send(huge).await;
    is_ours(
        &site,
        &answer,
        431,
        "header_too_large",
        "a header without an end",
    )
    .await;
    assert_eq!(site.upstream.count(), 0);
    let answer = site.gateway.get("/open/x", &[]).await;
    assert_eq!(answer.status(), 200);

    let stream = tokio::net::TcpStream::connect(host).await.unwrap();
    let (client, connection) = h2::client::handshake(stream).await.unwrap();
    let driver = tokio::spawn(connection);
    let mut client = client.ready().await.unwrap();
    let request = http::Request::connect("a.test:443").body(()).unwrap();
    let (response, _) = client.send_request(request, false).unwrap();
    let response = response.await.unwrap();
    assert_eq!(response.status(), 405);
    assert!(!response.headers().contains_key("server"));
    assert!(response.headers().contains_key("allow"));
    let id = response.headers()["x-request-id"].to_str().unwrap();
    site.gateway.logged(&[id, "\"method_not_supported\""]).await;
    driver.abort();
}

#[tokio::test]
async fn two_authorization_fields_are_no_credential() {
    let file = |secret: &str| {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(secret.as_bytes()).unwrap();
        let path = format!("file:{}", file.path().display());
        (file, path)
    };
    let (_admin, admin) = file(ADMIN);
    let (_client, secret) = file(SECRET);
    let site = TestGateway::with(|config| {
        config["admin"] = json!({ "token": admin });
        config["clients"] = json!([{ "id": "billing", "secret": secret }]);
    })
    .await;
    let (right, wrong) = (
        format!("Bearer {ADMIN}"),
        "Bearer wrong-wrong-wrong".to_owned(),
    );
    let (right, wrong) = (("Authorization", &*right), ("Authorization", &*wrong));
    let status = async |fields: &[(&str, &str)]| {
        let path = "/admin/api/routes";
        site.gateway
            .admin_bytes("GET", path, fields, "")
            .await
            .status()
    };
    assert_eq!(status(&[right]).await, 200);
    for fields in [[right, wrong], [wrong, right], [right, right]] {
        assert_eq!(status(&fields).await, 401);
    }

    let basic = |secret: &str| {
        use base64::Engine as _;
        let pair = format!("billing:{secret}");
        let pair = base64::engine::general_purpose::STANDARD.encode(pair);
        format!("Authorization: Basic {pair}\r\n")
    };
    let introspect = async |fields: String| {
        let body = "token=x";
        let head = format!(
            "POST /_vestibule/oauth/introspect HTTP/1.1\r\nHost: {}\r\n{fields}\
             Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\r\n{body}",
            site.gateway.public,
            body.len()
        );
        site.gateway.send(head).await.status()
    };
    let (right, wrong) = (basic(SECRET), basic("not-the-secret-of-billing-at-all"));
    assert_eq!(introspect(right.clone()).await, 200);
    for fields in [
        right.clone() + &wrong,
        wrong + &right,
        right.clone() + &right,
    ] {
        assert_eq!(introspect(fields).await, 401);
    }
}

/// The upstream is the gateway's own listener.
#[tokio::test]
async fn a_request_that_comes_back_is_refused() {
    let own = free_port();
    let site = TestGateway::with(|config| {
        config["listeners"] = json!([{ "address": own }]);
        config["upstreams"]["loop"] = json!({ "servers": [own] });
        let route = json!({ "path": "/loop", "auth": "none", "upstream": "loop" });
        config["routes"].as_array_mut().unwrap().push(route);
    })
    .await;
    let head = format!("GET /loop HTTP/1.1\r\nHost: {own}\r\nConnection: close\r\n\r\n");
    let mut wire = crate::support::Wire::new(tokio::net::TcpStream::connect(own).await.unwrap());
    wire.write(head).await;
    let answer = wire.read_response("GET").await.expect("an answer");
    assert_eq!(answer.status(), 508, "{}", answer.text());
    // As many as `max_hops` says; each is counted once it is answered.
    for (route, count) in [("none", 1.0), ("/loop", 4.0)] {
        let labels = [("route", route)];
        let name = "vestibule_requests_total";
        site.gateway.metric_becomes(name, &labels, count).await;
    }

    let passes = async |hops: &str| {
        let request = format!("GET /open HTTP/1.1\r\nHost: {own}\r\nCDN-Loop: {hops}\r\n\r\n");
        let stream = tokio::net::TcpStream::connect(own).await.unwrap();
        let mut wire = crate::support::Wire::new(stream);
        wire.write(request).await;
        wire.read_response("GET").await.expect("an answer").status()
    };
    assert_eq!(passes("other, vestibule, vestibule, vestibule").await, 200);
    let seen = site.upstream.last().all("cdn-loop").join(", ");
    assert_eq!(seen.matches("vestibule").count(), 4, "{seen}");
    let full = "vestibule, vestibule, other; v=1, vestibule, vestibule";
    assert_eq!(passes(full).await, 508);
}

const ADMIN: &str = "an-admin-token-of-some-length-0123";
const SECRET: &str = "a-secret-of-the-billing-service-42";
