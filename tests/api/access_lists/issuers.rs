//! One issuer's tokens get nothing that is meant for another's users.

use serde_json::{Value, json};

use super::{Sdk, add, create, is_error, turn};
use crate::support::TestIssuer;

/// The same address, `sub` and claim from an issuer, whoever they are there.
fn boss(issuer: &TestIssuer, login: &str) -> String {
    let token = issuer.token().sub("42").claim("sid", login);
    let token = token.claim("email", "boss@acme.test");
    token
        .claim("emailVerified", true)
        .claim("role", "boss")
        .sign()
}

#[tokio::test]
async fn what_an_issuer_says_gives_nothing_that_is_meant_for_another() {
    for (is_trusted, of_acme) in [
        (false, "user:basic acme:claim acme:email acme:sub"),
        (true, "user:basic acme:claim acme:email acme:sub any:email"),
    ] {
        let sdk = Sdk::start(|config| config["issuers"][0]["email_trusted"] = is_trusted.into());
        let sdk = sdk.await;
        for issuer in [Some("acme"), None] {
            for (by, member, value) in [
                ("email", "email", json!("boss@acme.test")),
                ("sub", "externalUserId", json!("42")),
                ("claim", "claim", json!({ "name": "role", "value": "boss" })),
            ] {
                let scope = format!("{}:{by}", issuer.unwrap_or("any"));
                let list = json!({ "name": scope, "outcome": "scope", "scope": scope });
                let list = create(&sdk, list).await;
                let added = add(&sdk, &list, &json!({ member: value, "issuer": issuer })).await;
                assert_eq!(added["note"].is_string(), issuer.is_none(), "{added}");
                turn(&sdk, &list, "enable").await;
            }
        }
        // In both orders: whose the address is makes no difference.
        for (issuer, scope) in [
            (&sdk.site.globex, "user:basic"),
            (&sdk.site.acme, of_acme),
            (&sdk.site.globex, "user:basic"),
        ] {
            let session = sdk.site.passes(&boss(issuer, scope)).await;
            assert_eq!(session.claims["scope"], scope, "{is_trusted}");
        }
    }
}

#[tokio::test]
async fn who_is_kept_out_is_so_whoever_says_it_unless_an_issuer_is_named() {
    for (issuer, of_acme, of_globex) in [(None, 403, 403), (Some("acme"), 403, 200)] {
        for (member, value) in [
            ("email", json!("boss@acme.test")),
            ("externalUserId", json!("42")),
            ("claim", json!({ "name": "role", "value": "boss" })),
        ] {
            let sdk = Sdk::start(|_| {}).await;
            let list = create(&sdk, json!({ "name": "barred", "outcome": "block" })).await;
            let added = add(&sdk, &list, &json!({ member: value, "issuer": issuer })).await;
            assert_eq!(added["note"], Value::Null);
            turn(&sdk, &list, "enable").await;
            for (from, status) in [(&sdk.site.acme, of_acme), (&sdk.site.globex, of_globex)] {
                let answer = sdk.site.present(&boss(from, "1")).await;
                assert_eq!(answer.status(), status, "{member} {issuer:?}");
            }
        }
    }
}

/// Whoever asks `/ready` hears of it, and not only who asks for the list.
#[tokio::test]
async fn a_list_whose_entries_mean_nobody_is_degraded() {
    let sdk = Sdk::start(|_| {}).await;
    for (name, issuer) in [("named", Some("acme")), ("lost", None)] {
        let list = json!({ "name": name, "outcome": "scope", "scope": name });
        let list = create(&sdk, list).await;
        let entry = json!({ "externalUserId": "42", "issuer": issuer });
        add(&sdk, &list, &entry).await;
        turn(&sdk, &list, "enable").await;
    }
    let reported =
        "access list lost has entries that mean nobody (1): name an issuer that is configured";
    let ready = sdk.site.gateway.admin("/ready").await;
    assert_eq!(ready.status(), 200);
    assert_eq!(ready.json()["degraded"], json!([reported]));
    let overview = sdk.site.gateway.admin("/dashboard").await;
    let said = "access list lost has entries that mean nobody";
    assert!(overview.text().contains(said), "{}", overview.text());
}

/// Of the only issuer, whose users would lose what the list gives them.
#[tokio::test]
async fn a_second_issuer_waits_until_the_entries_name_the_first() {
    let sdk = Sdk::start(|config| {
        let issuers = config["issuers"].as_array_mut().unwrap();
        issuers.truncate(1);
    })
    .await;
    let list = create(&sdk, json!({ "name": "staff" })).await;
    let unnamed = add(&sdk, &list, &json!({ "externalUserId": "42" })).await;
    turn(&sdk, &list, "enable").await;
    sdk.site.passes(&boss(&sdk.site.acme, "1")).await;
    let second = json!({
        "name": "second",
        "iss": "https://second.test",
        "aud": ["app"],
        "jwks_url": sdk.site.globex.jwks_url(),
    });
    let create_issuer = async || {
        let path = "/admin/api/issuers";
        super::admin(&sdk, "POST", path, &second).await
    };
    let refused = create_issuer().await;
    assert_eq!(refused.status(), 409, "{}", refused.text());
    assert_eq!(refused.json()["code"], "access_list_names_no_issuer");
    let named = json!({ "externalUserId": "42", "issuer": "acme" });
    add(&sdk, &list, &named).await;
    let entry = unnamed["id"].as_str().unwrap();
    let path = format!("/api/v0/allowlistEntries/{entry}");
    let removed = super::admin(&sdk, "DELETE", &path, &Value::Null).await;
    assert_eq!(removed.status(), 204);
    let created = create_issuer().await;
    assert_eq!(created.status(), 201, "{}", created.text());
    sdk.site.passes(&boss(&sdk.site.acme, "2")).await;
}

#[tokio::test]
async fn only_the_users_of_the_named_issuer_are_let_in() {
    let sdk = Sdk::start(|_| {}).await;
    let list = create(&sdk, json!({ "name": "staff" })).await;
    let entry = json!({ "email": "boss@acme.test", "issuer": "acme" });
    add(&sdk, &list, &entry).await;
    turn(&sdk, &list, "enable").await;
    let refused = sdk.site.present(&boss(&sdk.site.globex, "1")).await;
    sdk.site
        .is_refusal(&refused, 403, "no_access", "access_not_listed")
        .await;
    sdk.site.passes(&boss(&sdk.site.acme, "1")).await;
    let answer = super::sign_in(&sdk, &boss(&sdk.site.globex, "2")).await;
    is_error(&answer, 403, "no_access");
}
