use tokio::time::Instant;

use super::*;
use crate::store::{TestStore, When};

const AWAY: &str = "the store does not respond: known sessions continue, new sign-ins are refused";
const SLOW: &str =
    "the store responds slowly: it is not known whether events for webhooks are parked";

fn webhooks() -> Vec<String> {
    (0..9).map(|number| format!("webhook-{number}")).collect()
}

fn texts(degraded: Vec<Degraded>) -> Vec<String> {
    degraded.into_iter().map(|degraded| degraded.text).collect()
}

#[tokio::test]
async fn a_store_that_answers_is_not_waited_for() {
    let (test, look) = (TestStore::new(), StoreLook::default());
    let store = test.store();
    for _ in 0..3 {
        assert_eq!(look.degraded(&store, webhooks()).await, []);
        assert_eq!(look.degraded(&store, Vec::new()).await, []);
    }
}

/// A probe hears of the store before it gives up, and later ones join the same question.
#[tokio::test(start_paused = true)]
async fn a_store_that_does_not_answer_is_waited_for_briefly() {
    let (test, look) = (TestStore::new(), StoreLook::default());
    let gated = test.gated();
    let store: Arc<dyn Store> = gated.clone();
    let mut held = gated.hold("health", When::Before);
    for _ in 0..3 {
        let begun = Instant::now();
        assert_eq!(texts(look.degraded(&store, webhooks()).await), [AWAY]);
        let waited = begun.elapsed();
        assert!(waited < PATIENCE + Duration::from_millis(100), "{waited:?}");
    }
    held.reached().await;
    held.open();
    ended(&look).await;
    assert_eq!(look.degraded(&store, webhooks()).await, []);
}

/// A slow count is no store that does not respond.
#[tokio::test(start_paused = true)]
async fn a_count_that_does_not_end_is_waited_for_briefly() {
    let (test, look) = (TestStore::new(), StoreLook::default());
    let gated = test.gated();
    let store: Arc<dyn Store> = gated.clone();
    let held = gated.hold("count_deliveries", When::After);
    let begun = Instant::now();
    assert_eq!(texts(look.degraded(&store, webhooks()).await), [SLOW]);
    assert!(begun.elapsed() < PATIENCE + Duration::from_millis(100));
    held.open();
    ended(&look).await;
    assert_eq!(look.degraded(&store, webhooks()).await, []);
}

#[tokio::test]
async fn a_store_that_fails_says_so_at_once() {
    let (test, look) = (TestStore::new(), StoreLook::default());
    let gated = test.gated();
    let store: Arc<dyn Store> = gated.clone();
    gated.fail_next("health");
    assert_eq!(texts(look.degraded(&store, webhooks()).await), [AWAY]);
    assert_eq!(look.degraded(&store, webhooks()).await, []);
}

/// Waits until the latest look is over.
async fn ended(look: &StoreLook) {
    let seen = {
        let latest = look.latest.lock().unwrap();
        latest.as_ref().map(|look| look.seen.clone())
    };
    let mut seen = seen.unwrap();
    seen.wait_for(|seen| seen.is_over).await.unwrap();
}
