//! What survives the end of the process: kill -9, SIGTERM, an ordinary restart.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::watch;

use crate::support::{Reply, TestGateway, Wire, decode, eventually, upstream};

#[tokio::test]
async fn users_sessions_and_signing_keys_survive_a_restart() {
    let mut site = TestGateway::start().await;
    let token = site.acme.token().sign();
    let before = site.passes(&token).await;
    let own = site.upstream.last().bearer().unwrap();
    let keys = site
        .gateway
        .get("/_vestibule/.well-known/jwks.json", &[])
        .await
        .json();

    site.gateway.sigterm();
    assert!(site.gateway.ended().await.success());
    site.gateway = site.gateway.restart().await;
    site.gateway.wait_until_whole().await;

    assert_eq!(
        site.gateway
            .get("/_vestibule/.well-known/jwks.json", &[])
            .await
            .json(),
        keys
    );
    let after = site.passes(&token).await;
    for claim in [
        "sub",
        "sid",
        "environment_id",
        "last_verified_credential_id",
        "kid",
    ] {
        assert_eq!(after.claims[claim], before.claims[claim], "{claim}");
    }
    let continued = site.passes(&own).await;
    assert_eq!(continued.claims["sid"], before.claims["sid"]);
    let metrics = site.gateway.metrics().await;
    assert_eq!(metrics.sum("vestibule_users_created_total", &[]), 0.0);
}

/// 1,000 users sign in over eight connections; at about half of them the process is killed. After
/// the start each one that was answered has the id that it was answered with, and every one of
/// the 1,000 has exactly one.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_kill_in_the_middle_of_a_thousand_sign_ins_loses_and_doubles_nobody() {
    let mut site = TestGateway::start().await;
    let tokens: Arc<Vec<_>> = Arc::new(
        (0..USERS)
            .map(|user| (user, site.acme.token().sub(&format!("user-{user}")).sign()))
            .collect(),
    );
    let next = Arc::new(AtomicUsize::new(0));
    let (count, mut answered) = watch::channel(0);
    let (killed, kill) = watch::channel(false);
    let mut workers = Vec::new();
    for _ in 0..8 {
        let (tokens, next, count) = (tokens.clone(), next.clone(), count.clone());
        let mut kill = kill.clone();
        let mut wire = site.gateway.connect().await;
        let gateway = site.gateway.public;
        workers.push(tokio::spawn(async move {
            let mut done = Vec::new();
            while let Some((user, token)) = tokens.get(next.fetch_add(1, Ordering::Relaxed)) {
                // However late the kill comes, somebody is left for after it.
                if *user >= USERS - 50 {
                    kill.wait_for(|killed| *killed).await.unwrap();
                }
                let request = format!(
                    "GET /user-{user} HTTP/1.1\r\nHost: {gateway}\r\nAuthorization: Bearer {token}\r\n\r\n"
                );
                wire.write(request).await;
                match wire.read_response("GET").await {
                    Some(answer) if answer.status() == 200 => done.push(*user),
                    Some(answer) => panic!("{}", answer.text()),
                    None => break,
                }
                count.send_modify(|count| *count += 1);
            }
            done
        }));
    }
    answered
        .wait_for(|count| *count >= USERS / 2)
        .await
        .unwrap();
    site.gateway.kill9().await;
    killed.send(true).unwrap();
    let mut done = BTreeSet::new();
    for worker in workers {
        done.extend(worker.await.unwrap());
    }
    assert!(
        done.len() >= USERS / 2 && done.len() < USERS,
        "{} answered",
        done.len()
    );
    let before = users_by_path(&site.upstream.take());

    site.gateway = site.gateway.restart().await;
    site.gateway.wait_until_whole().await;
    for (user, token) in tokens.iter() {
        let bearer = format!("Bearer {token}");
        let answer = site
            .gateway
            .get(&format!("/user-{user}"), &[("Authorization", &bearer)])
            .await;
        assert_eq!(answer.status(), 200, "{}", answer.text());
    }
    let after = users_by_path(&site.upstream.take());
    assert_eq!(after.len(), USERS);
    let ids: BTreeSet<_> = after.values().collect();
    assert_eq!(ids.len(), USERS, "an id of two users");
    // The upstream saw them, so they were durable: that includes some whose answer was lost.
    for (path, id) in &before {
        assert_eq!(after[path], *id, "{path}");
    }
    assert!(before.len() >= done.len());
    // None double: the store made those that it did not have, and no other.
    let metrics = site.gateway.metrics().await;
    let created = metrics.sum("vestibule_users_created_total", &[]);
    assert!(
        created <= (USERS - before.len()) as f64,
        "{created} created after {}",
        before.len()
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sigterm_answers_what_is_in_flight_and_takes_nothing_new() {
    let mut site = TestGateway::start().await;
    let (open, gate) = watch::channel(false);
    site.upstream
        .reply(Reply::Gated(gate, upstream::ok("late")));
    let bearer = format!("Bearer {}", site.acme.token().sign());
    let mut wires: Vec<Wire> = Vec::new();
    for _ in 0..IN_FLIGHT {
        let mut wire = site.gateway.connect().await;
        wire.write(
            site.gateway
                .bytes("GET", "/", &[("Authorization", &bearer)]),
        )
        .await;
        wires.push(wire);
    }
    site.upstream.reached(IN_FLIGHT).await;
    site.gateway.sigterm();
    // Readiness says so before the end.
    eventually("still ready after SIGTERM", async || {
        site.gateway.admin("/ready").await.status() == 503
    })
    .await;
    open.send(true).unwrap();
    for mut wire in wires {
        let answer = wire.read_response("GET").await.expect("an answer");
        assert_eq!(answer.status(), 200);
        assert_eq!(answer.text(), "late");
    }
    assert!(site.gateway.ended().await.success());
    assert!(
        site.gateway
            .try_send(site.gateway.bytes("GET", "/", &[]))
            .await
            .is_none()
    );
}

#[tokio::test]
async fn an_idle_gateway_stops_at_once() {
    let mut site = TestGateway::with(|config| {
        // Longer than the patience of the suite: a stop that waits for it fails.
        config["server"]["drain_timeout"] = serde_json::json!("10m");
    })
    .await;
    site.passes(&site.acme.token().sign()).await;
    // An idle keep-alive connection is nothing in flight.
    let mut wire = site.gateway.connect().await;
    wire.write(site.gateway.bytes("GET", "/open", &[])).await;
    assert_eq!(wire.read_response("GET").await.unwrap().status(), 200);
    site.gateway.sigterm();
    assert!(site.gateway.ended().await.success());
}

#[tokio::test]
async fn a_request_that_never_ends_is_cut_after_the_drain_timeout() {
    let mut site = TestGateway::with(|config| {
        config["server"]["drain_timeout"] = serde_json::json!("300ms");
    })
    .await;
    let (_never, gate) = watch::channel(false);
    site.upstream.reply(Reply::Gated(gate, vec![]));
    let mut wire = site.gateway.connect().await;
    wire.write(site.gateway.bytes("GET", "/open", &[])).await;
    site.upstream.reached(1).await;
    site.gateway.sigterm();
    site.gateway.ended().await;
}

#[tokio::test]
async fn the_store_is_private_and_has_one_owner() {
    use std::os::unix::fs::PermissionsExt;
    let site = TestGateway::start().await;
    let file = site.gateway.dir().join("vestibule.redb");
    let mode = std::fs::metadata(&file).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);

    let config = std::fs::read_to_string(site.gateway.dir().join("config.yaml")).unwrap();
    let mut config: serde_json::Value = serde_json::from_str(&config).unwrap();
    for listener in ["listeners", "admin"] {
        config.as_object_mut().unwrap().remove(listener);
    }
    let dir = Arc::new(tempfile::TempDir::new().unwrap());
    let second = crate::support::Gateway::start_in(dir, config).await;
    assert!(second.is_err(), "two gateways on one file");
    site.passes(&site.acme.token().sign()).await;
}

/// The user id that the upstream saw for each path; panics when it saw two.
fn users_by_path(requests: &[crate::support::Message]) -> BTreeMap<String, String> {
    let mut users = BTreeMap::new();
    for request in requests {
        let path = request.start_line();
        let session = decode(&request.bearer().expect("a session token"));
        let id = session.claims["sub"].as_str().unwrap().to_owned();
        if let Some(other) = users.insert(path.clone(), id.clone()) {
            assert_eq!(other, id, "two ids for {path}");
        }
    }
    users
}

const USERS: usize = 1000;
const IN_FLIGHT: usize = 50;
