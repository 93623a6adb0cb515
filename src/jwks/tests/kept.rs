//! Keys that the store keeps.

use super::*;

/// Keeps answers in memory.
#[derive(Default)]
pub(super) struct Kept(Mutex<HashMap<(String, String), StoredKeySet>>);

impl Kept {
    /// The bodies of the answers.
    pub(super) fn bodies(&self) -> Vec<Vec<u8>> {
        let kept = self.0.lock().unwrap();
        kept.values().map(|kept| kept.body.clone()).collect()
    }
}

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

/// An issuer that answers every time is never without keys, whatever its answers ask for.
#[tokio::test(start_paused = true)]
async fn a_long_freshness_does_not_outlast_the_keys() {
    let half_an_hour = Duration::from_secs(1800);
    let hour = half_an_hour * 2;
    for (settings, interval) in [
        (json!({ "jwks": { "max_stale": "30m" } }), half_an_hour / 2),
        (json!({ "jwks": { "max_stale": "3h" } }), hour),
    ] {
        let scene = Scene::fetched(settings, Said::KeysFor(jwks(&["a"]), hour)).await;
        let next = Duration::from_secs_f64(scene.keys.status().next_refresh.unwrap());
        assert!(
            next <= interval && next >= interval.mul_f64(0.89),
            "{next:?}"
        );
        for _ in 0..100 {
            sleep(half_an_hour / 10).await;
            assert!(scene.keys.snapshot().is_known());
        }
    }
}
