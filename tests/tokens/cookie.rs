//! The issuer's cookie: taken, and taken out byte by byte.

use crate::support::{Key, Message, TestGateway, refusal_id};

#[tokio::test]
async fn the_issuers_cookie_is_a_credential_and_leaves() {
    let site = TestGateway::start().await;
    let token = site.acme.token().sign();
    let answer = cookie(&site, &[&format!("acme_token={token}")]).await;
    assert_eq!(answer.status(), 200, "{}", answer.text());
    let session = site.session();
    assert_eq!(
        session.claims["iss"],
        format!("http://{}/_vestibule", site.gateway.public)
    );
    assert_eq!(
        site.upstream.last().field("cookie"),
        None,
        "an empty Cookie is not forwarded"
    );

    let answer = cookie(&site, &["other_token=opaque"]).await;
    site.is_refusal(&answer, 401, "token_missing", "token_missing")
        .await;
}

#[tokio::test]
async fn other_cookies_stay_byte_exact() {
    let site = TestGateway::start().await;
    let token = site.acme.token().sign();
    // What is sent, and what arrives. Odd ones are legal to forward: the gateway is not their
    // reader.
    let cases = [
        (format!("a=1; acme_token={token}; b=2"), "a=1; b=2"),
        (format!("acme_token={token}; b=2"), "b=2"),
        (format!("a=1; acme_token={token}"), "a=1"),
        (
            format!("a=\"x y\"; acme_token={token}; b=%20=;c"),
            "a=\"x y\"; b=%20=;c",
        ),
        (
            format!("lonely; =empty; acme_token={token}; z="),
            "lonely; =empty; z=",
        ),
        (
            format!("acme_token2=kept; acme_token={token}"),
            "acme_token2=kept",
        ),
        (
            format!("ACME_TOKEN=kept; acme_token={token}"),
            "ACME_TOKEN=kept",
        ),
        (
            format!("xacme_token=kept; acme_token={token}"),
            "xacme_token=kept",
        ),
    ];
    for (sent, arrived) in cases {
        let answer = cookie(&site, &[&sent]).await;
        assert_eq!(answer.status(), 200, "{arrived}: {}", answer.text());
        assert_eq!(
            site.upstream.last().field("cookie").as_deref(),
            Some(arrived)
        );
        site.session();
    }
}

#[tokio::test]
async fn bytes_that_are_no_utf8_stay_too() {
    let site = TestGateway::start().await;
    let token = site.acme.token().sign();
    let head = format!(
        "GET / HTTP/1.1\r\nHost: {}\r\nCookie: a=",
        site.gateway.public
    );
    let tail = format!("; acme_token={token}\r\n\r\n");
    let request = [head.as_bytes(), b"\xe9\xa0", tail.as_bytes()];
    let answer = site.gateway.send(request.concat()).await;
    assert_eq!(answer.status(), 200, "{}", answer.text());
    assert_eq!(
        site.upstream.last().field("cookie").as_deref(),
        Some("a=\u{e9}\u{a0}")
    );
}

#[tokio::test]
async fn several_cookie_fields_are_one_list() {
    let site = TestGateway::start().await;
    let token = format!("acme_token={}", site.acme.token().sign());
    let other = format!("acme_token={}", site.acme.token().sub("bob").sign());

    let answer = cookie(&site, &["a=1", &format!("b=2; {token}"), "c=3"]).await;
    assert_eq!(answer.status(), 200, "{}", answer.text());
    assert_eq!(
        site.upstream.last().field("cookie").as_deref(),
        Some("a=1; b=2; c=3")
    );

    let answer = cookie(&site, &[&token, &token]).await;
    assert_eq!(
        answer.status(),
        200,
        "the same value twice: {}",
        answer.text()
    );

    for conflict in [&[&*token, &*other][..], &[&*format!("{token}; {other}")]] {
        let answer = cookie(&site, conflict).await;
        assert_eq!(answer.status(), 400, "{}", answer.text());
        refusal_id(&answer, "conflict");
    }
    assert_eq!(site.upstream.count(), 2);
}

#[tokio::test]
async fn an_explicit_header_wins_over_the_cookie() {
    let site = TestGateway::start().await;
    let good = site.acme.token().sign();
    let bad = site.acme.token().forged_by(&Key::p256("x")).sign();
    let both = |bearer: &str, cookie: &str| {
        let fields = [
            ("Authorization", format!("Bearer {bearer}")),
            ("Cookie", format!("acme_token={cookie}")),
        ];
        let fields = fields
            .each_ref()
            .map(|(name, value)| (*name, value.as_str()));
        site.gateway.bytes("GET", "/", &fields)
    };
    let answer = site.gateway.send(both(&good, &bad)).await;
    assert_eq!(answer.status(), 200, "{}", answer.text());
    assert_eq!(
        site.upstream.last().field("cookie"),
        None,
        "the unused cookie leaves too"
    );

    let answer = site.gateway.send(both(&bad, &good)).await;
    site.is_refusal(&answer, 401, "token_invalid", "signature_invalid")
        .await;
}

#[tokio::test]
async fn a_token_counts_only_in_its_own_issuers_cookie() {
    let site = TestGateway::start().await;
    let token = site.acme.token().sign();
    let answer = cookie(&site, &[&format!("acme_token={token}")]).await;
    assert_eq!(answer.status(), 200, "{}", answer.text());
    let answer = cookie(&site, &[&format!("globex_token={token}")]).await;
    assert_eq!(answer.status(), 401, "{}", answer.text());
    refusal_id(&answer, "token_invalid");
}

#[tokio::test]
async fn http2_crumbs_are_one_list() {
    let site =
        TestGateway::with(|config| config["listeners"] = serde_json::json!([{"h2c": true}])).await;
    let token = site.acme.token().sign();
    let crumbs = [
        "a=1".to_owned(),
        format!("acme_token={token}"),
        "b=2".to_owned(),
    ];
    let crumbs: Vec<_> = crumbs
        .iter()
        .map(|crumb| ("cookie", crumb.as_str()))
        .collect();
    let status = crate::listening::h2c::get(&site, "/", &crumbs).await;
    assert_eq!(status, 200);
    assert_eq!(
        site.upstream.last().field("cookie").as_deref(),
        Some("a=1; b=2")
    );
    site.session();

    let other = site.acme.token().sub("bob").sign();
    let conflict = [format!("acme_token={token}"), format!("acme_token={other}")];
    let conflict: Vec<_> = conflict
        .iter()
        .map(|crumb| ("cookie", crumb.as_str()))
        .collect();
    assert_eq!(crate::listening::h2c::get(&site, "/", &conflict).await, 400);
    assert_eq!(site.upstream.count(), 1);
}

async fn cookie(site: &TestGateway, values: &[&str]) -> Message {
    let fields: Vec<_> = values.iter().map(|value| ("Cookie", *value)).collect();
    site.gateway.get("/", &fields).await
}
