//! What load balancers and operators learn about the gateway's state.

use std::time::{Duration, UNIX_EPOCH};

use serde_json::{Value, json};

use crate::support::authority::{Authority, params};
use crate::support::{TestGateway, eventually};

#[tokio::test]
async fn an_upstream_that_resolves_to_nothing_is_degraded() {
    let site = TestGateway::with(|config| {
        config["upstreams"]["gone"] = json!({"servers": ["gone.invalid:80"]});
    })
    .await;
    let ready = site.gateway.admin("/ready").await;
    assert_eq!(ready.status(), 200);
    assert_eq!(ready.json()["status"], "degraded");
    let reported = "upstream gone resolves to no address";
    assert_eq!(ready.json()["degraded"], json!([reported]));
}

/// Operators hear of it before their users do, and still afterwards.
#[tokio::test]
async fn a_certificate_that_has_expired_is_degraded() {
    let authority = Authority::new();
    let certificates = [
        authority.server("old", &["old.test"], 2020),
        authority.server("new", &["new.test"], 2100),
    ];
    let site = TestGateway::with(|config| {
        config["listeners"] = json!([{}, {
            "name": "tls",
            "address": "127.0.0.1:0",
            "tls": {"certificates": certificates},
        }]);
    })
    .await;
    let ready = site.gateway.admin("/ready").await.json();
    assert_eq!(ready["status"], "degraded");
    let reported = ready["degraded"].as_array().unwrap();
    assert_eq!(reported.len(), 1, "the other one is good: {reported:?}");
    let text = reported[0].as_str().unwrap();
    assert!(
        text.contains("old") && text.contains("of listener tls expired at 20"),
        "{text}"
    );
    let glance = site.gateway.admin("/admin/api/overview").await.json();
    assert_eq!(glance["complaints"][0]["text"], text);
    assert_eq!(glance["complaints"][0]["severity"], "bad");
}

/// A certificate that lives for a day is never a week before its end.
#[tokio::test]
async fn a_short_life_is_degraded_near_its_end_alone() {
    let authority = Authority::new();
    let epoch = rcgen::date_time_ymd(1970, 1, 1);
    let now = UNIX_EPOCH.elapsed().unwrap().as_secs();
    let certificate = |name: &str, since: u64| {
        let mut params = params(&["app.test"]);
        params.not_before = epoch + Duration::from_secs(now - since * 3600);
        params.not_after = epoch + Duration::from_secs(now + (24 - since) * 3600);
        let (cert, key) = authority.sign(params).files(authority.folder(), name);
        json!({"name": name, "cert": cert, "key": key})
    };
    let certificates = [certificate("fresh", 2), certificate("spent", 20)];
    let site = TestGateway::with(|config| {
        config["listeners"] = json!([{}, {
            "name": "tls",
            "address": "127.0.0.1:0",
            "tls": {"certificates": certificates},
        }]);
    })
    .await;
    let ready = site.gateway.admin("/ready").await.json();
    let reported = ready["degraded"].as_array().unwrap();
    assert_eq!(reported.len(), 1, "{reported:?}");
    let text = reported[0].as_str().unwrap();
    assert!(
        text.starts_with("the certificate spent of listener tls expires at 20"),
        "{text}"
    );
    let glance = site.gateway.admin("/admin/api/overview").await.json();
    assert_eq!(glance["complaints"][0]["text"], text);
    assert_eq!(glance["complaints"][0]["severity"], "warning");
}

/// An answer that is no key set is an answer, too.
#[tokio::test]
async fn an_issuer_whose_keys_cannot_be_fetched_is_degraded() {
    let site = TestGateway::start().await;
    let degraded = async || site.gateway.admin("/ready").await.json()["degraded"].take();
    let refresh = async || {
        let path = "/admin/api/issuers/acme/refresh";
        let answer = site.gateway.admin_send("POST", path, &[], &Value::Null);
        assert_eq!(answer.await.status(), 200);
    };
    assert_eq!(degraded().await, json!([]));
    let reported =
        json!(["the keys of issuer acme cannot be fetched; its last valid keys are in use"]);
    for (status, body) in [(200, "{}"), (500, "")] {
        site.acme.reply(status, body);
        refresh().await;
        assert_eq!(degraded().await, reported);
    }
    site.acme.publish(&[site.acme.key.jwk()]);
    refresh().await;
    assert_eq!(degraded().await, json!([]));
}

/// Connections are counted when they are taken, which is some time after they are made.
#[tokio::test]
async fn a_listener_near_its_cap_is_degraded() {
    let site = TestGateway::with(|config| {
        config["limits"] = json!({"connections": 10});
    })
    .await;
    let degraded = async || site.gateway.admin("/ready").await.json()["degraded"].take();
    assert_eq!(degraded().await, json!([]));
    let mut held = Vec::new();
    for _ in 0..9 {
        held.push(site.gateway.connect().await);
    }
    let reported = json!(["nearly as many connections as the listeners may have"]);
    eventually("nothing is reported", async || degraded().await == reported).await;
    drop(held);
    eventually("it is still reported", async || {
        degraded().await == json!([])
    })
    .await;
}

#[tokio::test]
async fn a_health_path_says_when_to_send_nothing_here() {
    let mut site = TestGateway::with(|config| {
        config["server"] = json!({"health_path": "/healthz", "shutdown_delay": "10m"});
    })
    .await;
    let health = site.gateway.get("/healthz", &[]).await;
    assert_eq!(health.status(), 200);
    assert_eq!(health.field("cache-control").as_deref(), Some("no-store"));
    // By another method, or next to it, there is the route of `/`, which asks for a session.
    for (method, path) in [
        ("POST", "/healthz"),
        ("GET", "/healthz/x"),
        ("GET", "/healthy"),
    ] {
        let answer = site.gateway.request(method, path, &[]).await;
        assert_eq!(answer.status(), 401, "{method} {path}");
    }
    assert_eq!(site.upstream.count(), 0);
    site.gateway.sigterm();
    eventually("the health path still says yes", async || {
        site.gateway.get("/healthz", &[]).await.status() == 503
    })
    .await;
    site.gateway.signal("INT");
    assert!(site.gateway.ended().await.success());
}

/// Whose clock is wrong, most of the clocks decide; a slow answer is no difference.
#[tokio::test]
async fn a_clock_that_is_far_from_the_others_is_degraded() {
    let site = TestGateway::start().await;
    let told = async |acme: i64, globex: i64| {
        for (issuer, name, offset) in [(&site.acme, "acme", acme), (&site.globex, "globex", globex)]
        {
            issuer.tell_time(offset);
            let path = format!("/admin/api/issuers/{name}/refresh");
            let fetched = site
                .gateway
                .admin_send("POST", &path, &[], &json!({}))
                .await;
            assert_eq!(fetched.status(), 200, "{}", fetched.text());
        }
        site.gateway.admin("/ready").await.json()["degraded"].take()
    };
    assert_eq!(told(0, 2).await, json!([]));

    let reported = told(3600, 3600).await;
    let text = reported[0].as_str().unwrap_or_default();
    assert!(
        text.starts_with("this machine's clock is at least 35"),
        "{reported}"
    );
    assert!(
        text.contains(" s behind, by that of the issuer acme and the issuer globex"),
        "{text}"
    );
    let glance = site.gateway.admin("/admin/api/overview").await.json();
    assert_eq!(glance["complaints"][0]["severity"], "bad", "{glance}");
    assert_eq!(glance["complaints"][0]["text"], text);
    let metrics = site.gateway.metrics().await;
    let ahead = metrics.sum(
        "vestibule_clock_ahead_seconds",
        &[("source", "issuer:acme")],
    );
    assert!((-3601.0..-3500.0).contains(&ahead), "{ahead}");

    // One alone is wrong itself.
    let reported = told(-3600, 0).await;
    let text = reported[0].as_str().unwrap_or_default();
    assert!(text.contains("most others contradict"), "{reported}");
    assert_eq!(told(0, 0).await, json!([]));
}
