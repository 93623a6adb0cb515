//! Which claims a token must have, and what they may say (RFC 7519 section 4.1).

use serde_json::{Value, json};

use crate::support::{ACME, GLOBEX, Key, TestGateway, now};

#[tokio::test]
async fn iss_is_one_configured_string_exactly() {
    let site = TestGateway::start().await;
    let token = || site.acme.token();
    site.passes(&token().claim("iss", ACME).sign()).await;
    site.refuses(&token().without("iss").sign(), "iss_missing")
        .await;
    for iss in [
        json!(null),
        json!(7),
        json!([ACME]),
        json!(["https://evil.test", ACME]),
    ] {
        site.refuses(&token().claim("iss", iss).sign(), "iss_invalid")
            .await;
    }
    for iss in [
        "",
        "https://acme.test/",
        "HTTPS://ACME.TEST",
        "https://evil.test",
        " https://acme.test",
    ] {
        site.refuses(&token().claim("iss", iss).sign(), "issuer_unknown")
            .await;
    }
}

#[tokio::test]
async fn a_token_of_the_other_issuer_is_of_its_own_keys_only() {
    let site = TestGateway::start().await;
    site.passes(&site.globex.token().sign()).await;
    // `kid` and signature of one issuer, `iss` of the other.
    site.refuses(
        &site.globex.token().claim("iss", ACME).sign(),
        "kid_unknown",
    )
    .await;
    site.refuses(
        &site.acme.token().claim("iss", GLOBEX).sign(),
        "kid_unknown",
    )
    .await;
}

#[tokio::test]
async fn sub_is_a_string_that_is_not_empty() {
    let site = TestGateway::start().await;
    let token = || site.acme.token();
    site.passes(&token().claim("sub", "0").sign()).await;
    site.passes(
        &token()
            .claim("sub", "auth0|5f7c8ec7c33c6c004bbafe82 ü")
            .sign(),
    )
    .await;
    site.refuses(&token().without("sub").sign(), "sub_missing")
        .await;
    for sub in [
        json!(""),
        json!(null),
        json!(0),
        json!(["alice"]),
        json!({"id": "alice"}),
    ] {
        site.refuses(&token().claim("sub", sub).sign(), "sub_invalid")
            .await;
    }
}

#[tokio::test]
async fn exp_is_there_and_not_past() {
    let site = TestGateway::start().await;
    let token = || site.acme.token();
    site.passes(&token().expires_in(60).sign()).await;
    site.refuses(&token().without("exp").sign(), "exp_missing")
        .await;
    let soon = now() + 60;
    for exp in [
        json!(null),
        json!(soon.to_string()),
        json!([soon]),
        json!(-1),
        json!(true),
    ] {
        site.refuses(&token().claim("exp", exp).sign(), "exp_invalid")
            .await;
    }
    expired(&site, &token().expires_in(-60).sign()).await;
    expired(&site, &token().claim("exp", 0).sign()).await;
}

#[tokio::test]
async fn an_exp_within_the_leeway_passes() {
    let site = TestGateway::with(|config| config["issuers"][0]["leeway"] = json!("2m")).await;
    site.passes(&site.acme.token().expires_in(-60).sign()).await;
    expired(&site, &site.acme.token().expires_in(-180).sign()).await;
    // The other issuer has the default of 30 seconds.
    site.passes(&site.globex.token().expires_in(-10).sign())
        .await;
    expired(&site, &site.globex.token().expires_in(-60).sign()).await;
}

#[tokio::test]
async fn nbf_is_not_in_the_future() {
    let site = TestGateway::start().await;
    let token = || site.acme.token();
    site.passes(&token().claim("nbf", now() - 60).sign()).await;
    site.passes(&token().claim("nbf", now() + 10).sign()).await;
    site.refuses(&token().claim("nbf", now() + 90).sign(), "not_yet_valid")
        .await;
    for nbf in [json!(now().to_string()), json!([0])] {
        site.refuses(&token().claim("nbf", nbf).sign(), "nbf_invalid")
            .await;
    }
}

#[tokio::test]
async fn iat_is_not_in_the_future() {
    let site = TestGateway::start().await;
    let token = || site.acme.token();
    site.passes(&token().without("iat").sign()).await;
    site.passes(&token().claim("iat", now() - 60).sign()).await;
    site.passes(&token().claim("iat", now() + 10).sign()).await;
    site.refuses(&token().claim("iat", now() + 90).sign(), "issued_in_future")
        .await;
    for iat in [json!(now().to_string()), json!([0])] {
        site.refuses(&token().claim("iat", iat).sign(), "iat_invalid")
            .await;
    }
}

#[tokio::test]
async fn one_audience_of_the_configured_is_enough() {
    let site =
        TestGateway::with(|config| config["issuers"][0]["aud"] = json!(["api", "web"])).await;
    let token = |aud: Value| site.acme.token().claim("aud", aud).sign();
    for aud in [
        json!("api"),
        json!("web"),
        json!(["api"]),
        json!(["other", "web"]),
    ] {
        site.passes(&token(aud)).await;
    }
    site.refuses(&site.acme.token().sign(), "aud_missing").await;
    site.refuses(&token(json!(null)), "aud_missing").await;
    for aud in [
        json!("other"),
        json!("apiary"),
        json!("API"),
        json!([]),
        json!(["other"]),
        json!(""),
    ] {
        site.refuses(&token(aud), "aud_mismatch").await;
    }
    for aud in [json!(1), json!({"api": 1}), json!(["api", 1])] {
        site.refuses(&token(aud), "aud_invalid").await;
    }
}

#[tokio::test]
async fn aud_is_ignored_when_not_configured() {
    let site = TestGateway::start().await;
    for aud in [json!("anything"), json!(["a", "b"])] {
        site.passes(&site.acme.token().claim("aud", aud).sign())
            .await;
    }
}

#[tokio::test]
async fn foreign_kinds_of_tokens_are_no_login() {
    let site = TestGateway::start().await;
    let token = || site.acme.token();
    for typ in ["JWT", "jwt", "at+jwt", "application/at+jwt"] {
        site.passes(&token().header("typ", typ).sign()).await;
    }
    site.passes(&token().without_header("typ").sign()).await;
    for typ in [
        "logout+jwt",
        "secevent+jwt",
        "dpop+jwt",
        "application/logout+jwt",
        "Logout+JWT",
        "elevated+jwt",
    ] {
        site.refuses(&token().header("typ", typ).sign(), "type_not_accepted")
            .await;
    }
    // An application's own claim names no event.
    for own in [json!(["e1"]), json!({"theme": "dark"})] {
        site.passes(&token().claim("events", own).sign()).await;
    }
    let event = json!({"http://schemas.openid.net/event/backchannel-logout": {}});
    site.refuses(&token().claim("events", event).sign(), "events_present")
        .await;
    let thumbprint = json!({"jkt": "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"});
    site.refuses(&token().claim("cnf", thumbprint).sign(), "cnf_present")
        .await;
}

#[tokio::test]
async fn duplicate_members_are_refused_at_any_depth() {
    let site = TestGateway::start().await;
    let token = || site.acme.token();
    let claims = token().claims_text();
    let open = claims.strip_suffix('}').unwrap();
    let good = format!(r#"{open},"email":"a@b.test","deep":{{"x":1,"y":1}}}}"#);
    site.passes(&token().payload(good).sign()).await;
    for duplicate in [
        r#""sub":"bob""#,
        r#""exp":99999999999"#,
        r#""email":"a@b.test","email":"c@d.test""#,
        r#""deep":{"x":1,"x":2}"#,
        r#""\u0073ub":"bob""#,
    ] {
        let payload = format!("{open},{duplicate}}}");
        site.refuses(&token().payload(payload).sign(), "claims_duplicate")
            .await;
    }
    let header = |more: &str| format!(r#"{{"alg":"ES256","kid":"acme-1"{more}}}"#);
    site.passes(&token().header_text(header("")).sign()).await;
    for more in [r#","alg":"ES256""#, r#","kid":"acme-1""#] {
        site.refuses(
            &token().header_text(header(more)).sign(),
            "header_duplicate",
        )
        .await;
    }
}

/// What the issuer says of itself beyond the rules changes nothing.
#[tokio::test]
async fn unknown_claims_are_no_fault() {
    let site = TestGateway::start().await;
    let token = site
        .acme
        .token()
        .claim("roles", json!({"a": [1, null, {"b": 2.5}]}));
    site.passes(&token.claim("Sub", "eve").sign()).await;
}

#[tokio::test]
async fn a_changed_payload_breaks_the_signature() {
    let site = TestGateway::start().await;
    let honest = site.acme.token();
    site.passes(&honest.sign()).await;
    let (_, signature) = { honest.sign() }.rsplit_once('.').map(owned).unwrap();
    let changed = honest.clone().sub("mallory").signed_part();
    site.refuses(&format!("{changed}.{signature}"), "signature_invalid")
        .await;
    site.refuses(
        &honest.forged_by(&Key::p256("x")).sign(),
        "signature_invalid",
    )
    .await;
}

async fn expired(site: &TestGateway, token: &str) {
    let answer = site.present(token).await;
    site.is_refusal(&answer, 401, "token_expired", "expired")
        .await;
}

fn owned((left, right): (&str, &str)) -> (String, String) {
    (left.to_owned(), right.to_owned())
}
