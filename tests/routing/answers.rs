//! What a refused client receives: RFC 6750's challenge, a problem document, and nothing else.

use serde_json::json;

use crate::support::{Key, TestGateway, refusal_id};

#[tokio::test]
async fn nothing_presented_is_challenged_without_an_error() {
    let site = TestGateway::start().await;
    let answer = site.gateway.get("/", &[]).await;
    site.is_refusal(&answer, 401, "token_missing", "token_missing")
        .await;
    let challenge = answer.field("www-authenticate").expect("a challenge");
    assert!(challenge.starts_with("Bearer"), "{challenge}");
    assert!(!challenge.contains("error"), "{challenge}");
    assert_eq!(site.upstream.count(), 0);
}

#[tokio::test]
async fn a_bad_token_is_challenged_with_invalid_token() {
    let site = TestGateway::start().await;
    for token in [
        site.acme.token().forged_by(&Key::p256("x")).sign(),
        site.acme.token().expires_in(-3600).sign(),
        "nonsense".to_owned(),
    ] {
        let answer = site.present(&token).await;
        assert_eq!(answer.status(), 401, "{}", answer.text());
        let challenge = answer.field("www-authenticate").expect("a challenge");
        assert!(challenge.starts_with("Bearer "), "{challenge}");
        assert!(
            challenge.contains(r#"error="invalid_token""#),
            "{challenge}"
        );
    }
}

#[tokio::test]
async fn nothing_of_the_token_comes_back() {
    let site = TestGateway::with(|config| config["issuers"][0]["aud"] = json!("right")).await;
    let token = || site.acme.token().sub("subject-4711").claim("aud", "right");
    let reported = "tell-tale-4711";
    for token in [
        token().claim("aud", reported).sign(),
        token().claim("iss", reported).sign(),
        token().header("kid", reported).sign(),
        token().header("alg", reported).sign(),
        token().header("typ", reported).sign(),
        token()
            .claim("email", reported)
            .forged_by(&Key::p256("x"))
            .sign(),
        token().claim("exp", reported).sign(),
        format!("{reported}.{reported}.{reported}"),
    ] {
        let answer = site.present(&token).await;
        assert_eq!(answer.status(), 401, "{}", answer.text());
        refusal_id(&answer, "token_invalid");
        for secret in [
            reported,
            "subject-4711",
            "acme",
            "globex",
            "right",
            "signature",
            "aud",
            "kid",
        ] {
            assert!(
                !answer.contains(secret),
                "{secret:?} in {:?}",
                answer.text()
            );
        }
    }
    let good = site.present(&token().sign()).await;
    assert_eq!(good.status(), 200, "{}", good.text());
}

#[tokio::test]
async fn a_refusal_is_not_stored_and_keeps_the_connection() {
    let site = TestGateway::start().await;
    let mut wire = site.gateway.connect().await;
    wire.write(site.gateway.bytes("GET", "/", &[])).await;
    let answer = wire.read_response("GET").await.expect("an answer");
    assert_eq!(answer.status(), 401);
    assert_eq!(answer.field("cache-control").as_deref(), Some("no-store"));

    let bearer = format!("Bearer {}", site.acme.token().sign());
    wire.write(
        site.gateway
            .bytes("GET", "/", &[("Authorization", &bearer)]),
    )
    .await;
    let answer = wire
        .read_response("GET")
        .await
        .expect("an answer on the same connection");
    assert_eq!(answer.status(), 200);
    site.session();
}

/// The body of a refused request is not waited for, and must not be read as the next request.
#[tokio::test]
async fn a_refusal_before_the_body_ends_the_connection() {
    let site = TestGateway::start().await;
    let smuggled = site.gateway.bytes("GET", "/open", &[]);
    let length = smuggled.len().to_string();
    let post = site
        .gateway
        .bytes("POST", "/", &[("Content-Length", &length)]);
    let mut wire = site.gateway.connect().await;
    wire.write([post, smuggled.clone(), smuggled].concat())
        .await;
    let answer = wire.read_response("POST").await.expect("an answer");
    assert_eq!(answer.status(), 401);
    assert_eq!(answer.field("connection").as_deref(), Some("close"));
    assert_eq!(wire.read_to_end().await, b"");
    assert_eq!(site.upstream.count(), 0);
}

#[tokio::test]
async fn a_head_request_is_refused_without_a_body() {
    let site = TestGateway::start().await;
    let mut wire = site.gateway.connect().await;
    wire.write(site.gateway.bytes("HEAD", "/", &[("Connection", "close")]))
        .await;
    let bytes = wire.read_to_end().await;
    let text = String::from_utf8(bytes).unwrap();
    assert!(text.starts_with("HTTP/1.1 401"), "{text}");
    assert!(text.ends_with("\r\n\r\n"), "a body after HEAD: {text}");
}

#[tokio::test]
async fn request_ids_differ_and_an_upstream_sees_them() {
    let site = TestGateway::start().await;
    let one = site.gateway.get("/", &[]).await;
    let other = site.gateway.get("/", &[]).await;
    assert_ne!(
        refusal_id(&one, "token_missing"),
        refusal_id(&other, "token_missing")
    );
    let bearer = format!("Bearer {}", site.acme.token().sign());
    let answer = site.gateway.get("/", &[("Authorization", &bearer)]).await;
    assert_eq!(
        answer.field("x-request-id"),
        site.upstream.last().field("x-request-id")
    );
}

#[tokio::test]
async fn a_host_or_path_without_a_route_is_404() {
    let site = TestGateway::with(|config| {
        config["routes"] = json!([
            { "host": "app.test", "path": "/", "auth": "none", "upstream": "app" },
            { "path": "/here", "auth": "none", "upstream": "app" },
        ]);
    })
    .await;
    let get = async |host: &str, path: &str| {
        site.gateway
            .send(format!("GET {path} HTTP/1.1\r\nHost: {host}\r\n\r\n"))
            .await
    };
    for (host, path) in [
        ("app.test", "/"),
        ("APP.test:80", "/x"),
        ("app.test.", "/x"),
        ("other.test", "/here/x"),
    ] {
        assert_eq!(get(host, path).await.status(), 200, "{host} {path}");
    }
    for (host, path) in [
        ("other.test", "/"),
        ("app.test.evil", "/"),
        ("other.test", "/hereby"),
    ] {
        let answer = get(host, path).await;
        assert_eq!(answer.status(), 404, "{host} {path}");
        refusal_id(&answer, "not_found");
    }
}

/// What a HEAD says of the content is what a GET would bring (RFC 9110 section 9.3.2).
#[tokio::test]
async fn a_head_of_an_endpoint_of_ours_has_the_length_of_its_content() {
    let site = TestGateway::start().await;
    let path = "/_vestibule/.well-known/openid-configuration";
    let content = site.gateway.get(path, &[]).await;
    assert!(!content.body.is_empty());
    let mut wire = site.gateway.connect().await;
    wire.write(site.gateway.bytes("HEAD", path, &[])).await;
    let head = wire.read_response("HEAD").await.expect("an answer");
    let length = content.field("content-length");
    assert_eq!((head.status(), head.field("content-length")), (200, length));
    // Nothing came with it that the next answer could be taken for.
    wire.write(site.gateway.bytes("GET", path, &[])).await;
    let again = wire.read_response("GET").await.expect("an answer");
    assert_eq!(again.body, content.body);
}
