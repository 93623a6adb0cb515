//! What users change of their own record, and what issuers say of it.

use serde_json::{Value, json};

use super::sdk::{PAGE, Sdk, bearer, is_error, seen};
use crate::support::{Message, TestIssuer, decode};

#[tokio::test]
async fn a_user_changes_profile_and_metadata() {
    let sdk = Sdk::start(|_| {}).await;
    let token = sdk.site.acme.token().expires_in(600).sign();
    let signed_in = sdk.signed_in(&token).await;
    let bearer = bearer(&signed_in);
    let fields = json!({ "firstName": " Ada ", "team": "Engine", "metadata": { "theme": "dark" } });
    let changed = seen(&put(&sdk, &bearer, &fields).await);
    assert_eq!(changed["nextView"], "done");
    assert_eq!(changed["expiresAt"], signed_in["expiresAt"]);
    assert_eq!(changed["user"]["sessionId"], signed_in["user"]["sessionId"]);
    assert_eq!(changed["user"]["firstName"], "Ada");
    let full = decode(changed["jwt"].as_str().unwrap());
    assert_eq!(full.claims["given_name"], "Ada");
    assert_eq!(full.claims["team"], "Engine");

    // What is not named stays; null takes away.
    let changed = seen(&put(&sdk, &bearer, &json!({ "firstName": null })).await);
    assert!(changed["user"].get("firstName").is_none());
    let user = sdk.get("users", &[("Authorization", &bearer)]).await.json();
    assert_eq!(user["team"], "Engine");
    assert_eq!(user["metadata"], json!({ "theme": "dark" }));
    let changed = seen(&put(&sdk, &bearer, &json!({ "metadata": null })).await);
    assert_eq!(changed["user"]["metadata"], json!({}));
    let user = sdk.get("users", &[("Authorization", &bearer)]).await.json();
    assert_eq!(user["metadata"], json!({}));
}

#[tokio::test]
async fn what_is_not_the_users_is_refused_by_name() {
    let sdk = Sdk::start(|config| {
        config["issuers"][0]["claims"] = json!({ "firstName": "given_name" });
        config["sdk"] =
            json!({ "self_service": { "profile": ["firstName", "team"], "metadata": false } });
    })
    .await;
    let token = sdk.site.acme.token().claim("given_name", "Ada").sign();
    let signed_in = sdk.signed_in(&token).await;
    assert_eq!(signed_in["user"]["firstName"], "Ada", "as the issuer says");
    let bearer = bearer(&signed_in);
    for (fields, member) in [
        (json!({ "firstName": "Eve" }), "firstName"),
        (json!({ "firstName": null }), "firstName"),
        (json!({ "lastName": "Lovelace" }), "lastName"),
        (json!({ "metadata": { "role": "admin" } }), "metadata"),
        (json!({ "email": "eve@example.com", "team": "x" }), "email"),
        (json!({ "team": "x".repeat(513) }), "team"),
    ] {
        let answer = put(&sdk, &bearer, &fields).await;
        is_error(&answer, 422, "invalid_request");
        let reported = answer.json()["error"].as_str().unwrap().to_owned();
        assert!(reported.starts_with(&format!("`{member}` ")), "{reported}");
    }
    is_error(
        &put(&sdk, &bearer, &json!({ "team": 7 })).await,
        400,
        "invalid_request",
    );
    let nothing = json!({ "team": "Engine", "email": null, "lastName": null, "metadata": null });
    seen(&put(&sdk, &bearer, &nothing).await);
    let large = json!({ "metadata": { "text": "x".repeat(17 << 10) } });
    let open = Sdk::start(|_| {}).await;
    let signed_in = open.signed_in(&open.site.acme.token().sign()).await;
    let answer = put(&open, &super::sdk::bearer(&signed_in), &large).await;
    is_error(&answer, 422, "invalid_request");
}

/// At each sign-in, and shown in the user and the full token.
#[tokio::test]
async fn what_the_issuer_says_of_the_profile_is_taken() {
    let sdk = Sdk::start(|config| {
        config["issuers"][0]["claims"] = json!({
            "firstName": "given_name", "lastName": "family_name", "username": "preferred_username",
            "phoneNumber": "phone_number", "picture": "picture",
        });
    })
    .await;
    let token = |login: &str| {
        let token = sdk.site.acme.token().claim("sid", login);
        let token = token.claim("family_name", "Lovelace");
        let token = token.claim("preferred_username", "ada");
        token.claim("picture", "https://acme.test/ada.png")
    };
    let first = sdk
        .signed_in(&token("one").claim("given_name", "Ada").sign())
        .await;
    let user = &first["user"];
    assert_eq!([&user["firstName"], &user["lastName"]], ["Ada", "Lovelace"]);
    assert_eq!(
        [&user["username"], &user["picture"]],
        ["ada", "https://acme.test/ada.png"]
    );
    let full = decode(first["jwt"].as_str().unwrap()).claims;
    assert_eq!(
        [&full["given_name"], &full["family_name"]],
        ["Ada", "Lovelace"]
    );
    let compact = decode(first["minifiedJwt"].as_str().unwrap()).claims;
    assert!(compact.get("given_name").is_none(), "{compact}");

    let again = token("two").claim("given_name", "Augusta").sign();
    assert_eq!(sdk.signed_in(&again).await["user"]["firstName"], "Augusta");
    // A token without the claim says nothing of it, and what is no text neither.
    let silent = token("three").claim("given_name", 7).sign();
    assert_eq!(sdk.signed_in(&silent).await["user"]["firstName"], "Augusta");
}

/// Whichever of two linked logins the user comes by.
#[tokio::test]
async fn a_field_of_one_issuer_is_not_changed_by_a_login_of_another() {
    for linked in [true, false] {
        let sdk = Sdk::start(|config| {
            config["issuers"][0]["claims"] = json!({ "team": "team" });
            for issuer in config["issuers"].as_array_mut().unwrap() {
                issuer["email_trusted"] = json!(true);
            }
            config["link_by_verified_email"] = json!(linked);
        })
        .await;
        let token = |issuer: &TestIssuer| {
            let token = issuer.token().claim("email", "ada@acme.test");
            token.claim("email_verified", true)
        };
        let of_acme = token(&sdk.site.acme).claim("team", "Blue").sign();
        assert_eq!(sdk.signed_in(&of_acme).await["user"]["team"], "Blue");
        let of_globex = sdk.signed_in(&token(&sdk.site.globex).sign()).await;
        let by_globex = bearer(&of_globex);
        let changed = put(&sdk, &by_globex, &json!({ "team": "Admins" })).await;
        match linked {
            true => is_error(&changed, 422, "invalid_request"),
            false => assert_eq!(seen(&changed)["user"]["team"], "Admins"),
        }
        let own = json!({ "username": "ada" });
        let changed = seen(&put(&sdk, &by_globex, &own).await);
        assert_eq!(changed["user"]["username"], "ada", "nobody else says it");
    }
}

/// What session tokens repeat of the issuer's claims is the issuer's word, whatever users write about themselves.
#[tokio::test]
async fn a_user_writes_no_claim_of_the_issuer() {
    for (repeated, said, expected) in [
        (true, json!("Blue"), json!("Blue")),
        (true, Value::Null, Value::Null),
        (false, json!("Blue"), json!("Admins")),
    ] {
        let sdk = Sdk::start(|config| {
            config["session"] = json!({ "claims": "full" });
            if repeated {
                config["session"]["claims_from"] = json!({ "team": "team" });
            }
        })
        .await;
        let token = sdk.site.acme.token().claim("team", said.clone()).sign();
        let signed_in = sdk.signed_in(&token).await;
        let before = signed_in["minifiedJwt"].as_str().unwrap();
        let fields = json!({ "team": "Admins", "username": "ada" });
        let changed = seen(&put(&sdk, &bearer(&signed_in), &fields).await);
        let after = changed["minifiedJwt"].as_str().unwrap();
        let account = changed["jwt"].as_str().unwrap();
        let tokens = [
            decode(after).claims,
            decode(account).claims,
            // What upstreams get for a token from before the change, and for one from after it.
            sdk.site.passes(before).await.claims,
            sdk.site.passes(after).await.claims,
        ];
        for claims in tokens {
            assert_eq!(claims["team"], expected, "{repeated} {said}: {claims}");
            assert_eq!(claims["username"], "ada", "{claims}");
        }
    }
}

#[tokio::test]
async fn a_user_deletes_the_account() {
    let sdk = Sdk::start(|config| config["step_up"] = json!({ "scopes": ["user:delete"] })).await;
    let token = || sdk.site.acme.token();
    let signed_in = sdk.signed_in(&token().sign()).await;
    let bearer = bearer(&signed_in);
    let delete = async |fields: &[(&str, &str)]| {
        let own = [("Origin", PAGE), ("Authorization", &*bearer)];
        sdk.ask("DELETE", "users", &[&own[..], fields].concat(), "")
            .await
    };
    is_error(&delete(&[]).await, 401, "step_up_required");
    let assertion = token().claim("scope", "user:delete").expires_in(300);
    let assertion = assertion.claim("jti", "once").sign();
    let answer = sdk
        .post(
            "externalAuth/verify",
            &[("Authorization", &bearer)],
            &json!({ "jwt": assertion }),
        )
        .await;
    let elevated = answer.json()["elevatedAccessToken"]
        .as_str()
        .unwrap()
        .to_owned();
    let answer = delete(&[("X-Dyn-Elevated-Access-Token", &elevated)]).await;
    assert_eq!(answer.status(), 204, "{}", answer.text());
    let gone = sdk.get("users", &[("Authorization", &bearer)]).await;
    assert_eq!(gone.status(), 401, "{}", gone.text());

    let off = Sdk::start(|config| {
        config["sdk"] = json!({ "self_service": { "delete": false } });
    })
    .await;
    let signed_in = off.signed_in(&off.site.acme.token().sign()).await;
    let bearer = super::sdk::bearer(&signed_in);
    let own = [("Origin", PAGE), ("Authorization", &*bearer)];
    is_error(
        &off.ask("DELETE", "users", &own, "").await,
        403,
        "forbidden",
    );
    assert_eq!(off.get("users", &own).await.status(), 200);
}

/// A page of another site changes nothing by the cookie.
#[tokio::test]
async fn a_cookie_changes_the_record_for_listed_pages_only() {
    let sdk = Sdk::start(|config| config["sdk"] = json!({ "cookie": true })).await;
    let jwt = sdk.site.acme.token().sign();
    let answer = sdk
        .post("externalAuth/signin", &[], &json!({ "jwt": jwt }))
        .await;
    let field = answer.field("set-cookie").unwrap();
    let cookie = field.split_once(';').unwrap().0.to_owned();
    crate::support::remember_session_token(&cookie);
    let json = ("Content-Type", "application/json");
    let cookie = ("Cookie", &*cookie);
    let content = json!({ "team": "Engine" }).to_string();
    for (fields, status) in [
        (&[cookie, json, ("Origin", "https://evil.test")][..], 403),
        (&[cookie, json], 403),
        (&[cookie, ("Origin", PAGE)], 415),
        (&[cookie, json, ("Origin", PAGE)], 200),
    ] {
        let answer = send(&sdk, fields, &content).await;
        assert_eq!(answer.status(), status, "{fields:?}: {}", answer.text());
        if let Some(field) = answer.field("set-cookie") {
            crate::support::remember_session_token(field.split_once(';').unwrap().0);
        }
    }
}

async fn put(sdk: &Sdk, bearer: &str, fields: &Value) -> Message {
    let own = [
        ("Origin", PAGE),
        ("Content-Type", "application/json"),
        ("Authorization", bearer),
    ];
    send(sdk, &own, &fields.to_string()).await
}

async fn send(sdk: &Sdk, fields: &[(&str, &str)], content: &str) -> Message {
    let length = content.len().to_string();
    let fields = [fields, &[("Content-Length", &*length)]].concat();
    sdk.ask("PUT", "users", &fields, content).await
}
