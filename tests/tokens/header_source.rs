//! The issuer's own header field: a bare token, only of that issuer.

use crate::support::{Key, TestGateway, refusal_id};

#[tokio::test]
async fn the_issuers_header_is_a_credential_and_leaves() {
    let site = TestGateway::start().await;
    let token = site.acme.token().sign();
    for name in ["X-Acme-Token", "x-acme-token"] {
        let answer = site.gateway.get("/", &[(name, &token)]).await;
        assert_eq!(answer.status(), 200, "{}", answer.text());
        assert_eq!(site.upstream.last().field("x-acme-token"), None);
        site.session();
    }
    let answer = site.gateway.get("/", &[("X-Other-Token", "opaque")]).await;
    site.is_refusal(&answer, 401, "token_missing", "token_missing")
        .await;
}

#[tokio::test]
async fn a_token_counts_only_in_its_own_issuers_header() {
    let site = TestGateway::start().await;
    let token = site.acme.token().sign();
    let answer = site.gateway.get("/", &[("X-Globex-Token", &token)]).await;
    assert_eq!(answer.status(), 401, "{}", answer.text());
    refusal_id(&answer, "token_invalid");
    let token = site.globex.token().sign();
    let answer = site.gateway.get("/", &[("X-Globex-Token", &token)]).await;
    assert_eq!(answer.status(), 200, "{}", answer.text());
}

#[tokio::test]
async fn the_header_wins_over_the_cookie() {
    let site = TestGateway::start().await;
    let good = site.acme.token().sign();
    let bad = site.acme.token().forged_by(&Key::p256("x")).sign();
    let fields = |header: &str, cookie: &str| {
        let cookie = format!("acme_token={cookie}");
        site.gateway
            .bytes("GET", "/", &[("X-Acme-Token", header), ("Cookie", &cookie)])
    };
    let answer = site.gateway.send(fields(&good, &bad)).await;
    assert_eq!(answer.status(), 200, "{}", answer.text());
    let answer = site.gateway.send(fields(&bad, &good)).await;
    site.is_refusal(&answer, 401, "token_invalid", "signature_invalid")
        .await;
}

#[tokio::test]
async fn two_values_in_it_are_a_conflict_one_value_twice_is_not() {
    let site = TestGateway::start().await;
    let (one, other) = (
        site.acme.token().sign(),
        site.acme.token().sub("bob").sign(),
    );
    let answer = site
        .gateway
        .get("/", &[("X-Acme-Token", &one), ("X-Acme-Token", &one)])
        .await;
    assert_eq!(answer.status(), 200, "{}", answer.text());
    let answer = site
        .gateway
        .get("/", &[("X-Acme-Token", &one), ("X-Acme-Token", &other)])
        .await;
    assert_eq!(answer.status(), 400, "{}", answer.text());
    refusal_id(&answer, "conflict");
}

/// The cache is asked by the token alone, so where the token was must be checked as well.
#[tokio::test]
async fn neither_a_cached_session_nor_a_cached_refusal_depends_on_the_place() {
    let site = TestGateway::start().await;
    let token = site.acme.token().sign();
    let wrong_place = async || {
        let answer = site.gateway.get("/", &[("X-Globex-Token", &token)]).await;
        site.is_refusal(&answer, 401, "token_invalid", "issuer_mismatch")
            .await;
        let cookie = format!("globex_token={token}");
        let answer = site.gateway.get("/", &[("Cookie", &cookie)]).await;
        site.is_refusal(&answer, 401, "token_invalid", "issuer_mismatch")
            .await;
    };
    wrong_place().await;
    site.passes(&token).await;
    wrong_place().await;
    site.passes(&token).await;
}

#[tokio::test]
async fn our_own_token_is_taken_wherever_an_external_one_is() {
    let site = TestGateway::start().await;
    let first = site.passes(&site.acme.token().sign()).await;
    let own = site.upstream.last().bearer().unwrap();
    for (name, value) in [
        ("Authorization", format!("Bearer {own}")),
        ("X-Acme-Token", own.clone()),
        ("Cookie", format!("acme_token={own}")),
        ("Cookie", format!("vestibule={own}")),
    ] {
        let answer = site.gateway.get("/", &[(name, &value)]).await;
        assert_eq!(answer.status(), 200, "{name}: {}", answer.text());
        assert_eq!(site.session().claims["sid"], first.claims["sid"], "{name}");
        assert_eq!(site.upstream.last().field("cookie"), None);
    }
}
