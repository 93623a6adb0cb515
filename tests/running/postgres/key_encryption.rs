//! The key that encrypts signing keys, as it is changed at one gateway after the other.

use serde_json::{Value, json};

use super::Pair;
use crate::support::eventually;

/// It works on with what it knows, and must not look well meanwhile.
#[tokio::test]
async fn a_gateway_that_lacks_a_key_encryption_key_says_so_until_it_has_it() {
    let mut pair = Pair::start().await;
    let folder = tempfile::TempDir::new().unwrap();
    let newer = folder.path().join("newer");
    std::fs::write(&newer, "I".repeat(43)).unwrap();
    let newer = json!(format!("file:{}", newer.display()));
    let key = |config: &Value| config["session"]["key_encryption_keys"][0].clone();

    // In the wrong order: it signs first what the other cannot read.
    pair.one.configure(|config| {
        let older = key(config);
        config["session"]["key_encryption_keys"] = json!([newer, older]);
    });
    pair.one = pair.one.restart().await;
    pair.one.wait_until_whole().await;
    let unreadable = "vestibule_signing_keys_unreadable";
    pair.two.metric_becomes(unreadable, &[], 1.0).await;
    let reported = "the signing keys cannot be read or rotated";
    let ready = pair.two.admin("/ready").await;
    assert!(
        ready.status() == 200 && ready.contains(reported),
        "{}",
        ready.text()
    );
    let glance = pair.two.admin("/admin/api/overview").await;
    assert!(glance.contains(reported), "{}", glance.text());
    assert!(glance.contains("is not configured"), "{}", glance.text());
    assert_eq!(pair.one.metrics().await.sum(unreadable, &[]), 0.0);

    pair.two.configure(|config| {
        let older = key(config);
        config["session"]["key_encryption_keys"] = json!([older, newer]);
    });
    pair.two = pair.two.restart().await;
    eventually("the other one still cannot read them", async || {
        let ready = pair.two.admin("/ready").await;
        ready.json()["status"] == "ready"
    })
    .await;
    assert_eq!(pair.two.metrics().await.sum(unreadable, &[]), 0.0);
}
