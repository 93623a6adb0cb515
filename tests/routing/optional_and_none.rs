//! Routes that ask for no session: `optional` takes one or none, `none` looks at nothing.

use crate::support::{Key, TestGateway};

#[tokio::test]
async fn an_optional_route_forwards_anonymous_requests_without_identity() {
    let site = TestGateway::start().await;
    let answer = site.gateway.get("/optional", &[]).await;
    assert_eq!(answer.status(), 200, "{}", answer.text());
    let seen = site.upstream.last();
    assert_eq!(seen.field("authorization"), None);

    let bearer = format!("Bearer {}", site.acme.token().sign());
    let answer = site
        .gateway
        .get("/optional", &[("Authorization", &bearer)])
        .await;
    assert_eq!(answer.status(), 200, "{}", answer.text());
    site.session();

    let answer = site.gateway.get("/", &[]).await;
    site.is_refusal(&answer, 401, "token_missing", "token_missing")
        .await;
}

#[tokio::test]
async fn an_optional_route_refuses_bad_bearers() {
    let site = TestGateway::start().await;
    let forged = site.acme.token().forged_by(&Key::p256("x")).sign();
    let expired = site.acme.token().expires_in(-3600).sign();
    for (token, code, reason) in [
        (&forged, "token_invalid", "signature_invalid"),
        (&expired, "token_expired", "expired"),
    ] {
        for (name, value) in [
            ("Authorization", format!("Bearer {token}")),
            ("X-Acme-Token", token.clone()),
        ] {
            let answer = site.gateway.get("/optional", &[(name, &value)]).await;
            site.is_refusal(&answer, 401, code, reason).await;
        }
    }
    assert_eq!(site.upstream.count(), 0);
}

#[tokio::test]
async fn an_expired_cookie_on_an_optional_route_is_anonymous_a_forged_one_is_refused() {
    let site = TestGateway::start().await;
    let expired = format!(
        "a=1; acme_token={}",
        site.acme.token().expires_in(-3600).sign()
    );
    let answer = site.gateway.get("/optional", &[("Cookie", &expired)]).await;
    assert_eq!(answer.status(), 200, "{}", answer.text());
    let seen = site.upstream.last();
    assert_eq!(seen.field("authorization"), None);
    assert_eq!(seen.field("cookie").as_deref(), Some("a=1"));

    let answer = site.gateway.get("/", &[("Cookie", &expired)]).await;
    site.is_refusal(&answer, 401, "token_expired", "expired")
        .await;

    let forged = site.acme.token().forged_by(&Key::p256("x"));
    let cookie = format!("acme_token={}", forged.sign());
    let answer = site.gateway.get("/optional", &[("Cookie", &cookie)]).await;
    site.is_refusal(&answer, 401, "token_invalid", "signature_invalid")
        .await;
    assert_eq!(site.upstream.count(), 1);

    // Expired and forged: it is past, whoever signed it. But the metrics say what was found out, or
    // anyone could make an anonymous request look like a lapsed login.
    let cookie = format!("acme_token={}", forged.expires_in(-3600).sign());
    let answer = site.gateway.get("/optional", &[("Cookie", &cookie)]).await;
    assert_eq!(answer.status(), 200, "{}", answer.text());
    assert_eq!(site.upstream.last().field("authorization"), None);
    let metrics = site.gateway.metrics().await;
    for reason in ["expired", "signature_invalid"] {
        let counted = [("outcome", "anonymous"), ("reason", reason)];
        assert_eq!(metrics.sum("vestibule_decisions_total", &counted), 1.0);
    }
}

#[tokio::test]
async fn an_open_route_forwards_without_verifying() {
    let site = TestGateway::start().await;
    let forged = site.acme.token().forged_by(&Key::p256("x")).sign();
    let good = site.acme.token().sign();
    for token in [&good, &forged] {
        let cookie = format!("acme_token={token}; a=1");
        let answer = site.gateway.get("/open", &[("Cookie", &cookie)]).await;
        assert_eq!(answer.status(), 200, "{}", answer.text());
        let seen = site.upstream.last();
        assert_eq!(
            seen.field("authorization"),
            None,
            "an open route has no identity"
        );
        assert_eq!(seen.field("cookie").as_deref(), Some("a=1"));
    }
    let metrics = site.gateway.metrics().await;
    assert_eq!(metrics.sum("vestibule_users_created_total", &[]), 0.0);
    assert_eq!(
        metrics.sum("vestibule_verify_duration_seconds_count", &[]),
        0.0
    );
}

#[tokio::test]
async fn routes_are_matched_by_whole_segments() {
    let site = TestGateway::start().await;
    for open in ["/open", "/open/", "/open/deeper?x=/"] {
        assert_eq!(site.gateway.get(open, &[]).await.status(), 200, "{open}");
    }
    for required in ["/opened", "/open%20", "/Open", "/ope", "/x/open", "/?/open"] {
        assert_eq!(
            site.gateway.get(required, &[]).await.status(),
            401,
            "{required}"
        );
    }
}
