//! A reload is one change: no request sees a half of one configuration and a half of another.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use serde_json::{Value, json};

use crate::support::{
    ACME, GLOBEX, Gateway, Key, RawUpstream, Reply, TestIssuer, decode, eventually,
    remember_session_token,
};

/// Two configurations differ in issuer, route and audience together, and are put in force by turns
/// while requests come with tokens of both.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reload_under_load_never_mixes_two_configurations() {
    let sides = [
        Side::start(ACME, "one").await,
        Side::start(GLOBEX, "two").await,
    ];
    let gateway = Arc::new(Gateway::start(config(&sides, 0)).await);
    let tokens = sides.each_ref().map(Side::token);
    let stop = Arc::new(AtomicBool::new(false));
    let passed = Arc::new([AtomicUsize::new(0), AtomicUsize::new(0)]);
    let workers = (0..4).map(|worker| {
        let (gateway, stop, passed) =
            (Arc::clone(&gateway), Arc::clone(&stop), Arc::clone(&passed));
        let side = worker % 2;
        let bearer = format!("Bearer {}", tokens[side]);
        let body = ["one", "two"][side];
        tokio::spawn(async move {
            while !stop.load(Ordering::Relaxed) {
                let answer = gateway.get("/", &[("Authorization", &bearer)]).await;
                match answer.status() {
                    200 => {
                        assert_eq!(answer.text(), body, "the route of the other");
                        passed[side].fetch_add(1, Ordering::Relaxed);
                    }
                    401 => {}
                    status => panic!("{status}: {}", answer.text()),
                }
            }
        })
    });
    let workers: Vec<_> = workers.collect();
    for flip in 1..=200 {
        let side = flip % 2;
        // Until the configuration before has served, or there was nothing to mix.
        let before = passed[1 - side].load(Ordering::Relaxed);
        eventually("the configuration in force does not serve", async || {
            passed[1 - side].load(Ordering::Relaxed) > before
        })
        .await;
        let other = config(&sides, side);
        gateway.configure(|file| {
            for key in ["issuers", "upstreams", "routes"] {
                file[key] = other[key].clone();
            }
        });
        let path = "/admin/api/config/reload";
        let answer = gateway.admin_send("POST", path, &[], &Value::Null).await;
        assert_eq!(answer.status(), 200, "{}", answer.text());
    }
    stop.store(true, Ordering::Relaxed);
    for worker in workers {
        worker.await.unwrap();
    }
    for (side, audience) in sides.iter().zip(["https://one.test", "https://two.test"]) {
        let seen = side.upstream.take();
        assert!(seen.len() >= 100, "{}", seen.len());
        for request in seen {
            let session = request.bearer().expect("a session token");
            remember_session_token(&session);
            assert_eq!(decode(&session).claims["aud"], audience);
            assert_eq!(request.field("x-issuer").as_deref(), Some(&*side.name));
        }
    }
}

/// An issuer, and the upstream that only its users reach.
struct Side {
    name: String,
    issuer: TestIssuer,
    upstream: RawUpstream,
}

impl Side {
    async fn start(iss: &str, name: &str) -> Self {
        let upstream = RawUpstream::start().await;
        upstream.reply(Reply::ok(name));
        Self {
            name: name.to_owned(),
            issuer: TestIssuer::start(iss, Key::p256(name)).await,
            upstream,
        }
    }

    fn token(&self) -> String {
        self.issuer.token().sign()
    }
}

fn config(sides: &[Side; 2], side: usize) -> Value {
    let Side {
        name,
        issuer,
        upstream,
    } = &sides[side];
    json!({
        "issuers": [{ "name": name, "iss": issuer.iss, "keys": [issuer.key.jwk()] }],
        "upstreams": { name: { "servers": [upstream.address] } },
        "routes": [{
            "path": "/", "upstream": name, "audience": format!("https://{name}.test"),
        }],
        "forward": { "identity": { "X-Issuer": "{issuer}" } },
        "sessions_outlive_issuer": true,
        // Tokens of the other side are refused all the time.
        "limits": { "rates": { "failed_per_client": "off" } },
        "server": { "threads": 2, "reload_on_change": false },
    })
}
