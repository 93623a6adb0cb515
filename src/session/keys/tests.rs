use std::time::Duration;

use super::key_encryption::tests::secret;
use super::*;
use crate::store::TestStore;

/// The keys of a gateway on a store, which are published an hour before they sign.
async fn keys_on(store: &TestStore, current_only: bool) -> SigningKeys {
    let mut rules = KeyRules::unsealed(SigningAlgorithm::ES256).unwrap();
    rules.schedule.publish_ahead = Duration::from_secs(3600);
    rules.schedule.keep = Duration::from_secs(7200);
    rules.current_only = current_only;
    SigningKeys::load(&*store.engine, rules).await.unwrap()
}

/// In the order of their first letters: keys of one second have no other.
fn states(keys: &SigningKeys) -> Vec<KeyState> {
    let mut states: Vec<_> = keys.keyring().keys().map(|key| key.state).collect();
    states.sort_by_key(|state| format!("{state:?}"));
    states
}

#[tokio::test]
async fn gateways_share_keys_and_follow_a_rotation() {
    let test = TestStore::new();
    let (here, there) = (keys_on(&test, false).await, keys_on(&test, false).await);
    let first = here.keyring().current().kid().to_owned();
    assert_eq!(there.keyring().current().kid(), first);

    here.rotate(&*test.engine, false).await.unwrap();
    assert_eq!(states(&here), [KeyState::Current, KeyState::Next]);
    assert_eq!(here.keyring().current().kid(), first, "published ahead");
    here.rotate(&*test.engine, true).await.unwrap();
    assert_eq!(states(&here), [KeyState::Current, KeyState::Retired]);
    let second = here.keyring().current().kid().to_owned();
    assert_ne!(second, first);

    assert_eq!(there.keyring().current().kid(), first, "not heard of yet");
    there.tend(&*test.engine).await.unwrap();
    assert_eq!(there.keyring().current().kid(), second);
    assert!(there.keyring().by_kid(&first).is_some());
}

#[tokio::test]
async fn tokens_stay_good_over_a_rotation() {
    let test = TestStore::new();
    let keys = keys_on(&test, false).await;
    let key_validity = keys.keyring().key_validity();
    keys.rotate(&*test.engine, true).await.unwrap();
    assert!(key_validity.is_valid() && keys.keyring().key_validity().is_valid());
}

#[tokio::test]
async fn tokens_of_a_key_that_is_published_no_more_are_minted_anew() {
    let test = TestStore::new();
    let keys = keys_on(&test, true).await;
    let (key_validity, kid) = (
        keys.keyring().key_validity(),
        keys.keyring().current().kid().to_owned(),
    );
    keys.rotate(&*test.engine, true).await.unwrap();
    assert!(!key_validity.is_valid());
    assert!(keys.keyring().key_validity().is_valid());
    let published: serde_json::Value = serde_json::from_slice(&keys.keyring().jwks()).unwrap();
    assert_eq!(published["keys"].as_array().unwrap().len(), 1);
    assert_ne!(published["keys"][0]["kid"], kid.as_str());
    assert!(
        keys.keyring().by_kid(&kid).is_some(),
        "we know it ourselves"
    );
}

/// The key would be gone for all gateways.
#[tokio::test]
async fn a_clock_that_is_ahead_of_the_databases_drops_no_key() {
    let test_store = TestStore::new();
    let gates = test_store.gated();
    let rules = KeyRules::unsealed(SigningAlgorithm::ES256).unwrap();
    let keys = SigningKeys::load(&*gates, rules).await.unwrap();
    keys.rotate(&*gates, true).await.unwrap();
    let (now, hour) = (UnixTime::now(), Duration::from_secs(3600));
    let seen = crate::store::SigningKeys::signing_keys(&*gates)
        .await
        .unwrap();
    let mut changed = seen.clone();
    for key in &mut changed {
        key.published_until = key.published_until.map(|_| now.minus(hour));
    }
    crate::store::SigningKeys::replace_signing_keys(&*gates, seen, changed, now)
        .await
        .unwrap();
    let (current, retired) = (KeyState::Current, KeyState::Retired);
    for (database, kept) in [
        (now.minus(3 * hour), &[current, retired][..]),
        (now, &[current]),
    ] {
        gates.set_clock(database);
        keys.tend(&*gates).await.unwrap();
        assert_eq!(states(&keys), kept, "{database:?}");
    }
}

#[tokio::test]
async fn a_forgotten_key_verifies_nothing() {
    let test = TestStore::new();
    let keys = keys_on(&test, false).await;
    let (key_validity, kid) = (
        keys.keyring().key_validity(),
        keys.keyring().current().kid().to_owned(),
    );
    keys.forget(&*test.engine, &kid).await.unwrap();
    assert!(
        keys.keyring().by_kid(&kid).is_some(),
        "the current key stays"
    );
    keys.rotate(&*test.engine, true).await.unwrap();
    assert!(key_validity.is_valid());
    keys.forget(&*test.engine, &kid).await.unwrap();
    assert!(keys.keyring().by_kid(&kid).is_none());
    assert!(!key_validity.is_valid());
}

#[tokio::test]
async fn keys_in_files_sign_in_their_order() {
    let test = TestStore::new();
    let folder = tempfile::TempDir::new().unwrap();
    let path = |name: &str| folder.path().join(name);
    let put = |name: &str, algorithm| {
        let der = Signer::generate(algorithm).unwrap();
        std::fs::write(path(name), pem("PRIVATE KEY", &der)).unwrap();
    };
    put("one", SigningAlgorithm::ES256);
    put("two", SigningAlgorithm::EdDSA);
    let mut rules = KeyRules::unsealed(SigningAlgorithm::ES256).unwrap();
    rules.files = Some(vec![path("one"), path("two")]);
    let keys = SigningKeys::load(&*test.engine, rules).await.unwrap();
    assert_eq!(states(&keys), [KeyState::Current, KeyState::Retired]);
    assert_eq!(keys.keyring().current().algorithm(), "ES256");
    assert!(
        crate::store::SigningKeys::signing_keys(&*test.engine)
            .await
            .unwrap()
            .is_empty(),
        "the store has none"
    );
    for refused in [
        keys.rotate(&*test.engine, true).await,
        keys.forget(&*test.engine, "kid").await,
    ] {
        assert!(matches!(refused, Err(KeysError::InFiles)), "{refused:?}");
    }

    // A rotation: the old key goes to the second place before a new one takes the first.
    let (key_validity, first) = (
        keys.keyring().key_validity(),
        keys.keyring().current().kid().to_owned(),
    );
    std::fs::copy(path("one"), path("two")).unwrap();
    put("one", SigningAlgorithm::ES256);
    keys.tend(&*test.engine).await.unwrap();
    assert_ne!(keys.keyring().current().kid(), first);
    assert!(keys.keyring().by_kid(&first).is_some());
    assert!(
        !key_validity.is_valid(),
        "the key that `two` was is published no more"
    );

    // What cannot be read changes nothing.
    let now = keys.keyring().current().kid().to_owned();
    let ec = pem("EC PRIVATE KEY", b"SEC 1");
    for (text, said) in [
        (ec.as_str(), "openssl pkcs8"),
        (&pem("PRIVATE KEY", b"no key"), "not a key"),
        ("", "PRIVATE KEY"),
    ] {
        std::fs::write(path("one"), text).unwrap();
        let error = keys.tend(&*test.engine).await.unwrap_err();
        assert!(error.to_string().contains(said), "{error}");
        assert_eq!(keys.keyring().current().kid(), now);
    }
    put("one", SigningAlgorithm::EdDSA);
    let error = keys.tend(&*test.engine).await.unwrap_err();
    assert!(error.to_string().contains("session.algorithm"), "{error}");
    std::fs::remove_file(path("one")).unwrap();
    assert!(keys.tend(&*test.engine).await.is_err());
    put("one", SigningAlgorithm::ES256);
    keys.tend(&*test.engine).await.unwrap();
}

/// During a change of the key-encryption key, two gateways take another one for the newest.
#[tokio::test]
async fn gateways_with_other_orders_of_keys_do_not_undo_each_other_without_end() {
    let test = TestStore::new();
    let start = async |order: [u8; 2]| {
        let mut rules = KeyRules::unsealed(SigningAlgorithm::ES256).unwrap();
        rules.key_encryption = KeyEncryption::new(&order.map(secret), Uuid::nil()).unwrap();
        SigningKeys::load(&*test.engine, rules).await.unwrap()
    };
    let sealed_with = async || {
        let keys = crate::store::SigningKeys::signing_keys(&*test.engine);
        keys.await.unwrap()[0].sealed_with.clone()
    };
    let before = start([1, 2]).await;
    let old = sealed_with().await;
    let after = start([2, 1]).await;
    let new = sealed_with().await;
    assert_ne!(old, new, "encrypted again at the start");
    for _ in 0..3 {
        before.tend(&*test.engine).await.unwrap();
        after.tend(&*test.engine).await.unwrap();
        assert_eq!(sealed_with().await, new);
    }
    start([1, 2]).await;
    assert_eq!(sealed_with().await, old);
}

#[test]
fn the_store_is_asked_for_unknown_keys_once_a_second() {
    let keys = SigningKeys::ephemeral(SigningAlgorithm::ES256).unwrap();
    let may_look = |second| keys.may_look(UnixTime(second));
    assert_eq!([10, 10, 11, 11].map(may_look), [true, false, true, false]);
}

fn pem(label: &str, der: &[u8]) -> String {
    use base64::Engine as _;
    let text = base64::engine::general_purpose::STANDARD.encode(der);
    let lines: Vec<_> = text
        .as_bytes()
        .chunks(64)
        .map(String::from_utf8_lossy)
        .collect();
    let lines = lines.join("\n");
    format!("-----BEGIN {label}-----\n{lines}\n-----END {label}-----\n")
}

/// A current key of a former `session.algorithm` signs no more, and would stay published for ever.
#[tokio::test]
async fn a_leaked_key_of_a_former_algorithm_is_deleted() {
    let test = TestStore::new();
    let former = keys_on(&test, false).await;
    let leaked = former.keyring().current().kid().to_owned();
    let rules = KeyRules::unsealed(SigningAlgorithm::EdDSA).unwrap();
    let keys = SigningKeys::load(&*test.engine, rules).await.unwrap();
    assert!(keys.keyring().by_kid(&leaked).is_some());
    keys.forget(&*test.engine, &leaked).await.unwrap();
    assert!(keys.keyring().by_kid(&leaked).is_none());

    let signer = keys.keyring().current().kid().to_owned();
    keys.forget(&*test.engine, &signer).await.unwrap();
    assert_eq!(keys.keyring().current().kid(), signer, "it signs");
}
