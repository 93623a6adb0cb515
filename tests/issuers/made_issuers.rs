//! Issuers that operators make while the gateway runs.

use serde_json::{Value, json};

use crate::support::{Gateway, Key, Message, TestGateway, TestIssuer};

#[tokio::test]
async fn a_made_issuer_signs_in_survives_a_restart_and_goes_at_once() {
    let site = TestGateway::start().await;
    let initech = issuer("https://initech.test").await;
    let token = initech.token().sign();
    site.refuses(&token, "issuer_unknown").await;

    let made = create(&site.gateway, settings(&initech)).await;
    assert_eq!(made.status(), 201, "{}", made.text());
    let row = made.json();
    assert_eq!(row["origin"], "store");
    assert_eq!(row["settings"]["jwks_url"], json!(initech.jwks_url()));
    assert_eq!(row["keys"]["keys"][0]["kid"], "initech-1");
    let before = site.passes(&token).await;
    // Its header field and cookie are places for its tokens, and go no further.
    let fields = [("X-Initech-Token", token.as_str())];
    assert_eq!(site.gateway.get("/", &fields).await.status(), 200);
    let cookie = format!("initech_token={token}; theme=dark");
    let answer = site.gateway.get("/open", &[("Cookie", &cookie)]).await;
    assert_eq!(answer.status(), 200);
    let seen = site.upstream.last().field("cookie");
    assert_eq!(seen.as_deref(), Some("theme=dark"));

    let TestGateway {
        gateway,
        acme,
        globex,
        upstream,
    } = site;
    let site = TestGateway {
        gateway: gateway.restart().await,
        acme,
        globex,
        upstream,
    };
    let after = site.passes(&token).await;
    assert_eq!(before.claims["sub"], after.claims["sub"]);

    let path = "/admin/api/issuers/initech";
    let gone = site.gateway.admin_send("DELETE", path, &[], &Value::Null);
    assert_eq!(gone.await.status(), 204);
    site.refuses(&token, "issuer_unknown").await;
    assert_eq!(site.gateway.admin(path).await.status(), 404);
    let audit = site.gateway.admin("/admin/api/audit").await.text();
    for action in ["issuer.create", "issuer.delete"] {
        assert!(audit.contains(action), "{audit}");
    }
    // The neighbours are as they were.
    site.passes(&site.acme.token().sign()).await;
}

#[tokio::test]
async fn a_change_voids_what_was_cached_and_keeps_the_keys() {
    let site = TestGateway::start().await;
    let initech = issuer("https://initech.test").await;
    let mut settings = settings(&initech);
    settings["aud"] = json!(["app", "other"]);
    assert_eq!(create(&site.gateway, settings.clone()).await.status(), 201);
    let (stays, goes) = (
        initech.token().claim("aud", "app").sign(),
        initech.token().claim("aud", "other").sign(),
    );
    site.passes(&stays).await;
    site.passes(&goes).await;
    let fetches = initech.fetches();

    settings["aud"] = json!("app");
    let changed = replace(&site.gateway, "initech", settings.clone()).await;
    assert_eq!(changed.status(), 200, "{}", changed.text());
    site.passes(&stays).await;
    site.refuses(&goes, "aud_mismatch").await;
    assert_eq!(
        initech.fetches(),
        fetches,
        "its keys come from where they came"
    );

    // A refusal that was remembered is void, too.
    settings["aud"] = json!(["app", "other"]);
    replace(&site.gateway, "initech", settings.clone()).await;
    site.passes(&goes).await;

    // Other keys: those of the former address count for nothing.
    let elsewhere = TestIssuer::start("https://initech.test", Key::p256("initech-2")).await;
    settings["jwks_url"] = json!(elsewhere.jwks_url());
    replace(&site.gateway, "initech", settings).await;
    let moved = elsewhere.token().claim("aud", "app").sign();
    site.passes(&moved).await;
    site.refuses(&stays, "kid_unknown").await;
}

#[tokio::test]
async fn what_is_no_issuer_is_refused_by_the_name_of_the_key() {
    let site = TestGateway::start().await;
    let initech = issuer("https://initech.test").await;
    let private = json!([{"kty": "EC", "crv": "P-256", "x": "a", "y": "b", "d": "c"}]);
    for (field, key, value) in [
        ("iss", "iss", json!(site.acme.iss)),
        ("name", "name", json!("a/b")),
        ("jwks_url", "jwks_url", json!("http://initech.example/keys")),
        ("cookie_name", "cookie_name", json!("acme_token")),
        ("header", "header", json!("Authorization")),
        ("leeway", "leeway", json!("1h")),
        ("leeway_secnds", "leeway_secnds", json!(3)),
        ("algorithms[0]", "algorithms", json!(["HS256"])),
        ("aud", "aud", json!([])),
        (
            "required_claims.groups",
            "required_claims",
            json!({"groups": []}),
        ),
        ("tenant_claim", "tenant_claim", json!("org")),
        ("hs256_secret", "hs256_secret", json!("env:PATH")),
        ("jwks_file", "jwks_file", json!("/etc/passwd")),
        ("keys", "keys", private),
    ] {
        let mut settings = settings(&initech);
        settings[key] = value;
        let refused = create(&site.gateway, settings).await;
        assert_eq!(refused.status(), 422, "{key}: {}", refused.text());
        let problem = &refused.json()["problems"][0];
        assert_eq!(problem["field"], field, "{}", refused.text());
        assert!(!refused.text().contains("root:"), "{}", refused.text());
    }
    let nameless = create(&site.gateway, json!({"iss": "x"})).await;
    assert_eq!(nameless.json()["problems"][0]["field"], "name");
    site.refuses(&initech.token().sign(), "issuer_unknown")
        .await;
    let made = create(&site.gateway, settings(&initech)).await;
    assert_eq!(made.status(), 201, "{}", made.text());
}

#[tokio::test]
async fn the_files_issuers_are_read_only_and_names_are_taken_once() {
    let site = TestGateway::start().await;
    let initech = issuer("https://initech.test").await;
    assert_eq!(
        create(&site.gateway, settings(&initech)).await.status(),
        201
    );
    let conflict = async |answer: Message, code: &str| {
        assert_eq!(answer.status(), 409, "{}", answer.text());
        assert_eq!(answer.json()["code"], code);
    };
    for name in ["acme", "initech"] {
        let mut again = settings(&initech);
        again["name"] = json!(name);
        conflict(create(&site.gateway, again).await, "issuer_exists").await;
    }
    let mut acme = settings(&initech);
    acme["name"] = json!("acme");
    let answer = replace(&site.gateway, "acme", acme).await;
    conflict(answer, "issuer_from_file").await;
    let path = "/admin/api/issuers/acme";
    let answer = site.gateway.admin_send("DELETE", path, &[], &Value::Null);
    conflict(answer.await, "issuer_from_file").await;
    let unknown = replace(&site.gateway, "umbrella", json!({})).await;
    assert_eq!(unknown.status(), 404);
    let renamed = replace(&site.gateway, "initech", settings_named(&initech, "x")).await;
    assert_eq!(renamed.json()["problems"][0]["field"], "name");
}

#[tokio::test]
async fn the_switch_of_a_made_issuer_is_kept_over_a_restart() {
    let site = TestGateway::start().await;
    let initech = issuer("https://initech.test").await;
    create(&site.gateway, settings(&initech)).await;
    let token = initech.token().sign();
    site.passes(&token).await;
    let turn = async |gateway: &Gateway, enabled: bool| {
        let path = "/admin/api/issuers/initech/enabled";
        let body = json!({ "enabled": enabled });
        let answer = gateway.admin_send("PUT", path, &[], &body).await;
        assert_eq!(answer.status(), 200, "{}", answer.text());
        assert_eq!(answer.json()["enabled"], enabled);
    };
    turn(&site.gateway, false).await;
    site.refuses(&token, "issuer_disabled").await;
    let TestGateway {
        gateway,
        acme,
        globex,
        upstream,
    } = site;
    let gateway = gateway.restart().await;
    let site = TestGateway {
        gateway,
        acme,
        globex,
        upstream,
    };
    site.refuses(&token, "issuer_disabled").await;
    turn(&site.gateway, true).await;
    site.passes(&token).await;
}

async fn issuer(iss: &str) -> TestIssuer {
    TestIssuer::start(iss, Key::p256("initech-1")).await
}

fn settings(issuer: &TestIssuer) -> Value {
    settings_named(issuer, "initech")
}

fn settings_named(issuer: &TestIssuer, name: &str) -> Value {
    json!({
        "name": name,
        "iss": issuer.iss,
        "jwks_url": issuer.jwks_url(),
        "cookieName": "initech_token",
        "header": "X-Initech-Token",
        // A key that is not known is not waited for.
        "jwks": { "unknown_kid_wait": "1ms" },
    })
}

async fn create(gateway: &Gateway, settings: Value) -> Message {
    gateway
        .admin_send("POST", "/admin/api/issuers", &[], &settings)
        .await
}

async fn replace(gateway: &Gateway, name: &str, settings: Value) -> Message {
    let path = format!("/admin/api/issuers/{name}");
    gateway.admin_send("PUT", &path, &[], &settings).await
}
