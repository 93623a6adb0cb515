//! The admin API: issuers and tests of tokens.

use serde_json::{Value, json};

use crate::support::{Gateway, Key, Message, TestGateway};

#[tokio::test]
async fn a_test_of_a_token_says_every_step() {
    let site = TestGateway::start().await;
    let good = site.acme.token().sign();
    let answer = test(&site.gateway, &good).await;
    assert_eq!(answer["valid"], true, "{answer}");
    assert_eq!(answer["issuer"], "acme");
    assert_eq!(step(&answer, "signature")["verdict"], "pass");
    assert_eq!(
        test(&site.gateway, &format!(" {good}\n")).await["valid"],
        true
    );

    let forged = site.acme.token().forged_by(&Key::p256("x")).sign();
    let answer = test(&site.gateway, &forged).await;
    assert_eq!(answer["valid"], false);
    let failed = step(&answer, "signature");
    assert_eq!(failed["verdict"], "fail");
    assert_eq!(failed["code"], "signature_invalid");
    assert!(!failed["hint"].as_str().unwrap().is_empty());
    assert_eq!(step(&answer, "expiry")["verdict"], "pass");
    // A test opens no session.
    assert_eq!(
        site.gateway
            .metrics()
            .await
            .sum("vestibule_sessions_created_total", &[]),
        0.0
    );
}

#[tokio::test]
async fn a_test_fetches_for_a_key_that_is_new() {
    let site = TestGateway::with(|config| {
        config["issuers"][0]["jwks"] = json!({"unknown_kid_cooldown": "1ms"});
    })
    .await;
    let next = Key::p256("acme-2");
    site.acme.publish(&[site.acme.key.jwk(), next.jwk()]);
    let token = site.acme.token().key(&next).sign();
    assert_eq!(test(&site.gateway, &token).await["valid"], true);
}

#[tokio::test]
async fn the_platforms_check_answers_valid_and_errors() {
    let environment = "3f0c1f0a-54f1-4a0e-9d5d-2f5a3d1f7b11";
    let site = TestGateway::with(|config| config["environment_id"] = json!(environment)).await;
    let path = format!("/api/v0/environments/{environment}/externalJwt/check");
    let check =
        async |path: &str, body: Value| site.gateway.admin_send("POST", path, &[], &body).await;
    let good = json!({"encodedJwt": site.acme.token().sign()});
    let answer = check(&path, good.clone()).await;
    assert_eq!(
        (answer.status(), answer.json()),
        (200, json!({"valid": true}))
    );

    let expired = site.acme.token().expires_in(-90).sign();
    let answer = check(&path, json!({"encodedJwt": expired})).await;
    assert_eq!(answer.status(), 200);
    assert_eq!(answer.json()["valid"], false);
    assert_eq!(
        answer.json()["errors"].as_array().unwrap().len(),
        1,
        "{}",
        answer.text()
    );

    let elsewhere = path.replace("3f0c1f0a", "3f0c1f0b");
    let answer = check(&elsewhere, good).await;
    assert_eq!(
        (answer.status(), code(&answer)),
        (404, json!("environment_not_found"))
    );
    let answer = check(&path, json!({"jwt": "x"})).await;
    assert_eq!(
        (answer.status(), code(&answer)),
        (422, json!("unprocessable"))
    );
}

#[tokio::test]
async fn issuers_are_listed_with_their_keys() {
    let site = TestGateway::start().await;
    let answer = site.gateway.admin("/admin/api/issuers").await;
    assert_eq!(answer.status(), 200);
    assert_eq!(answer.field("cache-control").as_deref(), Some("no-store"));
    let acme = &answer.json()["issuers"][0];
    assert_eq!(acme["name"], "acme");
    assert_eq!(acme["iss"], json!(site.acme.iss));
    assert_eq!(acme["enabled"], true);
    assert_eq!(acme["cookie_name"], "acme_token");
    assert_eq!(acme["keys"]["keys"][0]["kid"], "acme-1");
    assert_eq!(acme["keys"]["last_error"], Value::Null);
    let one = site.gateway.admin("/admin/api/issuers/globex").await;
    assert_eq!(one.json()["name"], "globex");
    assert_eq!(
        site.gateway
            .admin("/admin/api/issuers/initech")
            .await
            .status(),
        404
    );
}

#[tokio::test]
async fn a_fetch_on_request_brings_keys_and_tells_of_errors() {
    let site = TestGateway::start().await;
    let path = "/admin/api/issuers/acme/refresh";
    let refresh = async || {
        site.gateway
            .admin_send("POST", path, &[], &Value::Null)
            .await
    };
    let next = Key::p256("acme-2");
    site.acme.publish(&[next.jwk()]);
    let answer = refresh().await;
    assert_eq!(answer.status(), 200, "{}", answer.text());
    assert_eq!(answer.json()["refreshed"], true);
    assert_eq!(answer.json()["keys"]["keys"][0]["kid"], "acme-2");

    site.acme.reply(500, "");
    let answer = refresh().await;
    assert_eq!(answer.status(), 200);
    assert_eq!(answer.json()["refreshed"], false);
    assert_eq!(answer.json()["keys"]["degraded"], true);
    assert!(
        answer.json()["keys"]["last_error"]
            .as_str()
            .unwrap()
            .contains("500")
    );
}

#[tokio::test]
async fn an_issuer_turned_off_is_refused_on_the_next_request_cached_or_not() {
    let site = TestGateway::start().await;
    let (cached, fresh) = (
        site.acme.token().sub("a").sign(),
        site.acme.token().sub("b").sign(),
    );
    let other = site.globex.token().sign();
    site.passes(&cached).await;
    site.passes(&other).await;

    assert_eq!(turn(&site.gateway, "acme", false).await["enabled"], false);
    site.refuses(&cached, "issuer_disabled").await;
    site.refuses(&fresh, "issuer_disabled").await;
    site.passes(&other).await;

    assert_eq!(turn(&site.gateway, "acme", true).await["enabled"], true);
    site.passes(&cached).await;
    site.passes(&fresh).await;
}

#[tokio::test]
async fn a_switch_outlives_a_restart_and_is_in_the_audit() {
    let mut site = TestGateway::start().await;
    let token = site.acme.token().sign();
    site.passes(&token).await;
    let own = site.upstream.last().bearer().unwrap();
    site.passes(&own).await;
    turn(&site.gateway, "acme", false).await;
    site.gateway = site.gateway.restart().await;
    site.refuses(&token, "issuer_disabled").await;
    assert_eq!(site.present(&own).await.status(), 401);
    turn(&site.gateway, "acme", true).await;
    site.gateway = site.gateway.restart().await;
    site.passes(&token).await;
    assert_eq!(site.present(&own).await.status(), 401, "over for good");

    let audit = site.gateway.admin("/admin/api/audit").await.json();
    let actions: Vec<_> = audit["records"]
        .as_array()
        .unwrap()
        .iter()
        .map(|record| (&record["action"], &record["actor"], &record["target"]))
        .collect();
    let (actor, target) = (&json!("loopback"), &json!("acme"));
    assert_eq!(
        actions,
        [
            (&json!("issuer.enable"), actor, target),
            (&json!("issuer.disable"), actor, target)
        ]
    );
}

#[tokio::test]
async fn pages_of_other_origins_change_nothing() {
    let site = TestGateway::start().await;
    let path = "/admin/api/issuers/acme/enabled";
    let body = json!({"enabled": false}).to_string();
    let json_type = ("Content-Type", "application/json");
    let own = format!("http://{}", site.gateway.admin);
    let cases = [
        (vec![json_type, ("Host", "rebound.example")], 421),
        (vec![json_type, ("Origin", "https://evil.example")], 403),
        (vec![json_type, ("Origin", "null")], 403),
        (vec![json_type, ("Sec-Fetch-Site", "cross-site")], 403),
        (vec![("Content-Type", "text/plain")], 415),
        (
            vec![("Content-Type", "application/x-www-form-urlencoded")],
            415,
        ),
        (vec![], 415),
    ];
    for (fields, status) in cases {
        let answer = site.gateway.admin_bytes("PUT", path, &fields, &body).await;
        assert_eq!(answer.status(), status, "{fields:?}");
        assert_eq!(enabled(&site.gateway).await, json!(true), "{fields:?}");
    }
    let rebound = [("Host", "rebound.example")];
    let answer = site
        .gateway
        .admin_bytes("GET", "/admin/api/issuers", &rebound, "")
        .await;
    assert_eq!(answer.status(), 421);

    let same = [
        json_type,
        ("Origin", own.as_str()),
        ("Sec-Fetch-Site", "same-origin"),
    ];
    let answer = site.gateway.admin_bytes("PUT", path, &same, &body).await;
    assert_eq!(answer.status(), 200, "{}", answer.text());
    assert_eq!(enabled(&site.gateway).await, json!(false));
}

#[tokio::test]
async fn a_body_that_is_not_read_is_refused_by_what_is_wrong_with_it() {
    let dir = tempfile::TempDir::new().unwrap();
    let file = dir.path().join("token");
    std::fs::write(&file, "operators-only\n").unwrap();
    let site = TestGateway::with(|config| {
        config["admin"] = json!({"token": format!("file:{}", file.display())});
    })
    .await;
    let bearer = ("Authorization", "Bearer operators-only");
    let json_type = ("Content-Type", "application/json");
    let large = json!({"enabled": false, "more": "x".repeat(64 << 10)}).to_string();
    for (fields, body, status, code) in [
        (vec![bearer, json_type], &*large, 413, "too_large"),
        (vec![bearer, json_type], "{enabled", 400, "bad_request"),
        (vec![bearer, json_type], "", 400, "bad_request"),
        (vec![bearer, json_type], "[]", 422, "unprocessable"),
        (vec![bearer, json_type], "{}", 422, "unprocessable"),
        (
            vec![bearer, ("Content-Type", "text/plain")],
            "{\"enabled\": false}",
            415,
            "unsupported_media_type",
        ),
        (
            vec![bearer],
            "{\"enabled\": false}",
            415,
            "unsupported_media_type",
        ),
    ] {
        let path = "/admin/api/issuers/acme/enabled";
        let answer = site.gateway.admin_bytes("PUT", path, &fields, body).await;
        assert_eq!(answer.status(), status, "{}", answer.text());
        assert_eq!(answer.json()["code"], code, "{}", answer.text());
    }
    site.passes(&site.acme.token().sign()).await;
}

#[tokio::test]
async fn the_api_needs_the_token_where_one_is_set() {
    let dir = tempfile::TempDir::new().unwrap();
    let file = dir.path().join("token");
    std::fs::write(&file, "operators-only\n").unwrap();
    let site = TestGateway::with(|config| {
        config["admin"] = json!({"token": format!("file:{}", file.display())});
    })
    .await;
    let path = "/admin/api/issuers";
    for (authorization, status) in [
        ("Bearer operators-only", 200),
        ("Bearer operators-onlx", 401),
        ("Bearer ", 401),
        ("Basic operators-only", 401),
    ] {
        let answer = site.gateway.admin_with(path, authorization).await;
        assert_eq!(answer.status(), status, "{authorization}");
    }
    let answer = site.gateway.admin(path).await;
    assert_eq!(answer.status(), 401);
    assert_eq!(answer.field("www-authenticate").as_deref(), Some("Bearer"));
    // With a token any name will do: another site's page does not have it.
    let named = [
        ("Host", "gateway.internal:9901"),
        ("Authorization", "Bearer operators-only"),
    ];
    assert_eq!(
        site.gateway
            .admin_bytes("GET", path, &named, "")
            .await
            .status(),
        200
    );
}

#[tokio::test]
async fn the_admin_api_is_not_on_the_public_listener() {
    let site = TestGateway::start().await;
    let token = format!("Bearer {}", site.acme.token().sign());
    for path in ["/admin/api/issuers", "/_vestibule/admin/api/issuers"] {
        let answer = site.gateway.get(path, &[("Authorization", &token)]).await;
        assert!(!answer.contains("jwks"), "{path}: {}", answer.text());
    }
    assert_eq!(site.gateway.admin("/admin/api/nothing").await.status(), 404);
    let answer = site.gateway.admin("/admin/api/token/test").await;
    assert_eq!(
        (answer.status(), code(&answer)),
        (405, json!("method_not_allowed"))
    );
}

async fn test(gateway: &Gateway, token: &str) -> Value {
    let body = json!({"token": token});
    let answer = gateway
        .admin_send("POST", "/admin/api/token/test", &[], &body)
        .await;
    assert_eq!(answer.status(), 200, "{}", answer.text());
    answer.json()
}

fn step(explanation: &Value, name: &str) -> Value {
    let steps = explanation["steps"].as_array().unwrap();
    let found = steps.iter().find(|step| step["name"] == name);
    found
        .unwrap_or_else(|| panic!("no step {name}: {explanation}"))
        .clone()
}

async fn turn(gateway: &Gateway, issuer: &str, enabled: bool) -> Value {
    let path = format!("/admin/api/issuers/{issuer}/enabled");
    let answer = gateway
        .admin_send("PUT", &path, &[], &json!({"enabled": enabled}))
        .await;
    assert_eq!(answer.status(), 200, "{}", answer.text());
    answer.json()
}

async fn enabled(gateway: &Gateway) -> Value {
    gateway.admin("/admin/api/issuers/acme").await.json()["enabled"].clone()
}

fn code(answer: &Message) -> Value {
    answer.json()["code"].clone()
}
