//! The configuration changes while the gateway runs.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::sleep;

use crate::support::authority::Authority;
use crate::support::front::Front;
use crate::support::port::free_port;
use crate::support::{
    Gateway, Key, Message, RawUpstream, Reply, TestGateway, TestIssuer, eventually,
};

mod conflicts;
mod upstreams;

#[tokio::test]
async fn an_unchanged_issuer_keeps_its_keys_and_sessions_and_a_removed_one_goes_at_once() {
    let site = by_hand().await;
    let (acme, globex) = (site.acme.token().sign(), site.globex.token().sign());
    let before = site.passes(&acme).await;
    site.passes(&globex).await;
    let (fetches, misses) = (site.acme.fetches(), misses(&site.gateway).await);

    change(&site.gateway, |config| {
        config["issuers"].as_array_mut().unwrap().remove(1);
        config["routes"].as_array_mut().unwrap().push(json!({
            "path": "/later", "auth": "none", "upstream": "app",
        }));
    });
    let later = site.gateway.get("/later", &[]).await;
    assert_eq!(later.status(), 401, "the file alone changes nothing");
    let answer = reload(&site.gateway).await;
    assert_eq!(answer.status(), 200, "{}", answer.text());
    assert_eq!(answer.json()["changed"], json!(["issuers", "routes"]));
    assert_eq!(site.gateway.get("/later", &[]).await.status(), 200);
    site.refuses(&globex, "issuer_unknown").await;
    let after = site.passes(&acme).await;
    assert_eq!(
        before.claims, after.claims,
        "the very token that was cached"
    );
    assert_eq!(site.acme.fetches(), fetches);
    let metrics = site.gateway.metrics().await;
    assert_eq!(
        metrics.sum("vestibule_jwks_keys", &[("issuer", "globex")]),
        0.0
    );
    assert_eq!(
        metrics.sum("vestibule_jwks_keys", &[("issuer", "acme")]),
        1.0
    );
    let refused = 1.0;
    assert_eq!(misses + refused, self::misses(&site.gateway).await);
}

#[tokio::test]
async fn a_changed_issuer_judges_anew() {
    let site = by_hand().await;
    let (app, other) = (
        site.acme.token().claim("aud", "app").sign(),
        site.acme.token().claim("aud", "other").sign(),
    );
    site.passes(&app).await;
    site.passes(&other).await;
    let fetches = site.acme.fetches();
    change(&site.gateway, |config| {
        config["issuers"][0]["aud"] = json!("app")
    });
    assert_eq!(reload(&site.gateway).await.status(), 200);
    site.passes(&app).await;
    site.refuses(&other, "aud_mismatch").await;
    assert_eq!(site.acme.fetches(), fetches);
}

/// What depends on a setting is made again with it: the fetcher knows whose document it expects.
#[tokio::test]
async fn a_corrected_iss_finds_its_keys_by_discovery_without_a_restart() {
    let key = Key::p256("found");
    let discovered = TestIssuer::discoverable(key).await;
    let iss = discovered.iss.clone();
    let site = by_hand().await;
    change(&site.gateway, |config| {
        let found = json!({"name": "found", "iss": format!("{iss}/"), "discovery": true});
        config["issuers"].as_array_mut().unwrap().push(found);
    });
    assert_eq!(reload(&site.gateway).await.status(), 200);
    site.refuses(&discovered.token().sign(), "issuer_unknown")
        .await;
    change(&site.gateway, |config| {
        config["issuers"][2]["iss"] = json!(iss)
    });
    assert_eq!(reload(&site.gateway).await.status(), 200);
    site.passes(&discovered.token().sign()).await;
}

/// A session holds no more of its user than somebody gets.
#[tokio::test]
async fn what_upstreams_are_told_of_a_session_begins_and_ends_with_a_reload() {
    let site = by_hand().await;
    let token = site.acme.token();
    let token = token
        .claim("email", "ada@acme.test")
        .claim("email_verified", true)
        .sign();
    let reported = async || {
        site.passes(&token).await;
        site.upstream.last().field("x-email")
    };
    assert_eq!(reported().await, None);
    change(&site.gateway, |config| {
        config["forward"] = json!({"identity": {"X-Email": "{user.email}"}});
    });
    assert_eq!(reload(&site.gateway).await.status(), 200);
    assert_eq!(reported().await.as_deref(), Some("ada@acme.test"));
    change(&site.gateway, |config| config["forward"] = json!({}));
    assert_eq!(reload(&site.gateway).await.status(), 200);
    assert_eq!(reported().await, None);
}

#[tokio::test]
async fn the_last_good_configuration_goes_on_when_the_file_is_broken() {
    let site = by_hand().await;
    let token = site.acme.token().sign();
    site.passes(&token).await;
    let good = std::fs::read_to_string(file(&site.gateway)).unwrap();
    for (broken, reported) in [
        (good.replace("\"routes\"", "\"ruotes\""), "ruotes"),
        ("{".to_owned(), "not YAML"),
        (
            good.replace("\"upstream\": \"app\"", "\"upstream\": \"ap\""),
            "ap",
        ),
    ] {
        std::fs::write(file(&site.gateway), broken).unwrap();
        let answer = reload(&site.gateway).await;
        assert_eq!(answer.status(), 422, "{}", answer.text());
        assert_eq!(answer.json()["succeeded"], false);
        let problems = answer.json()["problems"].clone();
        assert!(problems[0]["line"].as_u64().unwrap() > 0, "{problems}");
        assert!(problems.to_string().contains(reported), "{problems}");
        site.passes(&token).await;
        assert_eq!(gauge(&site.gateway, SUCCESS).await, 0.0);
        let status = site.gateway.admin("/admin/api/config").await.json();
        assert_eq!(status["last_reload"]["succeeded"], false);
    }
    std::fs::remove_file(file(&site.gateway)).unwrap();
    let answer = reload(&site.gateway).await;
    assert_eq!(answer.status(), 422, "{}", answer.text());
    site.passes(&token).await;

    std::fs::write(file(&site.gateway), good).unwrap();
    assert_eq!(reload(&site.gateway).await.status(), 200);
    assert_eq!(gauge(&site.gateway, SUCCESS).await, 1.0);
    site.passes(&token).await;
}

#[tokio::test]
async fn what_needs_a_restart_is_named_and_the_rest_takes_effect() {
    let site = by_hand().await;
    let started_with = std::fs::read(file(&site.gateway)).unwrap();
    assert_eq!(gauge(&site.gateway, NEEDS_RESTART).await, 0.0);
    change(&site.gateway, |config| {
        config["listeners"]
            .as_array_mut()
            .unwrap()
            .push(json!({"address": free_port()}));
        config["limits"] = json!({"connections": 7, "uri_size": "32B"});
        config["session"] = json!({"token_ttl": "1h"});
    });
    let answer = reload(&site.gateway).await;
    assert_eq!(answer.status(), 200, "{}", answer.text());
    let fixed = json!(["listeners", "session.token_ttl", "limits.connections"]);
    assert_eq!(answer.json()["needs_restart"], fixed);
    assert_eq!(answer.json()["changed"], json!(["limits"]));
    site.gateway
        .logged(&["need a restart", "limits.connections"])
        .await;
    let status = site.gateway.admin("/admin/api/config").await.json();
    assert_eq!(status["needs_restart"], fixed);
    let long = format!("/open/{}", "a".repeat(32));
    assert_eq!(site.gateway.get(&long, &[]).await.status(), 414);
    assert_eq!(site.gateway.get("/open", &[]).await.status(), 200);
    // The reload has succeeded, so that this alone says that the file is not in force as a whole.
    let gauges = async || {
        let metrics = site.gateway.metrics().await;
        [SUCCESS, NEEDS_RESTART].map(|name| metrics.sum(name, &[]))
    };
    assert_eq!(gauges().await, [1.0, 1.0]);
    std::fs::write(file(&site.gateway), started_with).unwrap();
    assert_eq!(reload(&site.gateway).await.status(), 200);
    assert_eq!(gauges().await, [1.0, 0.0]);
}

#[tokio::test]
async fn hangup_and_a_file_however_it_is_replaced_reload() {
    let site = by_hand().await;
    change(&site.gateway, |config| {
        config["routes"][2]["path"] = json!("/signal")
    });
    site.gateway.signal("HUP");
    serves(&site.gateway, "/signal").await;

    let site = TestGateway::with(|config| {
        config["server"]["reload_quiet_time"] = json!("0s");
    })
    .await;
    let path = file(&site.gateway);
    // In place.
    change(&site.gateway, |config| {
        config["routes"][2]["path"] = json!("/in-place")
    });
    serves(&site.gateway, "/in-place").await;
    // By a rename over it, as editors do.
    let written = path.with_extension("new");
    let text = changed(&site.gateway, |config| {
        config["routes"][2]["path"] = json!("/renamed")
    });
    std::fs::write(&written, text).unwrap();
    std::fs::rename(&written, &path).unwrap();
    serves(&site.gateway, "/renamed").await;
    // By a link to a folder that is exchanged, as a Kubernetes volume does.
    let dir = site.gateway.dir();
    let volume = |name: &str, route: &str| {
        let text = changed(&site.gateway, |config| {
            config["routes"][2]["path"] = json!(route)
        });
        std::fs::create_dir(dir.join(name)).unwrap();
        std::fs::write(dir.join(name).join("config.yaml"), text).unwrap();
        std::os::unix::fs::symlink(name, dir.join("..next")).unwrap();
        std::fs::rename(dir.join("..next"), dir.join("..data")).unwrap();
    };
    volume("..one", "/one");
    let link = dir.join("link");
    std::os::unix::fs::symlink("..data/config.yaml", &link).unwrap();
    std::fs::rename(&link, &path).unwrap();
    serves(&site.gateway, "/one").await;
    volume("..two", "/two");
    serves(&site.gateway, "/two").await;
    let failures = site.gateway.metrics().await;
    let failed = [("result", "failure")];
    assert_eq!(failures.sum("vestibule_config_reloads_total", &failed), 0.0);
    // A file that is gone for good is news, too: a restart would fail.
    let text = changed(&site.gateway, |config| {
        config["routes"][2]["path"] = json!("/three")
    });
    std::fs::remove_file(&path).unwrap();
    let count = "vestibule_config_reloads_total";
    site.gateway.metric_becomes(count, &failed, 1.0).await;
    serves(&site.gateway, "/two").await;
    std::fs::write(&path, text).unwrap();
    serves(&site.gateway, "/three").await;
}

/// Routes, an issuer's settings, where another's keys come from and an upstream's servers change
/// at each turn, while tokens of both come without a pause.
#[tokio::test]
async fn fifty_reloads_under_load_lose_no_request() {
    let site = by_hand().await;
    let moved = TestIssuer::start(&site.acme.iss, Arc::clone(&site.acme.key)).await;
    let other = RawUpstream::start().await;
    let over = Arc::new(AtomicBool::new(false));
    let tokens = [site.acme.token().sign(), site.globex.token().sign()];
    let clients = (0..4).map(|client| {
        let (over, token) = (Arc::clone(&over), tokens[client % 2].clone());
        let request =
            site.gateway
                .bytes("GET", "/", &[("Authorization", &format!("Bearer {token}"))]);
        let address = site.gateway.public;
        tokio::spawn(async move {
            let stream = tokio::net::TcpStream::connect(address).await.unwrap();
            let mut wire = crate::support::Wire::new(stream);
            let mut sent = 0_usize;
            while !over.load(Ordering::Relaxed) && sent < MOST_REQUESTS {
                wire.write(&request).await;
                let answer = wire.read_response("GET").await.expect("an answer");
                assert_eq!(answer.status(), 200, "{}", answer.text());
                sent += 1;
                sleep(Duration::from_millis(2)).await;
            }
            sent
        })
    });
    let clients: Vec<_> = clients.collect();
    for turn in 0..50 {
        let is_odd = turn % 2 == 1;
        change(&site.gateway, |config| {
            config["routes"][2]["path"] = json!(format!("/turn-{turn}"));
            config["issuers"][0]["leeway"] = json!(format!("{}s", 30 + turn));
            let keys = if is_odd { &moved } else { &site.acme };
            config["issuers"][0]["jwks_url"] = json!(keys.jwks_url());
            let server = if is_odd { &other } else { &site.upstream };
            config["upstreams"]["app"]["servers"] = json!([server.address]);
        });
        let answer = reload(&site.gateway).await;
        assert_eq!(answer.status(), 200, "{}", answer.text());
        let turned = site.gateway.get(&format!("/turn-{turn}"), &[]).await;
        assert_eq!(turned.status(), 200, "{}", turned.text());
    }
    over.store(true, Ordering::Relaxed);
    for client in clients {
        assert!(client.await.unwrap() > 50);
    }
    let metrics = site.gateway.metrics().await;
    let reloads = [("trigger", "api"), ("result", "success")];
    assert_eq!(
        metrics.sum("vestibule_config_reloads_total", &reloads),
        50.0
    );
    let refused = [("outcome", "refused")];
    assert_eq!(metrics.sum("vestibule_decisions_total", &refused), 0.0);
}

#[tokio::test]
async fn a_made_issuer_that_the_file_takes_over_is_set_aside_until_it_gives_way() {
    let site = by_hand().await;
    let initech = TestIssuer::start("https://initech.test", Key::p256("initech-1")).await;
    let entry = json!({"name": "initech", "iss": initech.iss, "jwks_url": initech.jwks_url()});
    let path = "/admin/api/issuers";
    let made = site.gateway.admin_send("POST", path, &[], &entry).await;
    assert_eq!(made.status(), 201, "{}", made.text());
    let token = initech.token().sign();
    site.passes(&token).await;

    change(&site.gateway, |config| {
        let mut entry = entry.clone();
        entry["name"] = json!("ours");
        config["issuers"].as_array_mut().unwrap().push(entry);
    });
    assert_eq!(reload(&site.gateway).await.status(), 200);
    let list = site.gateway.admin(path).await.json();
    assert_eq!(list["set_aside"][0]["name"], "initech", "{list}");
    assert!(
        list["set_aside"][0]["reason"]
            .as_str()
            .unwrap()
            .contains("iss"),
        "{list}"
    );
    site.passes(&token).await;

    change(&site.gateway, |config| {
        config["issuers"].as_array_mut().unwrap().pop();
    });
    assert_eq!(reload(&site.gateway).await.status(), 200);
    let list = site.gateway.admin(path).await.json();
    assert_eq!(list["set_aside"], json!([]));
    site.passes(&token).await;
}

/// A gateway that reads its file only on a signal.
async fn by_hand() -> TestGateway {
    TestGateway::with(|config| config["server"]["reload_on_change"] = json!(false)).await
}

fn file(gateway: &Gateway) -> PathBuf {
    gateway.dir().join("config.yaml")
}

fn changed(gateway: &Gateway, change: impl FnOnce(&mut Value)) -> String {
    let text = std::fs::read_to_string(file(gateway)).unwrap();
    let mut config = serde_json::from_str(&text).unwrap();
    change(&mut config);
    serde_json::to_string_pretty(&config).unwrap()
}

fn change(gateway: &Gateway, change: impl FnOnce(&mut Value)) {
    std::fs::write(file(gateway), changed(gateway, change)).unwrap();
}

async fn reload(gateway: &Gateway) -> Message {
    let path = "/admin/api/config/reload";
    gateway.admin_send("POST", path, &[], &Value::Null).await
}

/// Waits until the path is on a route that anyone may take.
async fn serves(gateway: &Gateway, path: &str) {
    eventually(&format!("{path} is not served"), async || {
        gateway.get(path, &[]).await.status() == 200
    })
    .await;
}

async fn gauge(gateway: &Gateway, name: &str) -> f64 {
    gateway.metrics().await.sum(name, &[])
}

async fn misses(gateway: &Gateway) -> f64 {
    let metrics = gateway.metrics().await;
    metrics.sum("vestibule_token_cache_total", &[("result", "miss")])
}

const SUCCESS: &str = "vestibule_config_last_reload_success";
const NEEDS_RESTART: &str = "vestibule_config_needs_restart";
/// By one client, should the reloads never end.
const MOST_REQUESTS: usize = 20_000;
