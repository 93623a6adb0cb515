//! Rate limits that two gateways keep together.

use super::*;

#[tokio::test]
async fn what_one_lets_pass_counts_at_the_other() {
    let mut pair = Pair::with(|config| {
        config["limits"] = json!({"rates": {"shared": true, "shared_interval": "100ms"}});
        let routes = config["routes"].as_array_mut().unwrap();
        for path in ["/counted", "/burst", "/alone"] {
            // Nothing of it is paid back during the test.
            routes.push(json!({
                "path": path, "auth": "none", "upstream": "app", "rate_per_client": "10/100h",
            }));
        }
    })
    .await;

    assert_eq!(passes(&pair.one, "/counted", 6).await, 6);
    exchange([&pair.one, &pair.two]).await;
    assert_eq!(passes(&pair.two, "/counted", 9).await, 4);
    exchange([&pair.one, &pair.two]).await;
    for gateway in [&pair.one, &pair.two] {
        assert_eq!(passes(gateway, "/counted", 3).await, 0);
    }

    // What comes to both before they exchange passes both; never more than each alone lets pass, and
    // all of it counts.
    let at_once = tokio::join!(
        passes(&pair.one, "/burst", 15),
        passes(&pair.two, "/burst", 15)
    );
    let total = at_once.0 + at_once.1;
    assert!((10..=20).contains(&total), "{at_once:?}");
    exchange([&pair.one, &pair.two]).await;
    for gateway in [&pair.one, &pair.two] {
        assert_eq!(passes(gateway, "/burst", 3).await, 0);
    }

    // Without the database, each counts by itself.
    pair.server.stop().await;
    let alone = "vestibule_rates_counted_alone";
    pair.one.metric_becomes(alone, &[], 1.0).await;
    let ready = pair.one.admin("/ready").await;
    assert_eq!(ready.status(), 200);
    let note = "rate limits are counted by this gateway alone";
    assert!(ready.text().contains(note), "{}", ready.text());
    assert_eq!(passes(&pair.one, "/alone", 15).await, 10);

    // Afterwards the other hears of what passed meanwhile.
    pair.server.start_again().await;
    exchange([&pair.one, &pair.two]).await;
    assert_eq!(pair.one.metrics().await.sum(alone, &[]), 0.0);
    assert_eq!(passes(&pair.two, "/alone", 3).await, 0);
    let ready = pair.one.admin("/ready").await;
    assert!(!ready.text().contains(note), "{}", ready.text());
}

/// How many of so many requests pass.
async fn passes(gateway: &Gateway, path: &str, tries: usize) -> usize {
    let mut passed = 0;
    for _ in 0..tries {
        match gateway.get(path, &[]).await.status() {
            200 => passed += 1,
            429 => {}
            other => panic!("{other}"),
        }
    }
    passed
}

/// Waits until each has handed over what passed before, and then heard of what the other did.
pub(super) async fn exchange(pair: [&Gateway; 2]) {
    for gateway in [pair, pair].concat() {
        let exchanges = async || {
            let metrics = gateway.metrics().await;
            metrics.sum("vestibule_rate_exchanges_total", &[("result", "ok")])
        };
        let deadline = Instant::now() + 3 * PATIENCE;
        // The first to end may have begun before.
        let enough = exchanges().await + 2.0;
        while exchanges().await < enough {
            assert!(Instant::now() < deadline, "no exchange");
            sleep(Duration::from_millis(10)).await;
        }
    }
}
