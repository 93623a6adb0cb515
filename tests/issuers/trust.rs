//! Keys that rotate, vanish and hang, through the whole gateway.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::interval;

use crate::support::{Gateway, Key, RawUpstream, Reply, TestGateway, TestIssuer, eventually};

/// A new key is published, signs, and the old one goes after an overlap: ten times, while tokens
/// of the key in force come at 200 a second, each a first sight.
#[tokio::test]
async fn rotation_under_load_refuses_no_good_token() {
    let site = TestGateway::with(|config| {
        config["issuers"][0]["jwks"] = json!({
            "refresh_interval": "100ms", "min_refresh_interval": "50ms",
            "unknown_kid_cooldown": "100ms", "unknown_kid_wait": "5s",
        });
    })
    .await;
    let mut ticks = interval(Duration::from_millis(5));
    let mut sent = 0;
    let mut old = Arc::clone(&site.acme.key);
    for rotation in 0..10 {
        let new = Key::p256(&format!("rotated-{rotation}"));
        site.acme.publish(&[old.jwk(), new.jwk()]);
        for _ in 0..20 {
            ticks.tick().await;
            // Tokens of the old key are still about while the new one signs already.
            let key = if sent % 2 == 0 { &new } else { &old };
            let token = site
                .acme
                .token()
                .key(key)
                .sub(&format!("user-{sent}"))
                .sign();
            site.passes(&token).await;
            sent += 1;
        }
        site.acme.publish(&[new.jwk()]);
        old = new;
    }
    let refused = [("issuer", "acme"), ("outcome", "refused")];
    let metrics = site.gateway.metrics().await;
    assert_eq!(metrics.sum("vestibule_decisions_total", &refused), 0.0);
    assert_eq!(sent, 200);
}

#[tokio::test]
async fn one_issuer_that_hangs_delays_none_of_fifty() {
    let upstream = RawUpstream::start().await;
    let mut issuers = Vec::new();
    for number in 0..50 {
        let iss = format!("https://issuer-{number}.test");
        issuers.push(TestIssuer::start(&iss, Key::p256("one")).await);
    }
    issuers[0].hang();
    let settings = issuers.iter().enumerate().map(|(number, issuer)| {
        json!({
            "name": format!("issuer-{number}"), "iss": issuer.iss, "jwks_url": issuer.jwks_url(),
            "jwks": { "timeout": "2s", "unknown_kid_wait": "1ms" },
        })
    });
    let config = json!({
        "public_url": "http://app.test",
        "issuers": settings.collect::<Vec<Value>>(),
        "upstreams": { "app": { "servers": [upstream.address] } },
        "routes": [{ "path": "/", "upstream": "app" }],
    });
    let gateway = Gateway::start(config).await;
    let present = async |issuer: &TestIssuer| {
        let bearer = format!("Bearer {}", issuer.token().sign());
        gateway
            .get("/", &[("Authorization", &bearer)])
            .await
            .status()
    };
    assert_eq!(present(&issuers[0]).await, 503);
    for issuer in issuers.iter().skip(1) {
        assert_eq!(present(issuer).await, 200, "{}", issuer.iss);
    }
    assert_eq!(present(&issuers[0]).await, 503, "it hangs still");
}

#[tokio::test]
async fn sessions_of_a_removed_key_are_cut_where_configured() {
    for (configured, closes) in [(true, true), (false, false)] {
        let (stays, goes) = (Key::p256("stays"), Key::p256("goes"));
        let jwks = [stays.jwk(), goes.jwk()];
        let site = TestGateway::publishing(stays.clone(), &jwks, |config| {
            config["issuers"][0]["revoke_on_key_removal"] = json!(configured);
            config["issuers"][0]["jwks"] = json!({
                "refresh_interval": "100ms", "min_refresh_interval": "100ms",
                "unknown_kid_wait": "1ms",
            });
        })
        .await;
        site.upstream.reply(Reply::Echo);
        let token = site.acme.token().key(&goes).sign();
        let bearer = format!("Bearer {token}");
        let mut tunnel = site.gateway.connect().await;
        let upgrade = [
            ("Authorization", &*bearer),
            ("Connection", "Upgrade"),
            ("Upgrade", "websocket"),
            ("Sec-WebSocket-Version", "13"),
            ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="),
        ];
        tunnel.write(site.gateway.bytes("GET", "/", &upgrade)).await;
        assert_eq!(
            tunnel
                .read_response("GET")
                .await
                .expect("an answer")
                .status(),
            101
        );
        site.upstream.reply(Reply::ok("hello"));
        // Two sessions that nothing holds open.
        let [idle, other] = [("idle", &goes), ("other", &stays)].map(|(sub, key)| {
            let token = site.acme.token().sub(sub).key(key);
            token.sign()
        });
        let mut own = Vec::new();
        for token in [&idle, &other] {
            site.passes(token).await;
            own.push(site.upstream.last().bearer().unwrap());
        }

        site.acme.publish(&[stays.jwk()]);
        if closes {
            assert_eq!(tunnel.read_to_end().await, b"");
        } else {
            let fetches = site.acme.fetches();
            site.acme.fetched_after(fetches + 1).await;
            tunnel.write("ping").await;
            assert_eq!(tunnel.read_exactly(4).await, b"ping");
        }
        let status = async |token: &str| {
            let bearer = format!("Bearer {token}");
            let fields = [("Authorization", bearer.as_str())];
            site.gateway.status("GET", "/", &fields).await
        };
        eventually("the idle session's end is not seen", async || {
            status(&own[0]).await == Some(if closes { 401 } else { 200 })
        })
        .await;
        assert_eq!(status(&own[1]).await, Some(200), "under the key that stays");
    }
}

#[tokio::test]
async fn kept_keys_serve_a_start_without_the_issuer() {
    let site = TestGateway::start().await;
    let before = site.passes(&site.acme.token().sub("ada").sign()).await;
    site.acme.reply(500, "down");
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
    let after = site.passes(&site.acme.token().sub("ada").sign()).await;
    assert_eq!(before.claims["sub"], after.claims["sub"]);
    let ready = site.gateway.admin("/ready").await;
    assert_eq!(ready.status(), 200);
    let degraded = "the keys of issuer acme cannot be fetched; its last valid keys are in use";
    assert_eq!(ready.json()["degraded"], json!([degraded]));
}

/// One fetch in a cooldown, however many unknown kids; each costs no more than a look.
#[tokio::test]
async fn a_flood_of_unknown_kids_costs_the_issuer_one_fetch() {
    let site = TestGateway::with(|config| {
        config["issuers"][0]["jwks"] =
            json!({ "unknown_kid_cooldown": "10m", "unknown_kid_wait": "1ms" });
        // The bound on failed tokens would end the flood before.
        config["limits"] = json!({ "rates": { "failed_per_client": "off" } });
    })
    .await;
    let fetches = site.acme.fetches();
    let mut wire = site.gateway.connect().await;
    for number in 0..2_000 {
        let kid = json!(format!("random-{number}"));
        let token = site.acme.token().header("kid", kid).sign();
        let bearer = format!("Bearer {token}");
        let request = site
            .gateway
            .bytes("GET", "/", &[("Authorization", &*bearer)]);
        wire.write(request).await;
        let answer = wire.read_response("GET").await.expect("an answer");
        assert_eq!(answer.status(), 401);
    }
    assert!(site.acme.fetches() <= fetches + 1);
    site.passes(&site.acme.token().sign()).await;
}
