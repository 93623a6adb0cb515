//! Admin tokens: by name, by role, until their time has come or somebody takes them back.

use serde_json::{Value, json};

use crate::support::{Gateway, Message, TestGateway};

/// A gateway whose file names a viewer, an admin and an admin of long ago, and where their
/// secrets are.
async fn site() -> (TestGateway, tempfile::TempDir) {
    let dir = tempfile::TempDir::new().unwrap();
    let tokens = [
        ("grafana", "viewer", None),
        ("ops", "admin", None),
        ("left", "admin", Some("2020-01-31")),
    ];
    let tokens = tokens.map(|(name, role, expires)| {
        let file = dir.path().join(name);
        std::fs::write(&file, secret(name)).unwrap();
        let mut token =
            json!({"name": name, "role": role, "token": format!("file:{}", file.display())});
        if let Some(expires) = expires {
            token["expires"] = json!(expires);
        }
        token
    });
    let site = TestGateway::with(|config| config["admin"] = json!({"tokens": tokens})).await;
    (site, dir)
}

#[tokio::test]
async fn a_viewer_sees_what_an_admin_changes() {
    let (site, _secrets) = site().await;
    site.passes(&site.acme.token().sign()).await;
    let off = json!({"enabled": false});
    let changes = [
        ("PUT", "/admin/api/issuers/acme/enabled", off.clone()),
        ("POST", "/admin/api/issuers/acme/refresh", Value::Null),
        ("POST", "/admin/api/keys/rotate", json!({})),
        (
            "POST",
            "/admin/api/tokens",
            json!({"name": "mine", "role": "admin"}),
        ),
        (
            "POST",
            "/admin/api/upstreams/app/undrain",
            json!({"server": site.upstream.address}),
        ),
    ];
    for path in [
        "/admin/api/issuers",
        "/admin/api/upstreams",
        "/admin/api/users",
        "/admin/api/tokens",
        "/metrics",
    ] {
        assert_eq!(
            ask(&site.gateway, &secret("grafana"), path).await.status(),
            200,
            "{path}"
        );
    }
    let test = json!({"token": site.acme.token().sign()});
    let path = "/admin/api/token/test";
    // Settings may lead the gateway to any address, so a viewer has no say in them.
    let mut unsaved = test.clone();
    unsaved["issuer"] =
        json!({"name": "acme", "iss": site.acme.iss, "jwks_url": site.acme.jwks_url()});
    for (holder, status) in [("grafana", 403), ("ops", 200)] {
        let answer = send(&site.gateway, &secret(holder), "POST", path, &unsaved).await;
        assert_eq!(answer.status(), status, "{}", answer.text());
    }
    assert_eq!(
        send(&site.gateway, &secret("grafana"), "POST", path, &test)
            .await
            .status(),
        200
    );
    for (method, path, body) in &changes {
        let answer = send(&site.gateway, &secret("grafana"), method, path, body).await;
        assert_eq!(
            (answer.status(), answer.json()["code"].clone()),
            (403, json!("role_insufficient")),
            "{method} {path}"
        );
    }
    for (method, path, body) in &changes {
        let answer = send(&site.gateway, &secret("ops"), method, path, body).await;
        assert!(answer.status() < 300, "{method} {path}: {}", answer.text());
    }
    let audit = ask(&site.gateway, &secret("grafana"), "/admin/api/audit")
        .await
        .json();
    for record in audit["records"].as_array().unwrap() {
        assert_eq!(record["actor"], "ops", "{record}");
    }
}

#[tokio::test]
async fn a_token_of_the_file_expires() {
    let (site, _secrets) = site().await;
    let path = "/admin/api/issuers";
    let answer = ask(&site.gateway, &secret("left"), path).await;
    assert_eq!(
        (answer.status(), answer.json()["code"].clone()),
        (401, json!("token_expired"))
    );
    assert_eq!(ask(&site.gateway, &secret("ops"), path).await.status(), 200);
}

#[tokio::test]
async fn a_token_that_was_made_works_over_a_restart_until_it_is_taken_back() {
    let (site, _secrets) = site().await;
    let TestGateway {
        gateway,
        acme: _acme,
        globex: _globex,
        upstream: _upstream,
    } = site;
    let wanted = json!({"name": "ci.deploy", "role": "viewer", "expires_in_days": 1});
    let made = send(
        &gateway,
        &secret("ops"),
        "POST",
        "/admin/api/tokens",
        &wanted,
    )
    .await;
    assert_eq!(made.status(), 201, "{}", made.text());
    let token = made.json()["token"].as_str().unwrap().to_owned();
    let again = send(
        &gateway,
        &secret("ops"),
        "POST",
        "/admin/api/tokens",
        &wanted,
    )
    .await;
    assert_eq!(again.status(), 409);

    let list = ask(&gateway, &token, "/admin/api/tokens").await;
    assert_eq!(list.status(), 200);
    assert!(
        !list.contains(&token) && !list.contains("digest"),
        "{}",
        list.text()
    );
    let row = list.json()["tokens"][3].clone();
    assert_eq!(row["name"], "ci.deploy");
    assert_eq!(row["created_by"], "ops");
    let at = |member: &str| row[member].as_u64().unwrap();
    assert_eq!(at("expires_at") - at("created_at"), 24 * 3600);

    let gateway = gateway.restart().await;
    assert_eq!(ask(&gateway, &token, "/metrics").await.status(), 200);
    let store = std::fs::read(gateway.dir().join("vestibule.redb")).unwrap();
    let held = store
        .windows(64)
        .any(|part| part == &token.as_bytes()[token.len() - 64..]);
    assert!(!held, "the store has the token");

    let one = "/admin/api/tokens/ci.deploy";
    let gone = send(&gateway, &secret("ops"), "DELETE", one, &Value::Null).await;
    assert_eq!(gone.status(), 204);
    assert_eq!(ask(&gateway, &token, "/metrics").await.status(), 401);
    let gone = send(&gateway, &secret("ops"), "DELETE", one, &Value::Null).await;
    assert_eq!(gone.status(), 404);
    let of_file = "/admin/api/tokens/grafana";
    let kept = send(&gateway, &secret("ops"), "DELETE", of_file, &Value::Null).await;
    assert_eq!(
        (kept.status(), kept.json()["code"].clone()),
        (409, json!("read_only"))
    );
}

#[tokio::test]
async fn what_is_no_token_is_not_made() {
    let (site, _secrets) = site().await;
    for wanted in [
        json!({"name": "Ops", "role": "admin"}),
        json!({"name": "", "role": "admin"}),
        json!({"name": "x", "role": "owner"}),
        json!({"name": "x", "role": "admin", "expires_in_days": 0}),
        json!({"name": "x"}),
    ] {
        let answer = send(
            &site.gateway,
            &secret("ops"),
            "POST",
            "/admin/api/tokens",
            &wanted,
        )
        .await;
        assert_eq!(answer.status(), 422, "{wanted}: {}", answer.text());
    }
    let wanted = json!({"name": "grafana", "role": "admin"});
    let answer = send(
        &site.gateway,
        &secret("ops"),
        "POST",
        "/admin/api/tokens",
        &wanted,
    )
    .await;
    assert_eq!(answer.status(), 409);
}

/// Guessing is slow: of many wrong tokens at once one waits and the rest are sent away; the right
/// one is served meanwhile.
#[tokio::test]
async fn wrong_tokens_wait_and_right_ones_do_not() {
    let (site, _secrets) = site().await;
    let guess = format!("vestibule_ops_{}", "0".repeat(64));
    let guesses = (0..8).map(|_| ask(&site.gateway, &guess, "/admin/api/issuers"));
    let right = secret("ops");
    let (answers, served) = tokio::join!(
        futures::future::join_all(guesses),
        ask(&site.gateway, &right, "/admin/api/issuers"),
    );
    assert_eq!(served.status(), 200);
    let statuses: Vec<u16> = answers.iter().map(Message::status).collect();
    assert!(
        statuses.contains(&401) && statuses.contains(&429),
        "{statuses:?}"
    );
    assert!(
        statuses.iter().all(|status| [401, 429].contains(status)),
        "{statuses:?}"
    );
}

/// The session of a browser is not longer than its token, and lets a viewer look only.
#[tokio::test]
async fn a_browsers_session_ends_with_its_token() {
    let (site, _secrets) = site().await;
    let gateway = &site.gateway;
    let wanted = json!({"name": "ada", "role": "viewer"});
    let made = send(
        gateway,
        &secret("ops"),
        "POST",
        "/admin/api/tokens",
        &wanted,
    )
    .await;
    let token = made.json()["token"].as_str().unwrap().to_owned();
    let own = format!("http://{}", gateway.admin);
    let kind = ("Content-Type", "application/x-www-form-urlencoded");
    let fields = [kind, ("Origin", own.as_str())];
    let body = format!("token={token}");
    let answer = gateway
        .admin_bytes("POST", "/dashboard/login", &fields, &body)
        .await;
    assert_eq!(answer.status(), 303, "{}", answer.text());
    let cookie = answer.field("set-cookie").unwrap();
    let cookie = ("Cookie", cookie.split(';').next().unwrap());

    let page = gateway
        .admin_bytes("GET", "/dashboard/external/issuer/acme", &[cookie], "")
        .await;
    assert_eq!(page.status(), 200);
    assert!(
        !page.contains("/dashboard/external/issuer/acme/enabled"),
        "a viewer is shown the switch"
    );
    let text = page.text();
    let csrf = text.split("name=\"csrf\" value=\"").nth(1).unwrap();
    let body = format!("csrf={}&enabled=false", csrf.split('"').next().unwrap());
    let fields = [kind, ("Origin", own.as_str()), cookie];
    let path = "/dashboard/external/issuer/acme/enabled";
    assert_eq!(
        gateway
            .admin_bytes("POST", path, &fields, &body)
            .await
            .status(),
        403
    );

    let one = "/admin/api/tokens/ada";
    assert_eq!(
        send(gateway, &secret("ops"), "DELETE", one, &Value::Null)
            .await
            .status(),
        204
    );
    let page = gateway
        .admin_bytes("GET", "/dashboard/external", &[cookie], "")
        .await;
    let login = "/dashboard/login?return_to=%2Fdashboard%2Fexternal";
    assert_eq!(page.field("location").as_deref(), Some(login));
}

/// Whoever guesses leaves a count, a line and a record; nobody's token stands in any of them.
#[tokio::test]
async fn a_refused_token_leaves_metric_log_and_audit() {
    let (site, _secrets) = site().await;
    let gateway = &site.gateway;
    let audited = async || {
        let audit = ask(gateway, &secret("ops"), "/admin/api/audit")
            .await
            .json();
        let records = audit["records"].as_array().unwrap().clone();
        let refused = records
            .into_iter()
            .filter(|it| it["action"] == "admin.refused");
        refused.collect::<Vec<_>>()
    };
    assert!(audited().await.is_empty(), "the right token leaves nothing");
    let wrong = "a-guess-of-somebody";
    assert_eq!(ask(gateway, wrong, "/admin/api/users").await.status(), 401);
    let line = gateway.logged(&["token_wrong", "127.0.0.1"]).await;
    assert!(!line.contains(wrong), "{line}");
    let records = audited().await;
    assert_eq!(records.len(), 1);
    assert_eq!(records[0]["detail"]["reason"], "token_wrong");
    assert_eq!(records[0]["detail"]["client"], "127.0.0.1");
    assert!(!records[0].to_string().contains(wrong));
    assert_eq!(
        ask(gateway, &secret("left"), "/metrics").await.status(),
        401
    );
    gateway.logged(&["token_expired"]).await;
    let metrics = ask(gateway, &secret("grafana"), "/metrics").await.text();
    for reason in ["token_wrong", "token_expired"] {
        let series = format!("vestibule_admin_refusals_total{{reason=\"{reason}\"}} 1");
        assert!(metrics.contains(&series), "{reason}");
    }
    // The audit has one record a minute at most.
    assert_eq!(audited().await.len(), 1);
}

fn secret(name: &str) -> String {
    format!("the-token-of-{name}")
}

async fn ask(gateway: &Gateway, token: &str, path: &str) -> Message {
    gateway.admin_with(path, &format!("Bearer {token}")).await
}

async fn send(gateway: &Gateway, token: &str, method: &str, path: &str, body: &Value) -> Message {
    let bearer = format!("Bearer {token}");
    let fields = [("Authorization", bearer.as_str())];
    gateway.admin_send(method, path, &fields, body).await
}
