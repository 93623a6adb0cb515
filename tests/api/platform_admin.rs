//! The platform's own admin API as its client sends it: by bearer token, most of it without a body
//! and without `Content-Type`. The client itself runs in `tests/peers`.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::Value;

use super::sdk::{Sdk, bearer, is_error};
use crate::support::Message;

const KEY: (&str, &str) = ("Authorization", "Bearer operators-only");

#[tokio::test]
async fn a_session_is_revoked_and_shown_without_a_body() {
    let sdk = start().await;
    let signed_in = sdk.signed_in(&sdk.site.acme.token().sign()).await;
    let sid = signed_in["user"]["sessionId"].as_str().unwrap();
    let path = format!("/api/v0/sessions/{sid}/revoke");
    let answer = call(&sdk, "PUT", &path).await;
    assert_eq!(answer.status(), 200, "{}", answer.text());
    let session = answer.json();
    assert_eq!(session["id"], sid);
    for time in ["createdAt", "revokedAt"] {
        let text = session[time].as_str().unwrap();
        assert!(text.ends_with('Z') && text.contains('T'), "{session}");
    }
    assert_eq!(session["ipAddress"], "127.0.0.1");
    is_over(&sdk, &signed_in).await;
    let nobody = "/api/v0/sessions/00000000-0000-4000-8000-000000000000/revoke";
    assert_eq!(call(&sdk, "PUT", nobody).await.status(), 404);
}

#[tokio::test]
async fn all_sessions_of_a_user_are_revoked_without_a_body() {
    let sdk = start().await;
    let other = sdk
        .signed_in(&sdk.site.acme.token().sub("bob").sign())
        .await;
    let signed_in = sdk.signed_in(&sdk.site.acme.token().sign()).await;
    let environment = signed_in["user"]["projectEnvironmentId"].as_str().unwrap();
    let user = signed_in["user"]["id"].as_str().unwrap();
    let path = format!("/api/v0/environments/{environment}/users/{user}/sessions/revoke");
    let answer = call(&sdk, "POST", &path).await;
    assert_eq!(answer.status(), 200, "{}", answer.text());
    is_over(&sdk, &signed_in).await;
    let bearer = bearer(&other);
    let answer = sdk.get("session", &[("Authorization", &bearer)]).await;
    assert_eq!(answer.status(), 204);
}

/// A bearer token is no cookie: no page has it unless it was given it.
#[tokio::test]
async fn only_a_call_without_a_bearer_token_must_prove_its_page() {
    let site = crate::support::TestGateway::start().await;
    let path = "/admin/api/issuers/acme/refresh";
    let evil = ("Origin", "https://evil.test");
    let json = ("Content-Type", "application/json");
    let basic = ("Authorization", "Basic YWxpY2U6YWxpY2U=");
    let bearer = ("Authorization", "Bearer whatever");
    for (fields, status) in [
        (&[][..], 415),
        (&[json][..], 200),
        (&[json, evil], 403),
        (&[json, basic, evil], 403),
        (&[basic], 415),
        (&[bearer], 200),
        (&[bearer, evil], 200),
    ] {
        let answer = site.gateway.admin_bytes("POST", path, fields, "").await;
        assert_eq!(answer.status(), status, "{fields:?}: {}", answer.text());
    }
}

/// As the platform's recipe decodes it.
#[tokio::test]
async fn the_public_key_is_a_pem() {
    let sdk = start().await;
    let environment =
        sdk.signed_in(&sdk.site.acme.token().sign()).await["user"]["projectEnvironmentId"].clone();
    let path = format!(
        "/api/v0/environments/{}/keys",
        environment.as_str().unwrap()
    );
    let answer = call(&sdk, "GET", &path).await;
    assert_eq!(answer.status(), 200, "{}", answer.text());
    let key = &answer.json()["key"];
    let pem = BASE64.decode(key["publicKey"].as_str().unwrap()).unwrap();
    let pem = String::from_utf8(pem).unwrap();
    assert!(pem.starts_with("-----BEGIN PUBLIC KEY-----\n"), "{pem}");
    assert_eq!(key["pem"], *pem);
    let keys = sdk.get(".well-known/jwks", &[]).await.json();
    assert_eq!(keys["keys"][0]["kid"], key["id"]);
    let other = "/api/v0/environments/00000000-0000-4000-8000-000000000000/keys";
    assert_eq!(call(&sdk, "GET", other).await.status(), 404);
}

async fn start() -> Sdk {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), "operators-only\n").unwrap();
    Sdk::start(|config| {
        config["admin"] = serde_json::json!({
            "token": format!("file:{}", file.path().display()),
        });
    })
    .await
}

/// As the platform's client sends what has no content.
async fn call(sdk: &Sdk, method: &str, path: &str) -> Message {
    let gateway = &sdk.site.gateway;
    gateway.admin_bytes(method, path, &[KEY], "").await
}

async fn is_over(sdk: &Sdk, signed_in: &Value) {
    let bearer = bearer(signed_in);
    let answer = sdk.get("session", &[("Authorization", &bearer)]).await;
    is_error(&answer, 401, "login_required");
}
