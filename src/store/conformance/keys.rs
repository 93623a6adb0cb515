//! Signing keys and settings: the first writer wins, and all see the same.

use futures::future::join_all;

use super::{Engine, HOUR, NOON, sid, token};
use crate::store::{KeyState, PrivateKeyBytes, SigningAlgorithm, SigningKeyRecord, StoreError};

pub(super) async fn of_concurrent_first_keys_one_wins(engine: &dyn Engine) {
    let store = engine.open().await;
    assert_eq!(store.signing_keys().await.unwrap(), []);
    let inserts = (0..20).map(|n| {
        let store = store.clone();
        let key = key(&format!("key-{n}"));
        tokio::spawn(async move { store.insert_signing_key_if_none(key).await.unwrap() })
    });
    let answers: Vec<_> = join_all(inserts)
        .await
        .into_iter()
        .map(Result::unwrap)
        .collect();
    assert_eq!(answers[0].len(), 1);
    assert!(answers.iter().all(|answer| *answer == answers[0]));
    assert_eq!(store.signing_keys().await.unwrap(), answers[0]);
    store.close().await;
}

pub(super) async fn a_key_is_written_over(engine: &dyn Engine) {
    let store = engine.open().await;
    let later = SigningKeyRecord {
        created_at: NOON.plus(HOUR),
        ..key("a")
    };
    store.put_signing_key(later.clone()).await.unwrap();
    store.put_signing_key(key("b")).await.unwrap();
    assert_eq!(
        store.signing_keys().await.unwrap(),
        [key("b"), later.clone()]
    );

    let retired = SigningKeyRecord {
        state: KeyState::Retired,
        ..key("b")
    };
    store.put_signing_key(retired.clone()).await.unwrap();
    store.close().await;
    let store = engine.open().await;
    assert_eq!(store.signing_keys().await.unwrap(), [retired, later]);
    store.close().await;
}

pub(super) async fn settings_keep_the_first_value_and_take_a_new_one(engine: &dyn Engine) {
    let store = engine.open().await;
    assert_eq!(store.setting("name").await.unwrap(), None);
    let inserts = (0..20).map(|n| {
        let store = store.clone();
        tokio::spawn(async move {
            store
                .setting_or_insert("name", &n.to_string())
                .await
                .unwrap()
        })
    });
    let answers: Vec<_> = join_all(inserts)
        .await
        .into_iter()
        .map(Result::unwrap)
        .collect();
    assert!(answers.iter().all(|answer| *answer == answers[0]));
    store.put_setting("name", "new").await.unwrap();
    assert_eq!(store.setting("name").await.unwrap().as_deref(), Some("new"));
    assert_eq!(
        store.setting_or_insert("name", "late").await.unwrap(),
        "new"
    );
    store.close().await;
}

pub(super) async fn a_closed_store_is_unavailable(engine: &dyn Engine) {
    let store = engine.open().await;
    store.health().await.unwrap();
    store.close().await;
    let unavailable = |error| assert!(matches!(error, StoreError::Unavailable(_)), "{error}");
    unavailable(store.health().await.unwrap_err());
    unavailable(store.sign_in(token("ada")).await.unwrap_err());
    unavailable(store.session(sid("ada")).await.unwrap_err());
    unavailable(store.put_setting("name", "value").await.unwrap_err());
    store.close().await;
}

pub(super) fn key(kid: &str) -> SigningKeyRecord {
    SigningKeyRecord {
        kid: kid.to_owned(),
        algorithm: SigningAlgorithm::ES256,
        state: KeyState::Current,
        created_at: NOON,
        activates_at: NOON,
        retires_at: None,
        published_until: None,
        sealed_with: None,
        private_key: PrivateKeyBytes::new(b"not a key".to_vec()),
    }
}
