//! Step-up: an assertion of the session's issuer, the elevated token for it, and routes that demand
//! one.

use serde_json::{Value, json};

use crate::api::sdk::{Sdk, bearer, is_error, seen};
use crate::support::{Key, TokenBuilder, decode, now, remember_session_token};

#[tokio::test]
async fn an_assertion_gives_an_elevated_token_once() {
    let sdk = start(json!({ "scopes": ["user:delete", "wallet:export"] })).await;
    let signed_in = sdk.signed_in(&sdk.site.acme.token().sign()).await;
    // As the platform's documents show it: without `iss` and `aud`.
    let assertion = assertion(&sdk, "one").without("iss").sign();
    let first = elevate(&sdk, &signed_in, &assertion).await;
    let elevated = decode(&first);
    assert_eq!(elevated.header["typ"], "elevated+jwt");
    assert_eq!(elevated.claims["scope"], "user:delete");
    assert_eq!(elevated.claims["sid"], signed_in["user"]["sessionId"]);
    assert_eq!(elevated.claims["singleUse"], true);

    is_error(
        &ask(&sdk, &signed_in, &assertion).await,
        422,
        "invalid_external_auth",
    );
    let next = self::assertion(&sdk, "two").sign();
    elevate(&sdk, &signed_in, &next).await;
    // It is no session.
    sdk.site.refuses(&first, "own_wrong_kind").await;
}

#[tokio::test]
async fn only_an_assertion_for_this_session_counts() {
    let sdk = start(json!({ "scopes": ["user:delete"] })).await;
    let login = sdk.site.acme.token().claim("scope", "user:delete");
    let login = login.claim("jti", "login").expires_in(300).sign();
    let signed_in = sdk.signed_in(&login).await;
    let good = || assertion(&sdk, "good");
    for (what, token, code) in [
        ("the token of the sign-in", login, "invalid_external_auth"),
        (
            "another user",
            good().sub("bob").sign(),
            "invalid_external_auth",
        ),
        (
            "another issuer",
            sdk.site
                .globex
                .token()
                .claim("jti", "x")
                .claim("scope", "user:delete")
                .expires_in(60)
                .sign(),
            "invalid_external_auth",
        ),
        (
            "another issuer's key",
            good().without("iss").forged_by(&Key::p256("acme-1")).sign(),
            "invalid_external_auth",
        ),
        (
            "too long a life",
            good().expires_in(3600).sign(),
            "invalid_external_auth",
        ),
        (
            "over",
            good().expires_in(-60).sign(),
            "invalid_external_auth",
        ),
        (
            "no jti",
            good().without("jti").sign(),
            "invalid_external_auth",
        ),
        (
            "no time of issue",
            good().without("iat").sign(),
            "invalid_external_auth",
        ),
        (
            "an old one that has not expired",
            good().claim("iat", now() - 700).sign(),
            "invalid_external_auth",
        ),
        ("no scope", good().without("scope").sign(), "invalid_scopes"),
        (
            "an unknown scope",
            good().claim("scope", "user:delete root").sign(),
            "invalid_scopes",
        ),
    ] {
        let answer = ask(&sdk, &signed_in, &token).await;
        assert_eq!(answer.status(), 422, "{what}: {}", answer.text());
        is_error(&answer, 422, code);
    }
    elevate(&sdk, &signed_in, &good().sign()).await;
    let nobody = sdk
        .post("externalAuth/verify", &[], &json!({ "jwt": "a.b.c" }))
        .await;
    is_error(&nobody, 401, "token_missing");
}

#[tokio::test]
async fn a_guarded_route_takes_a_token_for_one_use_once() {
    let sdk = start(json!({ "scopes": ["user:delete", "wallet:export"] })).await;
    let signed_in = sdk.signed_in(&sdk.site.acme.token().sign()).await;
    let other = sdk
        .signed_in(&sdk.site.acme.token().sub("bob").sign())
        .await;
    let authorization = bearer(&signed_in);
    let guarded = async |authorization: &str, elevated: &str| {
        let fields = [
            ("Authorization", authorization),
            ("X-Dyn-Elevated-Access-Token", elevated),
        ];
        sdk.site.gateway.get("/guarded", &fields).await
    };
    let answer = sdk
        .site
        .gateway
        .get("/guarded", &[("Authorization", &authorization)])
        .await;
    sdk.site
        .is_refusal(&answer, 401, "step_up_required", "elevated_missing")
        .await;
    let challenge = answer.field("www-authenticate").unwrap();
    assert!(
        challenge.contains("error=\"insufficient_user_authentication\""),
        "{challenge}"
    );

    let elevated = elevate(&sdk, &signed_in, &assertion(&sdk, "one").sign()).await;
    let stolen = guarded(&bearer(&other), &elevated).await;
    sdk.site
        .is_refusal(
            &stolen,
            401,
            "step_up_required",
            "elevated_of_another_session",
        )
        .await;
    let answer = guarded(&authorization, &elevated).await;
    assert_eq!(answer.status(), 200, "{}", answer.text());
    let upstream = sdk.site.upstream.last();
    assert_eq!(upstream.field("x-dyn-elevated-access-token"), None);
    let again = guarded(&authorization, &elevated).await;
    sdk.site
        .is_refusal(&again, 401, "step_up_required", "elevated_used")
        .await;

    let scope = assertion(&sdk, "two")
        .claim("scope", "wallet:export")
        .sign();
    let elevated = elevate(&sdk, &signed_in, &scope).await;
    let answer = guarded(&authorization, &elevated).await;
    sdk.site
        .is_refusal(&answer, 401, "step_up_required", "elevated_scope")
        .await;
    let session = authorization.strip_prefix("Bearer ").unwrap();
    let answer = guarded(&authorization, session).await;
    sdk.site
        .is_refusal(&answer, 401, "step_up_required", "elevated_invalid")
        .await;
}

#[tokio::test]
async fn a_token_for_many_uses_and_what_it_is_needed_for() {
    let sdk = start(json!({ "scopes": ["user:delete"], "single_use": false })).await;
    let signed_in = sdk.signed_in(&sdk.site.acme.token().sign()).await;
    let authorization = bearer(&signed_in);
    let elevated = elevate(&sdk, &signed_in, &assertion(&sdk, "one").sign()).await;
    for _ in 0..2 {
        let fields = [
            ("Authorization", &*authorization),
            ("X-Dyn-Elevated-Access-Token", &*elevated),
        ];
        let answer = sdk.site.gateway.get("/guarded", &fields).await;
        assert_eq!(answer.status(), 200, "{}", answer.text());
    }
    for (scope, required) in [("user:delete", true), ("wallet:export", false)] {
        let fields = [("Authorization", &*authorization)];
        let answer = sdk
            .post("stepUp/check", &fields, &json!({ "scope": scope }))
            .await;
        let reported = answer.json();
        assert_eq!(reported["isRequired"], required, "{scope}");
        assert_eq!(
            reported["credentials"][0]["id"],
            reported["defaultCredentialId"]
        );
        assert_eq!(reported["credentials"][0]["format"], "externalUser");
    }
}

#[tokio::test]
async fn an_elevated_token_ends_with_its_session() {
    let sdk = start(json!({ "scopes": ["user:delete"], "single_use": false })).await;
    for (life, capped) in [(120, true), (3600, false)] {
        let sub = format!("for {life} seconds");
        let token = sdk.site.acme.token().sub(&sub).expires_in(life).sign();
        let signed_in = sdk.signed_in(&token).await;
        let assertion = assertion(&sdk, &sub).sub(&sub).sign();
        let elevated = decode(&elevate(&sdk, &signed_in, &assertion).await).claims;
        let end = signed_in["expiresAt"].as_u64().unwrap();
        let elevated = elevated["exp"].as_u64().unwrap();
        assert_eq!(elevated == end, capped, "{elevated} {end}");
        assert!(elevated <= end);
    }
}

async fn start(step_up: Value) -> Sdk {
    Sdk::start(|config| {
        config["step_up"] = step_up;
        let route = json!({ "path": "/guarded", "upstream": "app", "step_up": "user:delete" });
        config["routes"].as_array_mut().unwrap().push(route);
    })
    .await
}

#[tokio::test]
async fn an_assertion_of_the_same_login_counts_and_no_token_is_used_for_both() {
    let sdk = start(json!({ "scopes": ["user:delete"] })).await;
    let of_login = |jti: &str| assertion(&sdk, jti).claim("sid", "login-1");
    // The issuer puts its `sid` into every token.
    let login = sdk.site.acme.token().claim("sid", "login-1").sign();
    let signed_in = sdk.signed_in(&login).await;
    let asserted = of_login("asserted").sign();
    elevate(&sdk, &signed_in, &asserted).await;
    for _ in 0..2 {
        sdk.site.refuses(&asserted, "assertion_is_no_login").await;
    }
    let entered = of_login("entered").sign();
    sdk.site.passes(&entered).await;
    is_error(
        &ask(&sdk, &signed_in, &entered).await,
        422,
        "invalid_external_auth",
    );
    sdk.site.passes(&entered).await;
    elevate(&sdk, &signed_in, &of_login("other").sign()).await;
}

#[tokio::test]
async fn assertions_that_do_not_say_their_time_count_where_that_is_allowed() {
    let sdk = start(json!({ "scopes": ["user:delete"], "allow_missing_iat": true })).await;
    let signed_in = sdk.signed_in(&sdk.site.acme.token().sign()).await;
    let silent = assertion(&sdk, "one").without("iat").sign();
    elevate(&sdk, &signed_in, &silent).await;
    let old = assertion(&sdk, "two").claim("iat", now() - 700).sign();
    is_error(
        &ask(&sdk, &signed_in, &old).await,
        422,
        "invalid_external_auth",
    );
}

fn assertion(sdk: &Sdk, jti: &str) -> TokenBuilder {
    let token = sdk.site.acme.token().expires_in(300);
    token.claim("jti", jti).claim("scope", "user:delete")
}

async fn ask(sdk: &Sdk, signed_in: &Value, assertion: &str) -> crate::support::Message {
    let fields = [("Authorization", &*bearer(signed_in))];
    sdk.post("externalAuth/verify", &fields, &json!({ "jwt": assertion }))
        .await
}

async fn elevate(sdk: &Sdk, signed_in: &Value, assertion: &str) -> String {
    let body = seen(&ask(sdk, signed_in, assertion).await);
    let elevated = body["elevatedAccessToken"].as_str().unwrap();
    remember_session_token(elevated);
    elevated.to_owned()
}
