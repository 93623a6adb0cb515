//! Addresses of both families, and what trusted proxies say.

use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::support::port::free_port;
use crate::support::{TestGateway, refusal_id};

/// `[::]` takes both families by itself, and leaves one to a listener of its own.
#[tokio::test]
async fn every_address_of_both_families_may_have_the_same_port() {
    let port = free_port().port();
    let site = TestGateway::with(|config| {
        config["listeners"] = json!([
            {},
            { "address": format!("0.0.0.0:{port}"), "name": "v4" },
            { "address": format!("[::]:{port}"), "name": "v6" },
        ]);
    })
    .await;
    assert_eq!(site.gateway.get("/open", &[]).await.status(), 200);
    for address in [format!("127.0.0.1:{port}"), format!("[::1]:{port}")] {
        assert_eq!(status(&address).await, "HTTP/1.1 200 OK", "{address}");
    }
    let alone = free_port().port();
    let _both = TestGateway::with(|config| {
        config["listeners"] = json!([{}, { "address": format!("[::]:{alone}"), "name": "all" }]);
    })
    .await;
    for address in [format!("127.0.0.1:{alone}"), format!("[::1]:{alone}")] {
        assert_eq!(status(&address).await, "HTTP/1.1 200 OK", "{address}");
    }
}

async fn status(address: &str) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let request = "GET /open HTTP/1.1\r\nHost: app.test\r\nConnection: close\r\n\r\n";
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer.lines().next().unwrap_or_default().to_owned()
}

#[tokio::test]
async fn a_trusted_proxys_word_is_taken_in_either_language() {
    let site = TestGateway::with(|config| {
        config["trusted_proxies"] = json!(["127.0.0.1/32"]);
    })
    .await;
    let reported = async |fields: &[(&str, &str)]| {
        let answer = site.gateway.get("/open", fields).await;
        assert_eq!(answer.status(), 200, "{fields:?}");
        let request = site.upstream.last();
        (
            request.field("x-forwarded-for").unwrap(),
            request.field("x-forwarded-proto").unwrap(),
        )
    };
    let standard = [("Forwarded", "for=\"[2001:db8::7]:4711\";proto=https")];
    let client = "2001:db8::7, 127.0.0.1".to_owned();
    assert_eq!(reported(&standard).await, (client, "https".to_owned()));
    for secure in [("X-Forwarded-Ssl", "on"), ("X-Forwarded-Scheme", "https")] {
        let fields = [("X-Forwarded-For", "[2001:db8::7]"), secure];
        assert_eq!(reported(&fields).await.1, "https", "{secure:?}");
    }
    let contradiction = [
        ("X-Forwarded-For", "192.0.2.1"),
        ("Forwarded", "for=192.0.2.2"),
    ];
    let answer = site.gateway.get("/open", &contradiction).await;
    assert_eq!(answer.status(), 400);
    let id = refusal_id(&answer, "invalid_request");
    site.gateway
        .logged(&[&id, "\"forwarded_fields_contradict\""])
        .await;

    let decided = TestGateway::with(|config| {
        config["trusted_proxies"] = json!(["127.0.0.1/32"]);
        config["forwarded_fields"] = json!("x_forwarded");
    })
    .await;
    let answer = decided.gateway.get("/open", &contradiction).await;
    assert_eq!(answer.status(), 200);
    let request = decided.upstream.last();
    assert_eq!(
        request.field("x-forwarded-for").unwrap(),
        "192.0.2.1, 127.0.0.1"
    );
    assert!(!request.field("forwarded").unwrap().contains("192.0.2.2"));
}

/// A proxy writes one of the two fields, or hides its client in it; the client writes the other.
#[tokio::test]
async fn no_client_names_its_own_address() {
    let site = TestGateway::with(|config| {
        config["trusted_proxies"] = json!(["127.0.0.1/32", "10.0.0.0/8"]);
        config["routes"].as_array_mut().unwrap().push(json!({
            "path": "/office", "auth": "none", "upstream": "app",
            "client_networks": {"allow": ["10.0.0.0/8"]},
        }));
    })
    .await;
    let usual = |text| ("X-Forwarded-For", text);
    let standard = |text| ("Forwarded", text);
    let own = usual("10.9.9.9");
    for (fields, status) in [
        (vec![own], 200),
        (vec![standard("for=10.9.9.9")], 200),
        (vec![standard("for=10.9.9.9"), own], 200),
        (vec![standard("for=203.0.113.7"), own], 400),
        (vec![standard("x=\"e\";for=10.9.9.9"), own], 200),
        (vec![standard("x=\"é\";for=10.9.9.9"), own], 400),
        (vec![standard("x=\"é\", for=203.0.113.7"), own], 400),
        (vec![standard("for=_hidden"), own], 400),
        (vec![standard("for=unknown"), own], 400),
        (vec![usual("unknown"), standard("for=10.9.9.9")], 400),
        (vec![usual("10.9.9.9, 10.0.0.2")], 200),
        (vec![usual("unknown, 10.0.0.2")], 403),
        (vec![standard("for=10.9.9.9, for=10.0.0.2")], 200),
        (vec![standard("for=_hidden, for=10.0.0.2")], 403),
    ] {
        let answer = site.gateway.get("/office", &fields).await;
        assert_eq!(answer.status(), status, "{fields:?}: {}", answer.text());
    }
    // Nor does the upstream take the one before the hidden one for the client.
    for (said, told) in [
        (
            "for=10.9.9.9, for=10.0.0.2",
            "10.9.9.9, 10.0.0.2, 127.0.0.1",
        ),
        ("for=10.9.9.9, for=_hidden", "10.9.9.9, unknown, 127.0.0.1"),
    ] {
        let answer = site.gateway.get("/open", &[standard(said)]).await;
        assert_eq!(answer.status(), 200, "{said}");
        let seen = site.upstream.last().field("x-forwarded-for");
        assert_eq!(seen.as_deref(), Some(told));
    }
}

#[tokio::test]
async fn a_trusted_proxys_request_id_is_kept() {
    let id = "7f0c1b2e-9d3a-4e5f-8a6b-1c2d3e4f5a6b";
    let field = [("X-Request-Id", id)];
    let trusting = TestGateway::with(|config| {
        config["trusted_proxies"] = json!(["127.0.0.1/32"]);
    })
    .await;
    let answer = trusting.gateway.get("/open", &field).await;
    assert_eq!(answer.field("x-request-id").as_deref(), Some(id));
    assert_eq!(
        trusting.upstream.last().field("x-request-id").as_deref(),
        Some(id)
    );
    // Also that of a refusal, and not what could be something else in a log.
    let refused = trusting.gateway.get("/", &field).await;
    assert_eq!(refused.field("x-request-id").as_deref(), Some(id));
    let odd = [("X-Request-Id", "a\"b")];
    let answer = trusting.gateway.get("/open", &odd).await;
    assert_ne!(answer.field("x-request-id").as_deref(), Some("a\"b"));

    let distrusting = TestGateway::start().await;
    let answer = distrusting.gateway.get("/open", &field).await;
    assert_ne!(answer.field("x-request-id").as_deref(), Some(id));
}
