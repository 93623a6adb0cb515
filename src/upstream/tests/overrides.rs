//! Servers that operators drain or weigh.

use std::num::NonZeroU8;

use super::*;

/// What operators say of the servers at these ports.
fn say(upstream: &Upstream, drained: &[u16], weights: &[(u16, u8)]) {
    upstream.override_servers(|server| {
        let is_at = |port: &u16| server.ends_with(&format!(":{port}"));
        let weight = weights.iter().find(|(port, _)| is_at(port));
        ServerOverride {
            is_drained: drained.iter().any(is_at),
            weight: weight.and_then(|(_, weight)| NonZeroU8::new(*weight)),
        }
    });
}

#[test]
fn a_drained_server_gets_nothing_not_even_as_the_last() {
    for balance in ["round_robin", "random", "consistent_hash", "least_requests"] {
        let upstream = three(balance);
        say(&upstream, &[2], &[]);
        let left = shares(&upstream, 300);
        assert!(
            !left.contains_key(&2) && left.len() == 2,
            "{balance}: {left:?}"
        );
        let others = [inet("127.0.0.1:1"), inet("[::1]:3")];
        assert_eq!(upstream.pick_for(None, &others), None, "{balance}");
        assert!(!upstream.has_other(&others));
        assert!(!upstream.are_all_drained());
        let drained = inet("127.0.0.1:2");
        assert!(upstream.is_drained(&drained));
        // What it has goes to its end.
        assert!(upstream.peer(&drained).is_some());
        say(&upstream, &[1, 2, 3], &[]);
        assert_eq!(upstream.pick_for(None, &[]), None);
        assert!(upstream.are_all_drained());
        assert_eq!(upstream.healthy().len(), 3);
        say(&upstream, &[], &[]);
        assert!(!upstream.are_all_drained() && upstream.has_other(&others));
        let after = shares(&upstream, 1000);
        assert!(after.contains_key(&2), "{balance}: {after:?}");
    }
}

#[test]
fn users_of_a_drained_server_move_and_come_back() {
    let upstream = three("consistent_hash");
    let users: Vec<[u8; 4]> = (0u32..200).map(u32::to_be_bytes).collect();
    let places = || -> Vec<u16> {
        let place = |user: &[u8; 4]| port(&upstream.pick_for(Some(user), &[]).unwrap());
        users.iter().map(place).collect()
    };
    let before = places();
    say(&upstream, &[2], &[]);
    let during = places();
    let moved = before.iter().zip(&during);
    assert!(
        moved
            .clone()
            .all(|(from, to)| if *from == 2 { *to != 2 } else { from == to })
    );
    say(&upstream, &[], &[]);
    assert_eq!(places(), before);
}

#[test]
fn a_weight_holds_until_it_is_taken_back() {
    let upstream = three("round_robin");
    say(&upstream, &[], &[(1, 6), (2, 3)]);
    let weighed = HashMap::from([(1, 600), (2, 300), (3, 100)]);
    assert_eq!(shares(&upstream, 1000), weighed);
    let weights = || -> Vec<(u8, u8)> {
        let servers = upstream.servers().into_iter();
        servers
            .map(|server| (server.weight().get(), server.configured_weight.get()))
            .collect()
    };
    assert_eq!(weights(), [(6, 1), (3, 3), (1, 1)]);
    // A resolution in between changes nothing.
    upstream.publish_resolved(|_, _| Vec::new());
    assert_eq!(shares(&upstream, 1000), weighed);
    say(&upstream, &[], &[]);
    assert_eq!(weights(), [(1, 1), (3, 3), (1, 1)]);
    assert_eq!(shares(&upstream, 500)[&2], 300);
}

#[test]
fn requests_are_counted_on_across_a_change() {
    let upstream = three("least_requests");
    let first = inet("127.0.0.1:1");
    let _held: Vec<_> = (0..4).map(|_| upstream.begin(&first)).collect();
    say(&upstream, &[3], &[(1, 2), (2, 1)]);
    // Four requests for a weight of two are more than one for a weight of one.
    assert_eq!(shares(&upstream, 20), HashMap::from([(2, 20)]));
}

/// Another weight is no better health.
#[tokio::test]
async fn a_server_that_is_down_stays_so_whatever_it_weighs() {
    let (good, bad) = (server("204 Yes").await, nowhere().await);
    let upstream = upstream(json!({
        "servers": [good, bad],
        "health_check": { "unhealthy_after": 1 },
    }))
    .unwrap();
    let checks = HealthChecks::new([Arc::clone(&upstream)]);
    checks.probe_all().await;
    let only = HashMap::from([(good.port(), 20)]);
    assert_eq!(shares(&upstream, 20), only);
    say(&upstream, &[], &[(bad.port(), 9)]);
    assert_eq!(shares(&upstream, 20), only);
    // Nor is it while the other is drained, and that one is still probed.
    say(&upstream, &[good.port()], &[]);
    assert_eq!(upstream.pick_for(None, &[]), None);
    assert!(!upstream.are_all_drained());
    checks.probe_all().await;
    assert_eq!(
        upstream
            .healthy()
            .iter()
            .map(|(_, count)| count)
            .sum::<u64>(),
        1
    );
}
