//! The operators' listener: health and metrics, apart from the public one.

use serde_json::{Value, json};

use crate::support::{Gateway, Key, TestGateway};

#[tokio::test]
async fn live_ready_and_metrics_are_on_the_admin_listener_only() {
    let site = TestGateway::start().await;
    for path in ["/live", "/ready", "/metrics"] {
        let answer = site.gateway.admin(path).await;
        assert_eq!(answer.status(), 200, "{path}: {}", answer.text());
        assert_eq!(
            site.gateway.get(path, &[]).await.status(),
            401,
            "{path} in public"
        );
    }
    assert_eq!(site.gateway.admin("/nothing").await.status(), 404);
    let kind = site
        .gateway
        .admin("/metrics")
        .await
        .field("content-type")
        .unwrap();
    assert!(kind.starts_with("text/plain"), "{kind}");
}

#[tokio::test]
async fn decisions_are_counted_by_reason_with_labels_of_the_configuration_only() {
    let site = TestGateway::start().await;
    let reported = "tell-tale-4711";
    site.passes(&site.acme.token().sub(reported).sign()).await;
    site.refuses(
        &site.acme.token().forged_by(&Key::p256("x")).sign(),
        "signature_invalid",
    )
    .await;
    site.refuses(
        &site.acme.token().claim("iss", reported).sign(),
        "issuer_unknown",
    )
    .await;
    site.gateway.get(&format!("/{reported}"), &[]).await;

    let metrics = site.gateway.metrics().await;
    let count = |labels: &[(&str, &str)]| metrics.sum("vestibule_decisions_total", labels);
    let acme = ("issuer", "acme");
    assert_eq!(
        count(&[acme, ("outcome", "allowed"), ("source", "bearer")]),
        1.0
    );
    assert_eq!(
        count(&[
            acme,
            ("outcome", "refused"),
            ("reason", "signature_invalid")
        ]),
        1.0
    );
    assert_eq!(
        count(&[("issuer", "other"), ("reason", "issuer_unknown")]),
        1.0
    );
    assert_eq!(count(&[("reason", "token_missing")]), 1.0);
    assert!(!metrics.mentions(reported));
    // The forged signature has the key asked for again.
    for (result, times) in [("changed", 1.0), ("unchanged", 1.0)] {
        let fetches = [acme, ("result", result)];
        assert_eq!(metrics.sum("vestibule_jwks_fetches_total", &fetches), times);
    }
}

#[tokio::test]
async fn metrics_need_the_token_where_one_is_set() {
    let dir = tempfile::TempDir::new().unwrap();
    let file = dir.path().join("token");
    std::fs::write(&file, "operators-only\n").unwrap();
    let site = TestGateway::with(|config| {
        config["admin"] = json!({"token": format!("file:{}", file.display())});
    })
    .await;
    for path in ["/live", "/ready"] {
        assert_eq!(site.gateway.admin(path).await.status(), 200, "{path}");
    }
    assert_eq!(site.gateway.admin("/metrics").await.status(), 401);
    for (token, status) in [("operators-only", 200), ("operators-onl", 401), ("", 401)] {
        let answer = site
            .gateway
            .admin_with("/metrics", &format!("Bearer {token}"))
            .await;
        assert_eq!(answer.status(), status, "{token:?}");
    }
}

#[tokio::test]
async fn ready_fails_for_a_required_issuer_without_keys() {
    use crate::support::{ACME, GLOBEX, RawUpstream, TestIssuer};
    let acme = TestIssuer::start(ACME, Key::p256("acme-1")).await;
    let globex = TestIssuer::start(GLOBEX, Key::p256("globex-1")).await;
    let upstream = RawUpstream::start().await;
    acme.reply(500, "");
    let mut config = crate::support::test_gateway::config(&acme, &globex, &upstream);
    config["issuers"][0]["required_for_ready"] = json!(true);
    config["issuers"][0]["jwks"] =
        json!({"refresh_interval": "50ms", "min_refresh_interval": "50ms"});
    let dir = std::sync::Arc::new(tempfile::TempDir::new().unwrap());
    let starting = tokio::spawn(Gateway::start_in(dir, config));
    acme.fetched_after(1).await;
    assert!(
        !starting.is_finished(),
        "ready without the keys of a required issuer"
    );
    acme.publish(&[acme.key.jwk()]);
    let gateway = starting
        .await
        .unwrap()
        .unwrap_or_else(|log| panic!("{log}"));
    assert_eq!(gateway.admin("/ready").await.status(), 200);
}

/// The framework retries a taken port for half a minute and then lives on without it.
#[tokio::test]
async fn a_taken_port_is_an_error_at_once() {
    let site = TestGateway::start().await;
    for taken in ["listeners", "admin"] {
        let dir = std::sync::Arc::new(tempfile::TempDir::new().unwrap());
        let mut config = json!({"listeners": [{}], "admin": {}});
        match taken {
            "admin" => config["admin"]["address"] = json!(site.gateway.admin),
            _ => config["listeners"][0]["address"] = json!(site.gateway.public),
        }
        let refused = Gateway::start_in(dir, config)
            .await
            .err()
            .expect("a taken port");
        let last = refused.lines().last().unwrap();
        let last: Value = serde_json::from_str(last).expect("a line of a JSON log");
        assert_eq!(last["level"], "ERROR", "{last}");
        let address = if taken == "admin" {
            site.gateway.admin
        } else {
            site.gateway.public
        };
        assert!(refused.contains(&address.to_string()), "{refused}");
        assert!(
            refused.contains("another process listens there"),
            "{refused}"
        );
        let key = if taken == "admin" {
            "`admin.address`"
        } else {
            "`listeners[].address`"
        };
        assert!(refused.contains(key), "{refused}");
    }
    site.passes(&site.acme.token().sign()).await;
}
