use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use serde_json::{Value, json};
use tokio::time::{Instant, sleep, timeout};

use super::error::FetchError;
use super::service::Task;
use super::source::{Answer, Basis, Source, Validators};
use super::*;
use crate::clock::UnixTime;
use crate::issuer::Algorithm;
use crate::jwt::fixture::{self, Signer};

mod by_kid;
mod faulty;
mod http;
mod kept;
mod unknown_kid;

/// A provider whose answers the test sets, without a network.
#[derive(Default)]
struct Provider {
    answer: Mutex<Said>,
    fetches: AtomicUsize,
}

#[derive(Clone, Default)]
enum Said {
    #[default]
    Refuse,
    RetryAfter(Duration),
    Hang,
    Keys(Value),
    KeysFor(Value, Duration),
    Unchanged,
    Text(&'static str),
}

impl Provider {
    fn says(&self, answer: Said) {
        *self.answer.lock().unwrap() = answer;
    }

    fn fetches(&self) -> usize {
        self.fetches.load(Ordering::SeqCst)
    }
}

#[async_trait]
impl Source for Provider {
    async fn fetch(&self, _: Basis<'_>) -> Result<Answer, FetchError> {
        self.fetches.fetch_add(1, Ordering::SeqCst);
        let answer = self.answer.lock().unwrap().clone();
        let body = |body: String, fresh_for| {
            let body = body.into_bytes();
            Ok(Answer::Body {
                body,
                validators: Validators::default(),
                fresh_for,
            })
        };
        match answer {
            Said::Refuse => Err(FetchError::status(500, None)),
            Said::RetryAfter(pause) => Err(FetchError::status(429, Some(pause))),
            Said::Hang => {
                sleep(TIMEOUT).await;
                Err(FetchError::Timeout(TIMEOUT))
            }
            Said::Keys(keys) => body(json!({ "keys": keys }).to_string(), None),
            Said::KeysFor(keys, fresh) => body(json!({ "keys": keys }).to_string(), Some(fresh)),
            Said::Unchanged => Ok(Answer::Unchanged { fresh_for: None }),
            Said::Text(text) => body(text.to_owned(), None),
        }
    }
}

/// Counts what it is notified of.
#[derive(Default)]
struct Recorded {
    outcomes: Mutex<Vec<&'static str>>,
    removed: Mutex<Vec<(String, bool)>>,
    actions: Mutex<HashMap<&'static str, usize>>,
}

impl JwksEvents for Recorded {
    fn fetched(&self, _: &str, outcome: &'static str, _: Duration) {
        self.outcomes.lock().unwrap().push(outcome);
    }

    fn key_removed(
        &self,
        _: &str,
        kid: Option<&str>,
        key_validity: &KeyValidity,
        revoke_sessions: bool,
    ) {
        assert!(!key_validity.is_valid());
        self.removed
            .lock()
            .unwrap()
            .push((kid.unwrap_or_default().to_owned(), revoke_sessions));
    }

    fn unknown_kid(&self, _: &str, action: UnknownKidAction) {
        *self
            .actions
            .lock()
            .unwrap()
            .entry(action.code())
            .or_default() += 1;
    }
}

/// One issuer's keys, kept by its task, and the provider behind it.
struct Scene {
    provider: Arc<Provider>,
    keys: Arc<IssuerKeys>,
    recorded: Arc<Recorded>,
}

impl Scene {
    /// Starts the task; the first fetch has not begun yet.
    fn start(settings: Value, first: Said, last_good: Option<Arc<dyn LastGood>>) -> Self {
        let provider = Arc::new(Provider::default());
        provider.says(first);
        let keys = Arc::new(IssuerKeys::new(fixture::settings(settings).key_settings()));
        let recorded = Arc::new(Recorded::default());
        keys.report_to(Arc::clone(&recorded) as Arc<dyn JwksEvents>);
        let source = Arc::clone(&provider) as Arc<dyn Source>;
        let task = Task::new(Arc::clone(&keys), source, last_good);
        tokio::spawn(task.run());
        Self {
            provider,
            keys,
            recorded,
        }
    }

    async fn fetched(settings: Value, first: Said) -> Self {
        let scene = Self::start(settings, first, None);
        scene.keys.first_fetch().await;
        scene
    }

    fn kids(&self) -> Vec<String> {
        self.keys
            .snapshot()
            .iter()
            .map(|key| key.kid().unwrap().to_owned())
            .collect()
    }

    fn key_validity(&self, kid: &str) -> KeyValidity {
        self.keys
            .snapshot()
            .iter()
            .find(|key| key.kid() == Some(kid))
            .unwrap()
            .key_validity()
            .clone()
    }

    fn actions(&self, action: UnknownKidAction) -> usize {
        self.recorded
            .actions
            .lock()
            .unwrap()
            .get(action.code())
            .copied()
            .unwrap_or_default()
    }
}

fn jwks(kids: &[&str]) -> Value {
    kids.iter()
        .map(|kid| Signer::new("ES256").jwk(kid))
        .collect()
}

/// A key that was in no earlier set.
fn kid(kid: &str) -> Wanted {
    let named = NamedKey {
        kid: kid.to_owned(),
        thumbprints: None,
        algorithm: Algorithm::ES256,
    };
    let since = u64::MAX;
    Wanted::Key { named, since }
}

fn since(generation: u64) -> Wanted {
    Wanted::Change { since: generation }
}

const TIMEOUT: Duration = Duration::from_secs(5);
const SECOND: Duration = Duration::from_secs(1);

#[tokio::test(start_paused = true)]
async fn the_first_fetch_brings_the_keys() {
    let scene = Scene::start(json!({}), Said::Keys(jwks(&["a", "b"])), None);
    assert!(!scene.keys.snapshot().is_known());
    assert!(!scene.keys.status().has_keys);
    scene.keys.first_fetch().await;
    assert_eq!(scene.kids(), ["a", "b"]);
    let status = scene.keys.status();
    assert!(status.has_keys && !status.degraded && status.fetched_at.is_some());
    assert_eq!(
        status.fetches,
        FetchCounts {
            changed: 1,
            unchanged: 0,
            failed: 0
        }
    );
    assert_eq!(status.keys[0].algorithms, ["ES256"]);
    assert_eq!(*scene.recorded.outcomes.lock().unwrap(), ["changed"]);
}

#[tokio::test(start_paused = true)]
async fn refreshes_follow_the_answers_freshness_within_bounds() {
    let minute = Duration::from_secs(60);
    for (fresh_for, interval) in [
        (None, minute * 10),
        (Some(Duration::ZERO), minute),
        (Some(minute * 5), minute * 5),
        (Some(minute * 60 * 24), minute * 60),
        (Some(Duration::from_secs(u64::MAX)), minute * 60),
    ] {
        let keys = jwks(&["a"]);
        let said = fresh_for.map_or(Said::Keys(keys.clone()), |it| Said::KeysFor(keys, it));
        let scene = Scene::fetched(json!({}), said).await;
        let next = Duration::from_secs_f64(scene.keys.status().next_refresh.unwrap());
        assert!(
            next <= interval && next >= interval.mul_f64(0.89),
            "{fresh_for:?} {next:?}"
        );
        sleep(interval.mul_f64(0.89)).await;
        assert_eq!(scene.provider.fetches(), 1, "{fresh_for:?}");
        sleep(interval.mul_f64(0.12)).await;
        assert_eq!(scene.provider.fetches(), 2, "{fresh_for:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_equal_or_unchanged_answer_leaves_the_set_alone() {
    let keys = jwks(&["a"]);
    let scene = Scene::fetched(json!({}), Said::Keys(keys.clone())).await;
    let generation = scene.keys.generation();
    assert!(scene.keys.refresh().await);
    scene.provider.says(Said::Unchanged);
    assert!(scene.keys.refresh().await);
    assert_eq!(scene.keys.generation(), generation);
    assert_eq!(
        scene.keys.status().fetches,
        FetchCounts {
            changed: 1,
            unchanged: 2,
            failed: 0
        }
    );
    scene.provider.says(Said::Keys(jwks(&["a"])));
    assert!(scene.keys.refresh().await);
    assert_eq!(scene.keys.generation(), generation + 1);
    assert_eq!(scene.keys.status().fetches.changed, 2);
}

#[tokio::test(start_paused = true)]
async fn a_key_gone_from_a_good_fetch_is_distrusted_at_once() {
    for revoke in [false, true] {
        let keys = jwks(&["stays", "goes"]);
        let settings = json!({ "revoke_on_key_removal": revoke });
        let scene = Scene::fetched(settings, Said::Keys(keys.clone())).await;
        let (stays, goes) = (scene.key_validity("stays"), scene.key_validity("goes"));
        scene.provider.says(Said::Text("<html>"));
        assert!(!scene.keys.refresh().await);
        assert!(stays.is_valid() && goes.is_valid());
        scene.provider.says(Said::Keys(json!([keys[0]])));
        assert!(scene.keys.refresh().await);
        assert!(stays.is_valid() && !goes.is_valid());
        assert_eq!(
            *scene.recorded.removed.lock().unwrap(),
            [("goes".to_owned(), revoke)]
        );

        // An issuer that publishes no key has taken all back.
        scene.provider.says(Said::Keys(json!([])));
        assert!(scene.keys.refresh().await);
        assert!(!stays.is_valid());
        assert!(scene.keys.snapshot().is_known() && scene.keys.snapshot().is_empty());
    }
}

#[tokio::test(start_paused = true)]
async fn the_last_good_keys_serve_until_they_are_too_old() {
    let hour = Duration::from_secs(3600);
    let settings = json!({ "revoke_on_key_removal": true });
    let scene = Scene::fetched(settings, Said::Keys(jwks(&["a"]))).await;
    let key_validity = scene.key_validity("a");
    for (at, fault) in [Said::Refuse, Said::Hang, Said::Text(""), Said::Text("{}")]
        .iter()
        .enumerate()
    {
        scene.provider.says(fault.clone());
        sleep(hour * if at == 3 { 5 } else { 6 }).await;
        assert_eq!(scene.kids(), ["a"]);
        assert!(key_validity.is_valid());
        let status = scene.keys.status();
        assert!(status.degraded && status.has_keys && status.last_error.is_some());
    }
    sleep(hour * 2).await;
    assert!(!scene.keys.snapshot().is_known());
    assert!(!key_validity.is_valid());
    // Too old is not taken back: nobody hears that the issuer removed it, and sessions stay.
    assert!(scene.recorded.removed.lock().unwrap().is_empty());

    scene.provider.says(Said::Keys(jwks(&["b"])));
    sleep(SECOND * 6).await;
    assert_eq!(scene.kids(), ["b"]);
    assert!(!scene.keys.status().degraded);
    // Now it is: the issuer can be asked, and has it no more.
    let removed = || scene.recorded.removed.lock().unwrap().clone();
    assert_eq!(removed(), [("a".to_owned(), true)]);
    assert!(scene.keys.refresh().await);
    assert_eq!(removed().len(), 1, "it is said once");
}

#[tokio::test(start_paused = true)]
async fn failures_are_retried_with_growing_pauses() {
    let scene = Scene::fetched(json!({}), Said::Refuse).await;
    sleep(SECOND * 3).await;
    let early = scene.provider.fetches();
    assert!((3..=12).contains(&early), "{early}");
    sleep(SECOND * 60).await;
    let later = scene.provider.fetches() - early;
    assert!((12..=30).contains(&later), "{later}");
    // Without keys the pauses stay short, so that recovery is quick.
    scene.provider.says(Said::Keys(jwks(&["a"])));
    sleep(SECOND * 5).await;
    assert_eq!(scene.kids(), ["a"]);
    // With keys they grow longer.
    scene.provider.says(Said::Refuse);
    sleep(Duration::from_secs(3600)).await;
    let before = scene.provider.fetches();
    sleep(Duration::from_secs(3600)).await;
    let in_an_hour = scene.provider.fetches() - before;
    assert!((60..=130).contains(&in_an_hour), "{in_an_hour}");
}

#[tokio::test(start_paused = true)]
async fn a_hanging_issuer_delays_nobody_else() {
    let hanging = Scene::start(json!({}), Said::Hang, None);
    let others: Vec<Scene> = (0..49)
        .map(|_| Scene::start(json!({}), Said::Keys(jwks(&["a"])), None))
        .collect();
    let begun = Instant::now();
    for other in &others {
        other.keys.first_fetch().await;
    }
    assert_eq!(begun.elapsed(), Duration::ZERO);
    assert!(!hanging.keys.snapshot().is_known());
}

#[tokio::test(start_paused = true)]
async fn rotation_with_overlap_refuses_no_good_token() {
    // Ten rotations: the new key is published with the old one, then signs, then stands alone.
    let settings = json!({ "jwks": {
        "refresh_interval": "2s", "min_refresh_interval": "1s", "unknown_kid_cooldown": "1s",
    }});
    let kids: Vec<String> = (0..=10).map(|number| format!("k{number}")).collect();
    let signers: Vec<Value> = kids
        .iter()
        .map(|kid| Signer::new("ES256").jwk(kid))
        .collect();
    let scene = Scene::fetched(settings, Said::Keys(json!([signers[0]]))).await;
    for round in 0..10 {
        scene
            .provider
            .says(Said::Keys(json!([signers[round], signers[round + 1]])));
        for at in 0..1000 {
            let kid = if at < 200 {
                &kids[round]
            } else {
                &kids[round + 1]
            };
            let known = scene.keys.snapshot().has_kid(kid);
            assert!(
                known || scene.keys.refetch_for(&self::kid(kid)).await,
                "round {round} at {at}"
            );
            sleep(Duration::from_millis(5)).await;
        }
        scene.provider.says(Said::Keys(json!([signers[round + 1]])));
        sleep(SECOND * 3).await;
        assert_eq!(scene.kids(), [kids[round + 1].as_str()]);
    }
}
