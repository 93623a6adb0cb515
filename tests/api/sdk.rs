//! The SDK protocol, field by field. What its real clients make of it is tested with them, in
//! `tests/peers`.

use serde_json::{Value, json};

use crate::support::{Key, decode, from_base64url, remember_session_token};

mod client;
mod cookies;
mod two_logins;

pub use client::{PAGE, Sdk, bearer, is_error, seen};

use client::hex;

#[tokio::test]
async fn one_user_for_all_sign_ins_and_new_once() {
    let sdk = Sdk::start(|_| {}).await;
    let token = sdk.site.acme.token().claim("email", "a@acme.test");
    let token = token.claim("emailVerified", true).sign();
    let first = sdk.signed_in(&token).await;
    assert_eq!(first["user"]["newUser"], true);
    assert_eq!(first["user"]["email"], "a@acme.test");
    assert_eq!(first["user"]["missingFields"], json!([]));
    assert_eq!(first["user"]["projectEnvironmentId"], *sdk.environment);
    let credentials = first["user"]["verifiedCredentials"].as_array().unwrap();
    assert_eq!(credentials[0]["format"], "externalUser");
    assert_eq!(credentials[0]["public_identifier"], "alice");
    assert_eq!(credentials[1]["format"], "email");

    let second = sdk.signed_in(&token).await;
    assert_eq!(second["user"]["newUser"], false);
    assert_eq!(second["user"]["id"], first["user"]["id"]);
    let other = sdk
        .signed_in(&sdk.site.acme.token().sub("bob").sign())
        .await;
    assert_ne!(other["user"]["id"], first["user"]["id"]);

    let compact = decode(first["minifiedJwt"].as_str().unwrap());
    assert_eq!(compact.header["typ"], "JWT");
    assert_eq!(compact.claims["exp"], first["expiresAt"]);
    assert_eq!(compact.claims["aud"], PAGE);
    assert_eq!(compact.claims["sid"], first["user"]["sessionId"]);
    let full = decode(first["jwt"].as_str().unwrap());
    assert_eq!(full.header["typ"], "id+jwt");
    assert_eq!(full.claims["new_user"], true);
    assert_eq!(
        full.claims["verified_credentials"],
        Value::Array(credentials.clone())
    );
}

#[tokio::test]
async fn the_session_token_passes_the_proxy_and_the_full_account_does_not() {
    let sdk = Sdk::start(|_| {}).await;
    let signed_in = sdk.signed_in(&sdk.site.acme.token().sign()).await;
    let session = sdk
        .site
        .passes(signed_in["minifiedJwt"].as_str().unwrap())
        .await;
    assert_eq!(session.claims["sid"], signed_in["user"]["sessionId"]);
    let account = signed_in["jwt"].as_str().unwrap();
    sdk.site.refuses(account, "own_wrong_kind").await;
}

#[tokio::test]
async fn a_bad_token_is_an_invalid_external_auth() {
    let sdk = Sdk::start(|_| {}).await;
    let token = || sdk.site.acme.token();
    for (jwt, reason) in [
        (token().expires_in(-60).sign(), "expired"),
        (token().with_signature(&[0; 64]), "signature_invalid"),
        (
            token().claim("iss", "https://nobody.test").sign(),
            "issuer_unknown",
        ),
        ("no token".to_owned(), "token_malformed"),
    ] {
        let answer = sdk
            .post("externalAuth/signin", &[], &json!({ "jwt": jwt }))
            .await;
        is_error(&answer, 422, "invalid_external_auth");
        let id = answer.field("x-request-id").unwrap();
        let line = sdk.site.gateway.logged(&[&id]).await;
        assert!(line.contains(reason), "{reason} not in {line}");
    }
    sdk.signed_in(&token().sign()).await;

    let none = sdk.post("externalAuth/signin", &[], &json!({})).await;
    is_error(&none, 422, "invalid_external_auth");
    let wrong = sdk
        .post("externalAuth/signin", &[], &json!({ "jwt": 7 }))
        .await;
    assert_eq!(wrong.json()["error"], "`jwt` has the wrong type");
    is_error(&wrong, 400, "invalid_request");
    let unknown = json!({ "jwt": token().sign(), "unheard": 7 });
    assert_eq!(
        sdk.post("externalAuth/signin", &[], &unknown)
            .await
            .status(),
        200
    );
}

#[tokio::test]
async fn a_member_of_the_wrong_type_is_named_and_unknown_ones_are_not_read() {
    let sdk = Sdk::start(|config| config["step_up"] = json!({ "scopes": ["user:delete"] })).await;
    let signed_in = sdk.signed_in(&sdk.site.acme.token().sign()).await;
    let bearer = bearer(&signed_in);
    let fields = [("Authorization", &*bearer)];
    for (endpoint, body, member) in [
        ("externalAuth/signin", json!({ "jwt": 7 }), "jwt"),
        (
            "externalAuth/signin",
            json!({ "jwt": "a.b.c", "sessionPublicKey": [] }),
            "sessionPublicKey",
        ),
        ("externalAuth/verify", json!({ "jwt": {} }), "jwt"),
        ("stepUp/check", json!({ "scope": true }), "scope"),
    ] {
        let answer = sdk.post(endpoint, &fields, &body).await;
        is_error(&answer, 400, "invalid_request");
        let reported = answer.json()["error"].as_str().unwrap().to_owned();
        assert_eq!(
            reported,
            format!("`{member}` has the wrong type"),
            "{endpoint}"
        );
    }
    for body in ["[]", "{", "{} {}", "7"] {
        let own = [
            ("Origin", PAGE),
            ("Content-Type", "application/json"),
            fields[0],
        ];
        let answer = sdk.ask("POST", "stepUp/check", &own, body).await;
        is_error(&answer, 400, "invalid_request");
    }
    for (endpoint, member) in [("externalAuth/verify", "jwt"), ("stepUp/check", "scope")] {
        let answer = sdk.post(endpoint, &fields, &json!({ "unheard": 7 })).await;
        is_error(&answer, 400, "invalid_request");
        assert_eq!(answer.json()["error"], format!("`{member}` is missing"));
    }
    let more = json!({ "scope": "user:delete", "unheard": { "of": 7 } });
    let answer = sdk.post("stepUp/check", &fields, &more).await;
    assert_eq!(answer.status(), 200, "{}", answer.text());
}

#[tokio::test]
async fn a_refresh_mints_anew_and_never_extends() {
    let sdk = Sdk::start(|_| {}).await;
    let key = "02b4632d08485ff1df2db55b9dafd23347d1c47a457072a1e87be26896549a8737";
    let token = sdk.site.acme.token().expires_in(600).sign();
    let body = json!({ "jwt": token, "sessionPublicKey": key });
    let first = seen(&sdk.post("externalAuth/signin", &[], &body).await);
    let bearer = bearer(&first);
    let again = seen(
        &sdk.post("refresh", &[("Authorization", &bearer)], &Value::Null)
            .await,
    );
    assert_eq!(again["user"]["newUser"], false);
    assert_eq!(
        again["expiresAt"], first["expiresAt"],
        "the session ends when it would have"
    );
    let [first, again] = [first, again].map(|seen| decode(seen["minifiedJwt"].as_str().unwrap()));
    for claim in ["sid", "sub", "aud", "session_public_key"] {
        assert_eq!(again.claims[claim], first.claims[claim], "{claim}");
    }
    assert_eq!(again.claims["session_public_key"], key);

    let external = format!("Bearer {token}");
    let answer = sdk
        .post("refresh", &[("Authorization", &external)], &Value::Null)
        .await;
    is_error(&answer, 401, "token_invalid");
    is_error(
        &sdk.post("refresh", &[], &Value::Null).await,
        401,
        "token_missing",
    );
    let body = json!({ "jwt": token, "sessionPublicKey": "02ff" });
    let answer = sdk.post("externalAuth/signin", &[], &body).await;
    is_error(&answer, 422, "invalid_session_public_key");
}

#[tokio::test]
async fn a_revoked_session_is_over_everywhere() {
    let sdk = Sdk::start(|_| {}).await;
    let external = sdk.site.acme.token().sign();
    let signed_in = sdk.signed_in(&external).await;
    let bearer = bearer(&signed_in);
    let fields = [("Authorization", &*bearer)];
    let user = sdk.get("users", &fields).await;
    assert_eq!(user.json()["id"], signed_in["user"]["id"]);
    assert_eq!(sdk.get("session", &fields).await.status(), 204);
    sdk.site
        .passes(signed_in["minifiedJwt"].as_str().unwrap())
        .await;

    assert_eq!(
        sdk.post("revoke", &fields, &Value::Null).await.status(),
        204
    );
    for endpoint in ["users", "session"] {
        is_error(&sdk.get(endpoint, &fields).await, 401, "login_required");
    }
    is_error(
        &sdk.post("refresh", &fields, &Value::Null).await,
        401,
        "login_required",
    );
    let answer = sdk.site.gateway.get("/", &fields).await;
    assert_eq!(answer.status(), 401, "{}", answer.text());
    let reopened = sdk
        .post("externalAuth/signin", &[], &json!({ "jwt": external }))
        .await;
    is_error(&reopened, 422, "invalid_external_auth");
    // A client that lost the answer asks again.
    assert_eq!(
        sdk.post("revoke", &fields, &Value::Null).await.status(),
        204
    );
}

#[tokio::test]
async fn a_sign_in_and_a_revocation_survive_kill_9() {
    let mut sdk = Sdk::start(|_| {}).await;
    let kept = sdk.signed_in(&sdk.site.acme.token().sign()).await;
    let ended = sdk
        .signed_in(&sdk.site.acme.token().sub("bob").sign())
        .await;
    let [kept_by, ended_by] = [bearer(&kept), bearer(&ended)];
    let answer = sdk
        .post("revoke", &[("Authorization", &ended_by)], &Value::Null)
        .await;
    assert_eq!(answer.status(), 204);

    sdk.site.gateway = sdk.site.gateway.restart().await;
    let answer = sdk.get("session", &[("Authorization", &kept_by)]).await;
    assert_eq!(answer.status(), 204, "{}", answer.text());
    let answer = sdk.get("session", &[("Authorization", &ended_by)]).await;
    is_error(&answer, 401, "login_required");
}

#[tokio::test]
async fn a_nonce_is_spent_by_one_signature() {
    let sdk = Sdk::start(|_| {}).await;
    let nonces = sdk.get("nonces?count=3", &[]).await.json();
    assert_eq!(nonces["nonces"].as_array().unwrap().len(), 3);
    assert_eq!(
        sdk.get("nonces?count=0", &[]).await.json()["nonces"]
            .as_array()
            .unwrap()
            .len(),
        1
    );
    let nonce = sdk.get("nonce", &[]).await.json()["nonce"]
        .as_str()
        .unwrap()
        .to_owned();
    let device = Key::p256("device");
    let jwk = device.jwk();
    let [x, y] = ["x", "y"].map(|name| from_base64url(jwk[name].as_str().unwrap()));
    let key = hex(&[&[2 + (y[31] & 1)][..], &x].concat());
    let sign = |nonce: &str| hex(&device.sign("ES256", nonce.as_bytes()));
    let (signature, foreign) = (sign(&nonce), sign("another"));
    let good = json!({ "jwt": sdk.site.acme.token().sign() });
    let forged = sdk.site.acme.token().forged_by(&Key::p256("acme-1")).sign();
    let bad = json!({ "jwt": forged });
    let stranger = json!({ "jwt": sdk.site.acme.token().sub("stranger").sign() });
    for (nonce, signature, sent, body, status) in [
        (&*nonce, &foreign, 3, &good, 401),
        // One that is not ours proves nothing, and is no reason to keep its client out.
        ("another", &foreign, 3, &good, 200),
        ("another", &signature, 3, &good, 401),
        (&nonce, &signature, 2, &good, 401),
        // Whoever has no good token writes nothing.
        (&nonce, &signature, 3, &bad, 422),
        (&nonce, &signature, 3, &good, 200),
        (&nonce, &signature, 3, &good, 401),
        // A nonce that is spent makes nobody, either.
        (&nonce, &signature, 3, &stranger, 401),
    ] {
        let fields = [
            ("x-dynamic-device-nonce", nonce),
            ("x-dynamic-device-publickey", &*key),
            ("x-dynamic-device-signed-nonce", &**signature),
        ];
        let answer = sdk.post("externalAuth/signin", &fields[..sent], body).await;
        assert_eq!(answer.status(), status, "{nonce} {sent}: {}", answer.text());
        if status == 200 {
            seen(&answer);
        }
    }
    let metrics = sdk.site.gateway.metrics().await;
    assert_eq!(metrics.sum("vestibule_users_created_total", &[]), 1.0);

    // The same at a refresh, which looked at the credential last.
    let signed_in = sdk.signed_in(&sdk.site.acme.token().sign()).await;
    let nonce = sdk.get("nonce", &[]).await.json()["nonce"].clone();
    let nonce = nonce.as_str().unwrap();
    let (signature, good) = (sign(nonce), bearer(&signed_in));
    for (authorization, status) in [
        ("Bearer a.b.c", 401),
        (&*format!("Bearer {forged}"), 401),
        (&*good, 200),
        (&*good, 401),
    ] {
        let fields = [
            ("Authorization", authorization),
            ("x-dynamic-device-nonce", nonce),
            ("x-dynamic-device-publickey", &*key),
            ("x-dynamic-device-signed-nonce", &*signature),
        ];
        let answer = sdk.post("refresh", &fields, &json!({})).await;
        assert_eq!(
            answer.status(),
            status,
            "{authorization}: {}",
            answer.text()
        );
        if status == 200 {
            seen(&answer);
        }
    }
}

/// What a refresh with a device's signature writes is bounded, whoever asks.
#[tokio::test]
async fn refreshes_that_write_are_counted_before_anything_else() {
    let sdk = Sdk::start(|config| {
        config["limits"] = json!({"rates": {"sign_in_per_client": "2/1m"}});
    })
    .await;
    let device = Key::p256("device");
    let jwk = device.jwk();
    let [x, y] = ["x", "y"].map(|name| from_base64url(jwk[name].as_str().unwrap()));
    let key = hex(&[&[2 + (y[31] & 1)][..], &x].concat());
    for status in [401, 401, 429] {
        let nonce = sdk.get("nonce", &[]).await.json()["nonce"].clone();
        let nonce = nonce.as_str().unwrap();
        let signature = hex(&device.sign("ES256", nonce.as_bytes()));
        let fields = [
            ("Authorization", "Bearer a.b.c"),
            ("x-dynamic-device-nonce", nonce),
            ("x-dynamic-device-publickey", &*key),
            ("x-dynamic-device-signed-nonce", &*signature),
        ];
        let answer = sdk.post("refresh", &fields, &json!({})).await;
        assert_eq!(answer.status(), status, "{}", answer.text());
    }
    // One without it writes nothing.
    let answer = sdk
        .post("refresh", &[("Authorization", "Bearer a.b.c")], &json!({}))
        .await;
    assert_eq!(answer.status(), 401);
}

#[tokio::test]
async fn the_keys_are_found_where_the_platforms_recipes_look() {
    let sdk = Sdk::start(|_| {}).await;
    let standard = sdk
        .site
        .gateway
        .get("/_vestibule/.well-known/jwks.json", &[])
        .await;
    for path in [".well-known/jwks", ".well-known/jwks.json"] {
        assert_eq!(sdk.get(path, &[]).await.json(), standard.json());
    }
    let foreign = "/_vestibule/api/v0/sdk/00000000-0000-4000-8000-000000000000";
    for path in ["settings", ".well-known/jwks"] {
        let answer = sdk
            .site
            .gateway
            .get(&format!("{foreign}/{path}"), &[])
            .await;
        is_error(&answer, 404, "not_found");
    }
}
