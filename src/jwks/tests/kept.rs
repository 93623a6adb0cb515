//! Keys that the store keeps.

use super::*;

/// Keeps answers in memory.
#[derive(Default)]
struct Kept(Mutex<HashMap<(String, String), StoredKeySet>>);

impl LastGood for Kept {
    fn load(&self, issuer_name: &str, source: &str) -> Option<StoredKeySet> {
        self.0
            .lock()
            .unwrap()
            .get(&(issuer_name.to_owned(), source.to_owned()))
            .cloned()
    }

    fn save(&self, issuer_name: &str, source: &str, kept: &StoredKeySet) {
        let place = (issuer_name.to_owned(), source.to_owned());
        self.0.lock().unwrap().insert(place, kept.clone());
    }
}

#[tokio::test(start_paused = true)]
async fn kept_keys_serve_after_a_restart_while_the_issuer_is_down() {
    let kept = Arc::new(Kept::default());
    let last_good = || Some(Arc::clone(&kept) as Arc<dyn LastGood>);
    let first = Scene::start(json!({}), Said::Keys(jwks(&["a"])), last_good());
    first.keys.first_fetch().await;
    // Saving continues behind the fetch; the paused clock stands still until it is done.
    sleep(SECOND).await;
    assert_eq!(kept.0.lock().unwrap().len(), 1);

    let second = Scene::start(json!({}), Said::Refuse, last_good());
    second.keys.first_fetch().await;
    assert_eq!(second.kids(), ["a"]);
    assert!(second.keys.status().degraded);
    second.provider.says(Said::Keys(jwks(&["b"])));
    assert!(second.keys.refresh().await);
    assert_eq!(second.kids(), ["b"]);

    // Another address may be another's keys.
    let moved = json!({ "jwks_url": "https://idp.example/other" });
    let moved = Scene::start(moved, Said::Refuse, last_good());
    moved.keys.first_fetch().await;
    assert!(!moved.keys.snapshot().is_known());

    // Too old, or not a key set: as if there were none.
    sleep(SECOND).await;
    for spoil in [
        |kept: &mut StoredKeySet| kept.fetched_at = UnixTime(UnixTime::now().0 - 86_401),
        |kept: &mut StoredKeySet| kept.body = b"{".to_vec(),
    ] {
        kept.0.lock().unwrap().values_mut().for_each(spoil);
        let scene = Scene::start(json!({}), Said::Refuse, last_good());
        scene.keys.first_fetch().await;
        assert!(!scene.keys.snapshot().is_known());
    }
}
