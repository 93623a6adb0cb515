//! The platform's own admin API over the issuer that SDKs see, and tests of tokens against
//! settings that are not in force.

use serde_json::{Value, json};

use crate::support::{Gateway, Key, Message, RawUpstream, TestGateway, TestIssuer};

const ENVIRONMENT: &str = "3f0c1f0a-54f1-4a0e-9d5d-2f5a3d1f7b11";
const PATH: &str = "/api/v0/environments/3f0c1f0a-54f1-4a0e-9d5d-2f5a3d1f7b11";

#[tokio::test]
async fn external_authentication_is_made_changed_and_turned_off_by_the_platforms_api() {
    let acme = TestIssuer::start("https://acme.test", Key::p256("acme-1")).await;
    let upstream = RawUpstream::start().await;
    let gateway = Gateway::start(json!({
        "environment_id": ENVIRONMENT,
        "upstreams": {"app": {"servers": [upstream.address]}},
        "routes": [{"path": "/", "upstream": "app"}],
    }))
    .await;
    let token = acme.token().claim("aud", "app").sign();
    assert_eq!(present(&gateway, &token).await, 401);
    let before = gateway.admin(PATH).await.json();
    assert_eq!(before["id"], ENVIRONMENT);
    let before = &before["settings"];
    assert_eq!(before["security"]["externalAuth"]["enabled"], false);

    let incomplete = put(&gateway, json!({"enabled": true, "iss": acme.iss})).await;
    assert_eq!(incomplete.status(), 422, "{}", incomplete.text());
    let wanted = json!({
        "enabled": true, "iss": acme.iss, "aud": "app", "jwksUrl": acme.jwks_url(),
        "cookieName": "acme_token",
    });
    let answer = put(&gateway, wanted.clone()).await;
    assert_eq!(answer.status(), 200, "{}", answer.text());
    let mut shown = wanted;
    shown["assumeEmailVerified"] = json!(false);
    assert_eq!(answer.json()["security"]["externalAuth"], shown);
    assert_eq!(gateway.admin(PATH).await.json()["settings"], answer.json());
    assert_eq!(present(&gateway, &token).await, 200);
    let sdk = format!("/_vestibule/api/v0/sdk/{ENVIRONMENT}/settings");
    let sdk = gateway.get(&sdk, &[]).await.json();
    assert_eq!(sdk["security"]["externalAuth"]["cookieName"], "acme_token");

    // What was read may be sent back, whole, with one member changed.
    let mut whole = answer.json();
    whole["security"]["externalAuth"]["enabled"] = json!(false);
    let answer = gateway.admin_send("PUT", PATH, &[], &whole).await;
    assert_eq!(answer.status(), 200, "{}", answer.text());
    assert_eq!(present(&gateway, &token).await, 401);

    let bad = put(&gateway, json!({"jwksUrl": "ftp://x"})).await;
    assert_eq!(bad.status(), 422, "{}", bad.text());
    let field = &bad.json()["problems"][0]["field"];
    assert_eq!(field, "security.externalAuth.jwksUrl", "{}", bad.text());
    let elsewhere = PATH.replace("3f0c1f0a", "3f0c1f0b");
    assert_eq!(gateway.admin(&elsewhere).await.status(), 404);
}

#[tokio::test]
async fn an_issuer_of_the_file_is_shown_and_not_written() {
    let site = TestGateway::with(|config| {
        config["environment_id"] = json!(ENVIRONMENT);
        config["sdk"] = json!({"issuer": "acme"});
    })
    .await;
    let shown = site.gateway.admin(PATH).await.json();
    let external = &shown["settings"]["security"]["externalAuth"];
    assert_eq!(external["iss"], json!(site.acme.iss));
    assert_eq!(external["jwksUrl"], json!(site.acme.jwks_url()));
    let answer = put(&site.gateway, json!({"aud": "other"})).await;
    assert_eq!(answer.status(), 409, "{}", answer.text());
    assert_eq!(answer.json()["code"], "issuer_from_file");
    // What says nothing, or what is so, may be sent with it.
    let rest = json!({
        "chains": [], "kyc": [], "design": {"modal": {}}, "general": {}, "networks": null,
        "security": {"auth": {"storage": ["localstorage"]}},
    });
    let answer = site.gateway.admin_send("PUT", PATH, &[], &rest).await;
    assert_eq!(answer.status(), 200, "{}", answer.text());
    site.passes(&site.acme.token().sign()).await;
}

#[tokio::test]
async fn what_cannot_be_set_here_is_refused_by_name() {
    let site = TestGateway::with(|config| config["environment_id"] = json!(ENVIRONMENT)).await;
    let settings = json!({
        "general": {"displayName": "x"},
        "chains": [{"name": "EVM"}],
        "security": {
            "jwtDuration": {"amount": 2, "unit": "days"},
            "auth": {"storage": ["cookie"]},
            "externalAuth": {"enabled": false, "algorithm": "none"},
        },
    });
    let answer = site.gateway.admin_send("PUT", PATH, &[], &settings).await;
    assert_eq!(answer.status(), 422, "{}", answer.text());
    let problems = answer.json()["problems"].clone();
    let mut fields: Vec<_> = problems
        .as_array()
        .unwrap()
        .iter()
        .map(|p| &p["field"])
        .collect();
    fields.sort_by_key(|field| field.to_string());
    assert_eq!(
        fields,
        [
            "chains",
            "general.displayName",
            "security.auth.storage",
            "security.externalAuth.algorithm",
            "security.jwtDuration",
        ]
    );
    let hints = problems.to_string();
    assert!(
        hints.contains("sdk.cookie") && hints.contains("session.max_age"),
        "{hints}"
    );
    // What is refused in part is not written in part.
    let token = site.acme.token().sign();
    site.passes(&token).await;
}

#[tokio::test]
async fn a_token_is_tested_against_settings_that_are_not_in_force() {
    let site = TestGateway::start().await;
    let initech = TestIssuer::start("https://initech.test", Key::p256("initech-1")).await;
    let token = initech.token().sign();
    let settings = json!({
        "name": "initech", "iss": initech.iss, "jwks_url": initech.jwks_url(), "enabled": false,
    });
    let test = async |issuer: Value| {
        let body = json!({"token": token, "issuer": issuer});
        let path = "/admin/api/token/test";
        site.gateway.admin_send("POST", path, &[], &body).await
    };
    let answer = test(settings.clone()).await;
    assert_eq!(answer.status(), 200, "{}", answer.text());
    assert_eq!(answer.json()["valid"], true, "{}", answer.text());
    assert_eq!(answer.json()["keys"]["keys"][0]["kid"], "initech-1");

    let mut stricter = settings.clone();
    stricter["aud"] = json!("app");
    assert_eq!(test(stricter).await.json()["valid"], false);
    let mut dead = settings.clone();
    dead["jwks_url"] = json!(format!("{}-not", initech.jwks_url()));
    initech.reply(500, "");
    let answer = test(dead).await.json();
    assert_eq!(answer["valid"], false);
    assert!(answer["keys"]["last_error"].is_string(), "{answer}");
    let mut secret = settings;
    secret["jwks_file"] = json!("/etc/passwd");
    assert_eq!(test(secret).await.status(), 422);
    // Nothing was kept.
    site.refuses(&token, "issuer_unknown").await;
    let list = site.gateway.admin("/admin/api/issuers").await.json();
    assert_eq!(list["issuers"].as_array().unwrap().len(), 2);
}

async fn put(gateway: &Gateway, external: Value) -> Message {
    let settings = json!({"security": {"externalAuth": external}});
    gateway.admin_send("PUT", PATH, &[], &settings).await
}

async fn present(gateway: &Gateway, token: &str) -> u16 {
    let field = format!("Bearer {token}");
    gateway
        .get("/", &[("Authorization", &field)])
        .await
        .status()
}
