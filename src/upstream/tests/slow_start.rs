//! How the share of a server grows that is new or back.

use super::*;

/// Of a thousand requests, those that go to the second of two servers.
fn at_second(upstream: &Upstream, seconds: u64) -> usize {
    let pick = |_| upstream.pick_at(None, &[], Duration::from_secs(seconds));
    let picked = (0..1000).filter_map(pick);
    picked.filter(|server| port(server) == 2).count()
}

fn two(slow_start: Option<&str>) -> Arc<Upstream> {
    // What is left to chance is the same each time.
    fastrand::seed(7);
    upstream(json!({
        "servers": ["127.0.0.1:1", "127.0.0.1:2"],
        "slow_start": slow_start,
        "ejection": { "failures": 1, "duration": "10s" },
    }))
    .unwrap()
}

/// The second server comes at this second.
fn comes_at(upstream: &Upstream, seconds: u64) {
    let servers = [inet("127.0.0.1:1"), inet("127.0.0.1:2")];
    let [first, _] = servers.clone();
    let ejections = &upstream.ejections;
    ejections.set_servers([first].into_iter(), Duration::ZERO, |_| true);
    let now = Duration::from_secs(seconds);
    ejections.set_servers(servers.into_iter(), now, |_| false);
}

#[test]
fn a_new_server_gets_more_and_more() {
    let upstream = two(Some("100s"));
    assert_eq!(at_second(&upstream, 0), 500, "it was there from the start");
    comes_at(&upstream, 1000);
    // As if it weighed a part of what the other does: of each 1 + w requests it gets w.
    let shares = [1000, 1025, 1050, 1075].map(|now| at_second(&upstream, now));
    for (share, expected) in shares.into_iter().zip([91, 200, 333, 429]) {
        assert!(share.abs_diff(expected) < 50, "{shares:?}");
    }
    for moment in [1100, 5000] {
        assert_eq!(at_second(&upstream, moment), 500, "{moment}");
    }
    // Without the setting it has its whole share at once.
    let upstream = two(None);
    comes_at(&upstream, 1000);
    assert_eq!(at_second(&upstream, 1000), 500);
}

#[test]
fn so_does_one_that_was_ejected_or_drained() {
    let upstream = two(Some("100s"));
    let second = inet("127.0.0.1:2");
    let failed = upstream.ejections.failed(&second, Duration::from_secs(50));
    assert!(failed);
    assert_eq!(at_second(&upstream, 59), 0);
    assert!(at_second(&upstream, 60).abs_diff(91) < 50);
    assert!(at_second(&upstream, 110).abs_diff(333) < 50);
    assert_eq!(at_second(&upstream, 160), 500);

    let upstream = two(Some("100s"));
    let drain = |is_drained: bool| {
        upstream.override_servers(|server| ServerOverride {
            is_drained: is_drained && server.ends_with(":2"),
            weight: None,
        });
    };
    drain(true);
    assert_eq!(at_second(&upstream, 200), 0);
    // It is back in the first seconds of the upstream.
    drain(false);
    assert!(at_second(&upstream, 50).abs_diff(333) < 50);
    assert_eq!(at_second(&upstream, 200), 500);
}
