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
        (
            "jwks_url",
            "jwks_url",
            json!("https://root:root@initech.example/keys"),
        ),
        ("jwks_url", "jwks_url", json!("https://:root@[::1]/{kid}")),
        (
            "end_session_endpoint",
            "end_session_endpoint",
            json!("https://root:root@initech.example/out"),
        ),
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
    for iss in ["ftp://initech.test", "https://root:root@initech.test/"] {
        let settings = json!({"name": "initech", "iss": iss, "discovery": true});
        let refused = create(&site.gateway, settings).await;
        assert_eq!(refused.status(), 422, "{}", refused.text());
        assert_eq!(refused.json()["problems"][0]["field"], "iss", "{iss}");
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

/// Settings that are kept elsewhere and sent again say nothing of a switch that was turned since.
#[tokio::test]
async fn settings_that_do_not_name_the_switch_leave_it() {
    let site = TestGateway::start().await;
    let initech = issuer("https://initech.test").await;
    let unsaid = settings(&initech);
    create(&site.gateway, unsaid.clone()).await;
    let token = initech.token().sign();
    let said = |enabled: bool| {
        let mut settings = unsaid.clone();
        settings["enabled"] = json!(enabled);
        settings
    };
    for (settings, enabled) in [
        (unsaid.clone(), true),
        (said(false), false),
        (unsaid.clone(), false),
        (said(true), true),
        (unsaid.clone(), true),
    ] {
        let replaced = replace(&site.gateway, "initech", settings.clone()).await;
        assert_eq!(replaced.status(), 200, "{}", replaced.text());
        assert_eq!(replaced.json()["enabled"], enabled, "{settings}");
        if enabled {
            site.passes(&token).await;
        } else {
            site.refuses(&token, "issuer_disabled").await;
        }
    }
}

#[tokio::test]
async fn a_change_is_made_to_the_version_that_it_names() {
    let site = TestGateway::start().await;
    let initech = issuer("https://initech.test").await;
    let mut settings = settings(&initech);
    create(&site.gateway, settings.clone()).await;
    let path = "/admin/api/issuers/initech";
    let current = async || site.gateway.admin(path).await.field("etag").unwrap();
    let change = async |method: &str, tag: &str, body: &Value| {
        let fields = [("If-Match", tag)];
        site.gateway.admin_send(method, path, &fields, body).await
    };
    let first = current().await;
    settings["leeway"] = json!("20s");
    let changed = change("PUT", &first, &settings).await;
    assert_eq!(changed.status(), 200, "{}", changed.text());
    let second = changed.field("etag").unwrap();
    assert_ne!(first, second);
    assert_eq!(current().await, second);

    settings["leeway"] = json!("30s");
    for tag in [&first, &format!("W/{second}"), "\"\"", "*, \"x\"", ""] {
        for (method, body) in [("PUT", &settings), ("DELETE", &Value::Null)] {
            let refused = change(method, tag, body).await;
            assert_eq!(refused.status(), 412, "{method} {tag}: {}", refused.text());
            assert_eq!(refused.json()["code"], "precondition_failed");
        }
    }
    assert_eq!(current().await, second);
    // One of several, and any.
    let changed = change("PUT", &format!("{first}, {second}"), &settings).await;
    assert_eq!(changed.status(), 200, "{}", changed.text());
    assert_eq!(change("PUT", "*", &settings).await.status(), 200);
    // The switch is a part of it.
    let before = current().await;
    let off = json!({ "enabled": false });
    let switch = format!("{path}/enabled");
    site.gateway.admin_send("PUT", &switch, &[], &off).await;
    assert_eq!(change("DELETE", &before, &Value::Null).await.status(), 412);
    let now = current().await;
    assert_eq!(change("DELETE", &now, &Value::Null).await.status(), 204);
    assert_eq!(change("DELETE", "*", &Value::Null).await.status(), 404);
    // What cannot be changed here has no version.
    let of_file = site.gateway.admin("/admin/api/issuers/acme").await;
    assert_eq!(of_file.field("etag"), None);
}

#[tokio::test]
async fn the_audit_log_says_what_an_issuer_was_and_what_it_is() {
    let site = TestGateway::start().await;
    let initech = issuer("https://initech.test").await;
    let mut first = settings(&initech);
    first["enabled"] = json!(false);
    create(&site.gateway, first.clone()).await;
    let mut second = settings(&initech);
    second["leeway"] = json!("20s");
    replace(&site.gateway, "initech", second.clone()).await;
    let path = "/admin/api/issuers/initech";
    let gone = site.gateway.admin_send("DELETE", path, &[], &Value::Null);
    assert_eq!(gone.await.status(), 204);
    second["enabled"] = json!(false);
    let audit = site.gateway.admin("/admin/api/audit?action=issuer.").await;
    let audit = audit.json();
    let details = audit["records"].as_array().unwrap().iter();
    let details: Vec<_> = details.map(|record| record["detail"].clone()).collect();
    let mut changed = second.clone();
    changed["before"] = first.clone();
    let expected = [second, changed, first].map(|mut detail| {
        detail["from"] = json!("127.0.0.1");
        detail
    });
    assert_eq!(details, expected);
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
