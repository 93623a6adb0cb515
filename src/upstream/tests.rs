use std::collections::HashMap;
use std::net::SocketAddr;

use http::StatusCode;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::*;

mod overrides;
mod slow_start;

fn signer() -> StickySigner {
    StickySigner::new(&[0; 32], true)
}

fn upstream(settings: Value) -> Result<Arc<Upstream>, String> {
    let metrics = Metrics::new().unwrap();
    let settings = serde_json::from_value(settings).map_err(|error| error.to_string())?;
    Upstream::new("up", &settings, &signer(), &metrics).map_err(|error| error.to_string())
}

fn inet(address: &str) -> Address {
    Address::Inet(address.parse().unwrap())
}

fn port(address: &Address) -> u16 {
    address.as_inet().unwrap().port()
}

fn three(balance: &str) -> Arc<Upstream> {
    upstream(json!({
        "servers": ["127.0.0.1:1", { "address": "127.0.0.1:2", "weight": 3 }, "[::1]:3"],
        "balance": balance,
        "ejection": { "failures": 2 },
    }))
    .unwrap()
}

fn shares(upstream: &Upstream, count: usize) -> HashMap<u16, usize> {
    let mut shares = HashMap::new();
    for _ in 0..count {
        *shares
            .entry(port(&upstream.pick_for(None, &[]).unwrap()))
            .or_default() += 1;
    }
    shares
}

#[test]
fn servers_take_turns_by_their_weight() {
    let shares = shares(&three("round_robin"), 500);
    assert_eq!(shares, HashMap::from([(1, 100), (2, 300), (3, 100)]));
}

/// As requests begin and end, each goes to whoever has the fewest for its weight.
#[test]
fn the_server_with_the_fewest_requests_is_next() {
    let upstream = three("least_requests");
    let begin = || {
        let server = upstream.pick_for(None, &[]).unwrap();
        (port(&server), upstream.begin(&server).unwrap())
    };
    let mut busy: Vec<_> = (0..10).map(|_| begin()).collect();
    let of = |busy: &[(u16, RequestInFlight)], server: u16| {
        busy.iter().filter(|(port, _)| *port == server).count()
    };
    assert_eq!([1, 2, 3].map(|server| of(&busy, server)), [2, 6, 2]);
    // One server has answered all of its requests: it is the one with room.
    busy.retain(|(port, _)| *port != 3);
    for _ in 0..2 {
        let next = begin();
        assert_eq!(next.0, 3);
        busy.push(next);
    }
    // One that failed is passed over.
    let tried = [inet("[::1]:3")];
    busy.retain(|(port, _)| *port != 3);
    assert_ne!(port(&upstream.pick_for(None, &tried).unwrap()), 3);
    assert!(three("round_robin").begin(&inet("127.0.0.1:1")).is_none());
}

#[test]
fn every_server_has_its_share_by_lot_and_by_hash() {
    for balance in ["random", "consistent_hash"] {
        let shares = shares(&three(balance), 1000);
        assert_eq!(shares.len(), 3, "{balance}: {shares:?}");
        assert!(
            shares[&2] > shares[&1] && shares[&2] > shares[&3],
            "{balance}: {shares:?}"
        );
    }
}

#[test]
fn a_user_stays_on_a_server_and_moves_only_when_it_is_gone() {
    let upstream = three("consistent_hash");
    let users: Vec<[u8; 4]> = (0u32..200).map(u32::to_be_bytes).collect();
    let place = |user: &[u8; 4], tried: &[Address]| upstream.pick_for(Some(user), tried).unwrap();
    let gone = inet("127.0.0.1:2");
    let mut moved = 0;
    for user in &users {
        let first = place(user, &[]);
        assert_eq!(place(user, &[]), first);
        let second = place(user, std::slice::from_ref(&gone));
        if first == gone {
            moved += 1;
            assert_ne!(second, gone);
        } else {
            assert_eq!(second, first);
        }
    }
    assert!(moved > 0 && moved < users.len());
}

#[test]
fn a_server_that_was_tried_is_not_picked_again() {
    for balance in ["round_robin", "random", "consistent_hash"] {
        let upstream = three(balance);
        let mut tried = Vec::new();
        while let Some(next) = upstream.pick_for(Some(b"user"), &tried) {
            assert!(!tried.contains(&next), "{balance}");
            tried.push(next);
        }
        assert_eq!(tried.len(), 3, "{balance}");
    }
}

#[test]
fn a_server_that_keeps_failing_is_left_out_until_no_other_is_left() {
    for balance in ["round_robin", "random", "consistent_hash"] {
        let upstream = three(balance);
        let failing = inet("127.0.0.1:2");
        let failed = Outcome::Failed(Failure::Connect);
        upstream.report(&failing, failed);
        assert!(shares(&upstream, 100).contains_key(&2), "{balance}");
        upstream.report(&failing, failed);
        assert!(!shares(&upstream, 100).contains_key(&2), "{balance}");
        let others = [inet("127.0.0.1:1"), inet("[::1]:3")];
        let last = upstream.pick_for(None, &others);
        assert_eq!(last.as_ref(), Some(&failing), "{balance}");
        upstream.report(&failing, Outcome::Answered(StatusCode::OK));
        assert!(shares(&upstream, 100).contains_key(&2), "{balance}");
    }
}

#[tokio::test]
async fn names_are_resolved_in_the_background() {
    let upstream = upstream(json!({ "servers": ["127.0.0.1:1", "localhost:2"] })).unwrap();
    assert_eq!(upstream.addresses().len(), 1);
    assert_eq!(shares(&upstream, 10), HashMap::from([(1, 10)]));
    resolver(&upstream).resolve_all().await;
    let addresses = upstream.addresses();
    assert!(
        addresses
            .iter()
            .filter_map(Address::as_inet)
            .any(|address| address.port() == 2 && address.ip().is_loopback())
    );
    assert_eq!(shares(&upstream, 30).len(), 2);
}

#[tokio::test]
async fn without_an_address_nothing_is_picked() {
    for balance in ["round_robin", "random", "consistent_hash"] {
        let settings = json!({ "servers": ["no-such-name.invalid:1"], "balance": balance });
        let upstream = upstream(settings).unwrap();
        assert_eq!(upstream.pick_for(None, &[]), None);
        resolver(&upstream).resolve_all().await;
        assert_eq!(upstream.pick_for(None, &[]), None);
    }
}

#[tokio::test]
async fn background_services_stop_when_told() {
    let (stop, stopped) = tokio::sync::watch::channel(false);
    let settings = json!({ "servers": ["localhost:1"], "health_check": {} });
    let upstream = upstream(settings).unwrap();
    let resolver = tokio::spawn(resolver(&upstream).run(stopped.clone()));
    let checks = tokio::spawn(HealthChecks::new([upstream]).run(stopped));
    stop.send(true).unwrap();
    resolver.await.unwrap();
    checks.await.unwrap();
}

fn resolver(upstream: &Arc<Upstream>) -> Resolver {
    Resolver::new(&ResolverSettings::default(), [Arc::clone(upstream)])
}

/// Answers each connection with one status.
async fn server(status: &'static str) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut request = [0; 1024];
            let _ = stream.read(&mut request).await;
            let answer = format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\n\r\n");
            let _ = stream.write_all(answer.as_bytes()).await;
        }
    });
    address
}

/// An address where nothing listens.
async fn nowhere() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0")
        .await
        .unwrap()
        .local_addr()
        .unwrap()
}

async fn picked_after_probes(servers: &[SocketAddr], probe: Value, probes: usize) -> Vec<u16> {
    let settings = json!({ "servers": servers, "health_check": probe });
    let upstream = upstream(settings).unwrap();
    let checks = HealthChecks::new([Arc::clone(&upstream)]);
    for _ in 0..probes {
        checks.probe_all().await;
    }
    let mut ports: Vec<u16> = (0..20)
        .filter_map(|_| upstream.pick_for(None, &[]))
        .map(|address| port(&address))
        .collect();
    ports.sort_unstable();
    ports.dedup();
    ports
}

#[tokio::test]
async fn probes_leave_out_what_does_not_connect() {
    let (good, bad) = (server("500 No").await, nowhere().await);
    let tcp = json!({ "unhealthy_after": 2 });
    assert_eq!(
        picked_after_probes(&[good, bad], tcp.clone(), 1)
            .await
            .len(),
        2
    );
    assert_eq!(
        picked_after_probes(&[good, bad], tcp.clone(), 2).await,
        [good.port()]
    );
    // Unlike an ejected server, one known to be down is not tried for want of others.
    assert!(picked_after_probes(&[bad], tcp, 2).await.is_empty());
}

#[tokio::test]
async fn probes_leave_out_what_answers_badly() {
    let (good, moved) = (server("204 Yes").await, server("302 There").await);
    let bad = server("500 No").await;
    let http = json!({ "path": "/health", "unhealthy_after": 1 });
    let mut expected = [good.port(), moved.port()];
    expected.sort_unstable();
    assert_eq!(
        picked_after_probes(&[good, moved, bad], http, 1).await,
        expected
    );
}

#[test]
fn refuses_what_is_no_upstream() {
    let with = |server: &str| upstream(json!({ "servers": [server] })).map(|_| ());
    for text in [
        "",
        "a",
        "a:",
        ":1",
        "a:0",
        "a:65536",
        "http://a:1",
        "a b:1",
        "::1:80",
        "a~b:80",
        "a!b:80",
        "a..b:80",
    ] {
        assert_eq!(with(text), Err("expected `HOST:PORT`".to_owned()), "{text}");
    }
    for text in ["unix:", "unix:/", "unix:run/app.sock"] {
        let expected = "expected `unix:` and an absolute path".to_owned();
        assert_eq!(with(text), Err(expected), "{text}");
    }
    let longest = format!("unix:/{}", "a".repeat(106));
    assert_eq!(with(&longest), Ok(()));
    assert!(with(&format!("{longest}a")).is_err());
    for text in ["127.0.0.1:80", "[::1]:443", "localhost:1", "my_service:80"] {
        assert_eq!(with(text), Ok(()), "{text}");
    }
    assert_eq!(with("app.internal:80"), Ok(()));
    let empty = upstream(json!({ "servers": [] })).unwrap_err();
    assert_eq!(empty, "at least one server is needed");
    let probe = |probe: Value| {
        upstream(json!({ "servers": ["127.0.0.1:1"], "health_check": probe })).map(|_| ())
    };
    assert_eq!(probe(json!({ "path": "/ok" })), Ok(()));
    assert!(probe(json!({ "path": "ok" })).is_err());
    assert_eq!(
        probe(json!({ "interval": "0s" })),
        Err("must be greater than zero".to_owned())
    );
    assert!(probe(json!({ "path": "/ok", "host": "a\nb" })).is_err());
}

#[test]
fn refuses_settings_that_can_not_be_meant() {
    let is_config =
        |server: Value| serde_json::from_value::<Settings>(json!({ "servers": [server] })).is_ok();
    assert!(is_config(json!({ "address": "a:1" })));
    assert!(is_config(json!({ "address": "a:1", "weight": 255 })));
    assert!(!is_config(json!({ "address": "a:1", "weight": 0 })));
    assert!(!is_config(json!({ "address": "a:1", "weight": 256 })));
    assert!(!is_config(json!({ "address": "a:1", "wieght": 2 })));
}

#[tokio::test]
async fn an_upstream_outlives_a_change_that_is_not_of_it() {
    let dir = tempfile::TempDir::new().unwrap();
    let ca = dir.path().join("ca.pem");
    let write_ca = || {
        let key = rcgen::KeyPair::generate().unwrap();
        let params = rcgen::CertificateParams::new(vec!["ca.test".to_owned()]).unwrap();
        std::fs::write(&ca, params.self_signed(&key).unwrap().pem()).unwrap();
    };
    write_ca();
    let settings = |retries: usize| -> Settings {
        let servers = ["localhost:2", "127.0.0.1:1"];
        let settings = json!({ "servers": servers, "tls": { "ca": ca }, "retries": retries });
        serde_json::from_value(settings).unwrap()
    };
    let metrics = Metrics::new().unwrap();
    let first = Upstream::new("up", &settings(1), &signer(), &metrics).unwrap();
    resolver(&first).resolve_all().await;
    // The name may have addresses of both families.
    assert!(first.addresses().len() >= 2);

    let same = Upstream::renewed(&first, &settings(1), &signer(), &metrics).unwrap();
    assert!(Arc::ptr_eq(&first, &same));
    let changed = Upstream::renewed(&first, &settings(2), &signer(), &metrics).unwrap();
    assert!(!Arc::ptr_eq(&first, &changed));
    assert_eq!(changed.addresses(), first.addresses());
    assert_eq!(changed.peers.group(), first.peers.group());

    write_ca();
    let renewed = Upstream::renewed(&first, &settings(1), &signer(), &metrics).unwrap();
    assert!(!Arc::ptr_eq(&first, &renewed));
    assert_ne!(renewed.peers.group(), first.peers.group());
    assert_eq!(renewed.addresses(), first.addresses());
}

/// What Pingora reuses a connection by.
#[test]
fn peers_of_different_upstreams_share_no_connection() {
    use pingora::upstreams::peer::Peer;
    let hash = |name: &str, more: Value| {
        let mut settings = json!({ "servers": ["127.0.0.1:1"] });
        settings
            .as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        let settings = serde_json::from_value(settings).unwrap();
        let upstream = Upstream::new(name, &settings, &signer(), &Metrics::new().unwrap()).unwrap();
        upstream.peer(&inet("127.0.0.1:1")).unwrap().reuse_hash()
    };
    let tls = |more: Value| json!({ "tls": more });
    let hashes = [
        hash("a", json!({})),
        hash("b", json!({})),
        hash("a", json!({ "protocol": "http2" })),
        hash("a", tls(json!({}))),
        hash("b", tls(json!({}))),
        hash("a", tls(json!({ "server_name": "a.test" }))),
        hash("a", tls(json!({ "insecure_skip_verification": true }))),
    ];
    let distinct: std::collections::HashSet<_> = hashes.iter().collect();
    assert_eq!(distinct.len(), hashes.len());
    assert_eq!(
        hash("a", tls(json!({}))),
        hash("a", json!({ "tls": {}, "retries": 5 }))
    );
}
