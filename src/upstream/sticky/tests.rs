use std::sync::Arc;

use serde_json::json;

use super::*;
use crate::metrics::Metrics;
use crate::upstream::{Failure, Outcome, ServerOverride, Settings};

const NOW: u64 = 1_800_000_000;

fn signer(key: u8) -> StickySigner {
    StickySigner::new(&[key; 32], true)
}

fn upstream_of(name: &str, servers: &[&str], key: u8) -> Arc<Upstream> {
    let settings = json!({
        "servers": servers, "sticky_cookie": { "max_age": "100s" }, "ejection": { "failures": 1 },
    });
    let settings: Settings = serde_json::from_value(settings).unwrap();
    Upstream::new(name, &settings, &signer(key), &Metrics::new().unwrap()).unwrap()
}

fn at(port: u16) -> Address {
    Address::Inet(([127, 0, 0, 1], port).into())
}

const SERVERS: [&str; 3] = ["127.0.0.1:1", "127.0.0.1:2", "127.0.0.1:3"];

/// A cookie for the server at a port.
fn cookie(upstream: &Upstream, port: u16) -> String {
    let tag = upstream.tag_of(&at(port)).unwrap();
    upstream.sticky().unwrap().value(tag, NOW)
}

/// Where a cookie leads.
fn leads(upstream: &Upstream, value: &str, now: u64) -> Option<Address> {
    let seen = upstream.sticky().unwrap().read(value.as_bytes(), now)?;
    upstream.pick_again(seen.server, &[])
}

#[test]
fn a_cookie_leads_back_whatever_the_order_of_servers() {
    let one = upstream_of("app", &SERVERS, 1);
    let two = upstream_of("app", &["127.0.0.1:3", "127.0.0.1:2", "127.0.0.1:9"], 1);
    for port in [2, 3] {
        let value = cookie(&one, port);
        assert_eq!(value.len(), LENGTH);
        assert_eq!(leads(&one, &value, NOW), Some(at(port)));
        assert_eq!(leads(&two, &value, NOW), Some(at(port)));
    }
    // The other gateway's configuration lacks this one.
    assert_eq!(leads(&two, &cookie(&one, 1), NOW), None);
}

#[test]
fn what_is_forged_foreign_or_over_leads_nowhere() {
    let upstream = upstream_of("app", &SERVERS, 1);
    let value = cookie(&upstream, 2);
    for end in [NOW, NOW + 99] {
        assert_eq!(leads(&upstream, &value, end), Some(at(2)));
    }
    assert_eq!(
        leads(&upstream, &value, NOW + 100),
        None,
        "its time is over"
    );
    assert_eq!(
        leads(&upstream, &value, NOW - 1),
        None,
        "longer than any life"
    );
    let others = [
        upstream_of("app", &SERVERS, 2),
        upstream_of("other", &SERVERS, 1),
    ];
    for other in &others {
        assert_eq!(leads(&upstream, &cookie(other, 2), NOW), None);
    }
    let mut bytes = BASE64.decode(&value).unwrap();
    for at in 0..bytes.len() {
        bytes[at] ^= 1;
        let forged = BASE64.encode(&bytes);
        assert_eq!(leads(&upstream, &forged, NOW), None, "byte {at}");
        bytes[at] ^= 1;
    }
    for text in [
        "",
        "127.0.0.1:2",
        value.get(1..).unwrap(),
        &format!("{value}A"),
        &"!".repeat(LENGTH),
    ] {
        assert_eq!(leads(&upstream, text, NOW), None, "{text}");
    }
}

#[test]
fn a_cookie_is_renewed_from_half_of_its_life_on() {
    let upstream = upstream_of("app", &SERVERS, 1);
    let value = cookie(&upstream, 1);
    let fresh = |now| {
        upstream
            .sticky()
            .unwrap()
            .read(value.as_bytes(), now)
            .unwrap()
            .is_fresh
    };
    assert!(fresh(NOW) && fresh(NOW + 49));
    assert!(!fresh(NOW + 50) && !fresh(NOW + 99));
}

#[test]
fn health_comes_first() {
    let upstream = upstream_of("app", &SERVERS, 1);
    let value = cookie(&upstream, 2);
    let drain = |is_drained: bool| {
        upstream.override_servers(|server| ServerOverride {
            is_drained: is_drained && server.ends_with(":2"),
            weight: None,
        });
    };
    drain(true);
    assert_eq!(leads(&upstream, &value, NOW), None);
    drain(false);
    assert_eq!(leads(&upstream, &value, NOW), Some(at(2)));
    let tag = upstream.tag_of(&at(2)).unwrap();
    assert_eq!(upstream.pick_again(tag, &[at(2)]), None, "it was tried");
    upstream.report(&at(2), Outcome::Failed(Failure::Connect));
    assert_eq!(leads(&upstream, &value, NOW), None, "it is ejected");
}

#[test]
fn names_differ_between_upstreams_and_say_nothing() {
    let name = |upstream: &str, path: &str, is_https: bool| {
        let settings: StickyCookie = serde_json::from_value(json!({ "path": path })).unwrap();
        let signer = StickySigner::new(&[1; 32], is_https);
        Sticky::new(upstream, &settings, &signer).name
    };
    let app = name("app", "/", true);
    assert!(app.starts_with("__Host-vestibule-server-"), "{app}");
    assert_ne!(name("shop", "/", true), app);
    assert!(name("app", "/a", true).starts_with("vestibule-server-"));
    assert!(name("app", "/", false).starts_with("vestibule-server-"));
    let fixed: StickyCookie = serde_json::from_value(json!({ "name": "at" })).unwrap();
    assert_eq!(Sticky::new("app", &fixed, &signer(1)).name, "at");
    for settings in [
        json!({ "name": "" }),
        json!({ "name": "a b" }),
        json!({ "name": "a=b" }),
        json!({ "path": "a" }),
        json!({ "path": "/;Domain=x" }),
        json!({ "same_site": "Lax" }),
    ] {
        assert!(
            serde_json::from_value::<StickyCookie>(settings.clone()).is_err(),
            "{settings}"
        );
    }
}
