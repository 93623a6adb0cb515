//! Everything that may change while the gateway runs, one after the other under one load: no
//! request fails that was not the upstream's own doing.
//!
//! The load is `VESTIBULE_LOAD` requests a second, 100 unless that is set; `make soak` asks for 500.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Value, json};

use crate::support::authority::Authority;
use crate::support::load::{Load, once, once_by_tls, rate};
use crate::support::port::free_port;
use crate::support::{Key, RawUpstream, TestGateway, eventually};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_kind_of_change_under_load_loses_nothing() {
    let authority = Authority::new();
    let certificate = authority.server("app", &["localhost"], 2030);
    let secure = free_port();
    let mortal = RawUpstream::start().await;
    let mut site = TestGateway::with(|config| {
        config["server"]["runtime_dir"] = json!("run");
        config["server"]["reload_on_change"] = json!(false);
        config["log"] = json!({"level": "info"});
        let tls = json!({"certificates": [certificate], "check_interval": "50ms"});
        config["listeners"] = json!([{}, {"address": secure, "tls": tls}]);
        config["issuers"][0]["jwks"] = json!({"unknown_kid_cooldown": "100ms"});
        let immortal = config["upstreams"]["app"]["servers"][0].clone();
        config["upstreams"]["app"] = json!({
            "servers": [immortal, mortal.address],
            "ejection": {"failures": 2, "duration": "200ms"},
        });
        // A load comes from one address, and each of its users is a new one.
        config["limits"] = json!({"connections_per_client": 0});
    })
    .await;
    let known = site.acme.token().sub("known").sign();
    assert_eq!(site.present(&known).await.status(), 200);
    let loads = Loads::start(&site, secure, &authority, &known);

    reloads(&site).await;
    certificates(&site, &authority).await;
    keys(&site).await;
    let mortal = dies_and_returns(&site, mortal).await;
    let seen = loads.outcomes().await;
    // Until here nobody was refused, newcomers included; a server that dies in the middle of a
    // request fails that request, and only that.
    let broken = site.gateway.metrics().await;
    let broken = ["connect", "protocol", "cut_off"].map(|kind| {
        let labels = [("upstream", "app"), ("kind", kind)];
        broken.sum("vestibule_upstream_failures_total", &labels)
    });
    let failed = seen.get("502").copied().unwrap_or_default();
    assert!(
        failed as f64 <= broken.iter().sum::<f64>(),
        "{seen:?}, {broken:?}"
    );
    assert!(
        seen.keys()
            .all(|status| ["200", "502"].contains(&status.as_str())),
        "{seen:?}"
    );

    let loads = Loads::start(&site, secure, &authority, &known);
    for _ in 0..5 {
        site.gateway.successor().await.await;
    }
    // A first sign-in while the store changes hands is asked to come back.
    let Outcomes { known, new } = loads.by_kind().await;
    assert_eq!(known.keys().collect::<Vec<_>>(), ["200"], "{known:?}");
    assert!(
        new.keys()
            .all(|status| ["200", "503"].contains(&status.as_str())),
        "{new:?}"
    );
    eprintln!("before the upgrades {seen:?}, during them {known:?}, newcomers {new:?}");
    drop(mortal);
}

/// Routes, an issuer's settings and an upstream's servers change at each of 50 reloads.
async fn reloads(site: &TestGateway) {
    for turn in 0..50 {
        site.gateway.configure(|config| {
            config["routes"][2]["path"] = json!(format!("/turn-{turn}"));
            config["issuers"][0]["leeway"] = json!(format!("{}s", 30 + turn));
            let servers = config["upstreams"]["app"]["servers"].as_array_mut();
            servers.unwrap().reverse();
        });
        let path = "/admin/api/config/reload";
        let answer = site
            .gateway
            .admin_send("POST", path, &[], &Value::Null)
            .await;
        assert_eq!(answer.status(), 200, "{}", answer.text());
    }
}

async fn certificates(site: &TestGateway, authority: &Authority) {
    for turn in 0..3 {
        authority.server("app", &["localhost"], 2040 + turn);
        let replaced = [("result", "ok")];
        let metric = "vestibule_certificate_reloads_total";
        site.gateway
            .metric_becomes(metric, &replaced, f64::from(turn + 1))
            .await;
    }
}

/// The issuer publishes a new key next to the one that the load's tokens are signed with.
async fn keys(site: &TestGateway) {
    for turn in 0..3 {
        let fresh = Key::p256(&format!("acme-next-{turn}"));
        site.acme.publish(&[site.acme.key.jwk(), fresh.jwk()]);
        let token = site.acme.token().key(&fresh).sub("rotated").sign();
        assert_eq!(site.present(&token).await.status(), 200);
    }
}

/// A server ends: what it has begun it finishes, then it takes nothing. Then there is one again.
async fn dies_and_returns(site: &TestGateway, mortal: RawUpstream) -> RawUpstream {
    let address = mortal.address;
    let server = address.to_string();
    let healthy = [("upstream", "app"), ("server", server.as_str())];
    mortal.end().await;
    site.gateway
        .metric_becomes("vestibule_upstream_healthy", &healthy, 0.0)
        .await;
    let mortal = RawUpstream::start_at(address).await;
    site.gateway
        .metric_becomes("vestibule_upstream_healthy", &healthy, 1.0)
        .await;
    eventually("it gets no requests again", async || mortal.count() > 0).await;
    mortal
}

/// Most requests are of a known user, some come by TLS, some of a user at first sight.
struct Loads {
    plain: Load,
    secure: Load,
    new: Load,
}

struct Outcomes {
    known: BTreeMap<String, usize>,
    new: BTreeMap<String, usize>,
}

impl Loads {
    fn start(
        site: &TestGateway,
        secure: std::net::SocketAddr,
        authority: &Authority,
        known: &str,
    ) -> Self {
        let public = site.gateway.public;
        let request = move |token: &str| -> Arc<[u8]> {
            let bearer = format!("Authorization: Bearer {token}");
            format!("GET / HTTP/1.1\r\nHost: {public}\r\n{bearer}\r\nConnection: close\r\n\r\n")
                .into_bytes()
                .into()
        };
        let by_known = request(known);
        let client = Arc::new(authority.connector(&["http/1.1"]));
        let tls = by_known.clone();
        let newcomer = site.acme.token();
        let new = move || {
            let sub = uuid::Uuid::new_v4().to_string();
            once(
                public,
                request(&newcomer.clone().sub(&sub).foreign().sign()),
            )
        };
        Self {
            plain: Load::start(rate() * 17 / 20, move || {
                once(public, Arc::clone(&by_known))
            }),
            secure: Load::start((rate() / 10).max(1), move || {
                once_by_tls(Arc::clone(&client), secure, "localhost", Arc::clone(&tls))
            }),
            new: Load::start((rate() / 20).max(1), new),
        }
    }

    async fn by_kind(self) -> Outcomes {
        let mut known = self.plain.outcomes().await;
        for (status, count) in self.secure.outcomes().await {
            *known.entry(status).or_default() += count;
        }
        let new = self.new.outcomes().await;
        Outcomes { known, new }
    }

    async fn outcomes(self) -> BTreeMap<String, usize> {
        let Outcomes { mut known, new } = self.by_kind().await;
        for (status, count) in new {
            *known.entry(status).or_default() += count;
        }
        known
    }
}
