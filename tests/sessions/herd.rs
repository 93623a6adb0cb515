//! Many at once: one flight for one token.

use std::collections::BTreeSet;

use crate::support::{Key, TestGateway, Wire};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_herd_makes_one_user_one_session_and_one_verification() {
    let site = TestGateway::start().await;
    let bearer = format!("Bearer {}", site.acme.token().sign());
    let statuses = herd(&site, &vec![bearer; HERD]).await;
    assert_eq!(statuses, vec![200; HERD]);

    let sessions: BTreeSet<_> = site
        .upstream
        .take()
        .iter()
        .map(|seen| seen.bearer())
        .collect();
    assert_eq!(sessions.len(), 1, "one session token");
    let metrics = site.gateway.metrics().await;
    assert_eq!(metrics.sum("vestibule_users_created_total", &[]), 1.0);
    assert_eq!(metrics.sum("vestibule_sessions_created_total", &[]), 1.0);
    assert_eq!(
        metrics.sum("vestibule_verify_duration_seconds_count", &[]),
        1.0
    );
    let decided = [
        ("issuer", "acme"),
        ("source", "bearer"),
        ("outcome", "allowed"),
    ];
    assert_eq!(
        metrics.sum("vestibule_decisions_total", &decided),
        HERD as f64
    );
}

/// Different tokens of one user: one flight each, but still one user.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_herd_of_tokens_of_one_user_makes_one_user() {
    let site = TestGateway::start().await;
    let bearer = |n: usize| format!("Bearer {}", site.acme.token().claim("jti", n).sign());
    let bearers: Vec<_> = (0..100).map(bearer).collect();
    assert_eq!(herd(&site, &bearers).await, vec![200; 100]);
    let users: BTreeSet<_> = site
        .upstream
        .take()
        .iter()
        .map(|seen| crate::support::decode(&seen.bearer().unwrap()).claims["sub"].to_string())
        .collect();
    assert_eq!(users.len(), 1);
    let metrics = site.gateway.metrics().await;
    assert_eq!(metrics.sum("vestibule_users_created_total", &[]), 1.0);
    assert_eq!(metrics.sum("vestibule_sessions_created_total", &[]), 100.0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refused_herd_is_verified_once() {
    let site = TestGateway::with(|config| {
        config["limits"] = serde_json::json!({"rates": {"failed_per_client": "off"}});
    })
    .await;
    let forged = format!(
        "Bearer {}",
        site.acme.token().forged_by(&Key::p256("x")).sign()
    );
    assert_eq!(herd(&site, &vec![forged; HERD]).await, vec![401; HERD]);
    assert_eq!(site.upstream.count(), 0);
    let metrics = site.gateway.metrics().await;
    assert_eq!(metrics.sum("vestibule_users_created_total", &[]), 0.0);
    assert_eq!(
        metrics.sum("vestibule_verify_duration_seconds_count", &[]),
        1.0
    );
    let refused = [("issuer", "acme"), ("reason", "signature_invalid")];
    assert_eq!(
        metrics.sum("vestibule_decisions_total", &refused),
        HERD as f64
    );
}

/// Sends one request for each bearer, all at once on connections that are open before the first
/// byte goes out.
async fn herd(site: &TestGateway, bearers: &[String]) -> Vec<u16> {
    let mut wires: Vec<Wire> = Vec::new();
    for _ in bearers {
        wires.push(site.gateway.connect().await);
    }
    let requests = wires.into_iter().zip(bearers).map(|(mut wire, bearer)| {
        let request = site.gateway.bytes("GET", "/", &[("Authorization", bearer)]);
        tokio::spawn(async move {
            wire.write(request).await;
            wire.read_response("GET").await.expect("an answer").status()
        })
    });
    let requests: Vec<_> = requests.collect();
    let mut statuses = Vec::new();
    for request in requests {
        statuses.push(request.await.unwrap());
    }
    statuses
}

const HERD: usize = 500;
