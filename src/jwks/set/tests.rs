use aws_lc_rs::digest;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::*;
use crate::issuer::Algorithm;
use crate::jwks::Thumbprints;
use crate::jwt::fixture::{self, Signer};

mod entries;

/// The one key that was found.
fn only<'a>(found: Result<Candidates<'a>, KeyMiss>) -> &'a Arc<VerifyingKey> {
    match found.unwrap() {
        Candidates::One(key) => key,
        Candidates::Several(keys) => panic!("several: {keys:?}"),
    }
}

/// The `kid`s of what was found, empty where there is none.
fn kids(found: Result<Candidates<'_>, KeyMiss>) -> Vec<&str> {
    let keys = match found.unwrap() {
        Candidates::One(key) => vec![key],
        Candidates::Several(keys) => keys,
    };
    keys.into_iter()
        .map(|key| key.kid().unwrap_or_default())
        .collect()
}

fn parse(keys: &[Value]) -> KeySet {
    KeySet::parse(json!({ "keys": keys }).to_string().as_bytes()).unwrap()
}

fn with(mut jwk: Value, name: &str, value: Value) -> Value {
    jwk[name] = value;
    jwk
}

fn without(mut jwk: Value, name: &str) -> Value {
    jwk.as_object_mut().unwrap().remove(name);
    jwk
}

#[test]
fn a_key_is_pinned_to_its_algorithm_or_family() {
    let named = parse(&[with(fixture::rsa().jwk("k"), "alg", json!("RS256"))]);
    assert!(named.find(Some("k").into(), Algorithm::RS256).is_ok());
    for other in [
        Algorithm::RS512,
        Algorithm::PS256,
        Algorithm::ES256,
        Algorithm::HS256,
    ] {
        assert_eq!(
            named.find(Some("k").into(), other).unwrap_err(),
            KeyMiss::OtherAlgorithm
        );
    }
    let unnamed = parse(&[fixture::rsa().jwk("k")]);
    for algorithm in Algorithm::ASYMMETRIC {
        let rsa = algorithm.name().starts_with(['R', 'P']);
        assert_eq!(
            unnamed.find(Some("k").into(), algorithm).is_ok(),
            rsa,
            "{algorithm:?}"
        );
    }
}

#[test]
fn a_missing_kid_needs_one_key_for_the_algorithm() {
    let (one, two) = (Signer::new("ES256"), Signer::new("ES256"));
    let alone = parse(&[one.jwk("a"), fixture::rsa().jwk("r")]);
    assert!(alone.find(None.into(), Algorithm::ES256).is_ok());
    let several = parse(&[one.jwk("a"), two.jwk("b")]);
    assert_eq!(
        kids(several.find(None.into(), Algorithm::ES256)),
        ["a", "b"]
    );
    assert_eq!(
        several.find(None.into(), Algorithm::RS256).unwrap_err(),
        KeyMiss::NoKid
    );

    // A key without `kid` is tried for any, if it is the only one of its family.
    let nameless = without(one.jwk("a"), "kid");
    let alone = parse(&[nameless.clone(), fixture::rsa().jwk("r")]);
    assert!(alone.find(Some("x").into(), Algorithm::ES256).is_ok());
    assert!(alone.find(None.into(), Algorithm::ES256).is_ok());
    // With others it is one of several, none of which is tried unless all are.
    let several = parse(&[nameless.clone(), two.jwk("b")]);
    assert_eq!(
        kids(several.find(Some("x").into(), Algorithm::ES256)),
        ["", "b"]
    );
    let both = parse(&[nameless, without(two.jwk("b"), "kid")]);
    assert_eq!(
        kids(both.find(Some("x").into(), Algorithm::ES256)),
        ["", ""]
    );
    assert_eq!(
        both.find(Some("x").into(), Algorithm::RS256).unwrap_err(),
        KeyMiss::UnknownKid
    );
    assert_eq!(kids(several.find(None.into(), Algorithm::ES256)), ["", "b"]);
    assert!(several.find(Some("b").into(), Algorithm::ES256).is_ok());
    // A key with another `kid` is never tried for a `kid`.
    assert_eq!(
        parse(&[one.jwk("a")])
            .find(Some("x").into(), Algorithm::ES256)
            .unwrap_err(),
        KeyMiss::UnknownKid
    );

    // Of keys for different algorithms, the token's own algorithm chooses.
    let pinned = parse(&[
        with(fixture::rsa().jwk("a"), "alg", json!("RS256")),
        with(fixture::rsa().jwk("b"), "alg", json!("PS256")),
    ]);
    assert_eq!(kids(pinned.find(None.into(), Algorithm::RS256)), ["a"]);
    assert_eq!(kids(pinned.find(None.into(), Algorithm::PS256)), ["b"]);
    assert_eq!(
        pinned.find(None.into(), Algorithm::RS512).unwrap_err(),
        KeyMiss::NoKid
    );
}

/// One entry for each algorithm, as servers write that let a client choose.
#[test]
fn one_key_in_an_entry_for_each_algorithm_is_one_key_for_all_of_them() {
    let entry = |alg: &str| with(fixture::rsa().jwk("k"), "alg", json!(alg));
    let set = parse(&[
        entry("RS256"),
        entry("RS384"),
        entry("RS512"),
        entry("PS256"),
    ]);
    assert!(set.len() == 1 && set.skipped().is_empty());
    for algorithm in [
        Algorithm::RS256,
        Algorithm::RS384,
        Algorithm::RS512,
        Algorithm::PS256,
    ] {
        assert!(set.find(Some("k").into(), algorithm).is_ok());
        assert!(set.find(None.into(), algorithm).is_ok());
    }
    assert_eq!(
        set.find(Some("k").into(), Algorithm::PS512).unwrap_err(),
        KeyMiss::OtherAlgorithm
    );
    // An entry that names no algorithm stands for the family.
    let open = parse(&[entry("RS256"), fixture::rsa().jwk("k")]);
    assert!(open.find(Some("k").into(), Algorithm::PS512).is_ok());
    // One that is for encryption stands for nothing.
    let encrypting = with(entry("RS384"), "use", json!("enc"));
    let set = parse(&[entry("RS256"), encrypting]);
    assert!(set.find(Some("k").into(), Algorithm::RS384).is_err());
}

/// What ADFS publishes: each key with its certificate, and tokens that name its thumbprint.
#[test]
fn without_a_kid_a_thumbprint_chooses() {
    let certified = |signer: &Signer, kid: &str, der: &[u8]| {
        with(signer.jwk(kid), "x5c", json!([STANDARD.encode(der)]))
    };
    let (one, two) = (Signer::new("ES256"), Signer::new("ES256"));
    let stated = with(two.jwk("b"), "x5t", json!("dGh1bWJwcmludA"));
    let set = parse(&[certified(&one, "a", b"certificate"), stated]);
    let find = |sha1: Option<&str>, sha256: Option<&str>| {
        let thumbprints = Thumbprints::new(sha1, sha256);
        let hint = KeyHint {
            kid: None,
            thumbprints: Some(&thumbprints),
        };
        kids(set.find(hint, Algorithm::ES256))
    };
    let sha1 = digest::digest(&digest::SHA1_FOR_LEGACY_USE_ONLY, b"certificate");
    let sha256 = digest::digest(&digest::SHA256, b"certificate");
    let (sha1, sha256) = (fixture::encode(sha1), fixture::encode(sha256));
    assert_eq!(find(Some(&sha1), None), ["a"]);
    assert_eq!(find(None, Some(&sha256)), ["a"]);
    assert_eq!(find(Some("dGh1bWJwcmludA=="), None), ["b"]);
    // The stronger hash decides, and one that no key has chooses nothing.
    assert_eq!(find(Some("other"), Some(&sha256)), ["a"]);
    assert_eq!(find(Some("other"), None), ["a", "b"]);
}

/// A `kid` that names no key, or several, leaves the thumbprint to choose.
#[test]
fn where_a_kid_does_not_choose_a_thumbprint_does() {
    let stated = |signer: &Signer, kid: &str, x5t: &str| with(signer.jwk(kid), "x5t", json!(x5t));
    let (one, two) = (Signer::new("ES256"), Signer::new("ES256"));
    let find = |set: &KeySet, kid: &str, sha1: &str| {
        let thumbprints = Thumbprints::new(Some(sha1), None);
        let hint = KeyHint {
            kid: Some(kid),
            thumbprints: Some(&thumbprints),
        };
        set.find(hint, Algorithm::ES256)
            .map(|found| kids(Ok(found)).len())
    };
    let apart = parse(&[stated(&one, "a", "MQ"), stated(&two, "b", "Mg")]);
    assert_eq!(find(&apart, "other", "Mg"), Ok(1));
    assert_eq!(find(&apart, "other", "Mw"), Err(KeyMiss::UnknownKid));
    // The `kid` counts where it names one.
    assert_eq!(find(&apart, "a", "Mg"), Ok(1));
    let rivals = parse(&[stated(&one, "k", "MQ"), stated(&two, "k", "Mg")]);
    assert_eq!(find(&rivals, "k", "Mg"), Ok(1));
    assert_eq!(find(&rivals, "k", "Mw"), Ok(2));
}

/// Serializers write out what a key does not have.
#[test]
fn what_is_null_or_empty_is_absent() {
    for (name, value) in [
        ("key_ops", json!([])),
        ("key_ops", json!(null)),
        ("d", json!(null)),
        ("d", json!("")),
        ("oth", json!([])),
        ("use", json!("")),
        ("alg", json!(null)),
        ("alg", json!("")),
        ("x5t", json!(null)),
    ] {
        let set = parse(&[with(fixture::rsa().jwk("k"), name, value)]);
        assert!(
            set.find(Some("k").into(), Algorithm::RS256).is_ok(),
            "{name}"
        );
    }
    for kid in [json!(null), json!("")] {
        let set = parse(&[with(fixture::rsa().jwk("k"), "kid", kid)]);
        assert_eq!(only(set.find(None.into(), Algorithm::RS256)).kid(), None);
    }
    for (name, value) in [
        ("key_ops", json!(["sign"])),
        ("key_ops", json!({})),
        ("d", json!("AAAA")),
        ("p", json!("AAAA")),
        ("use", json!("x509-svid")),
    ] {
        let set = parse(&[with(fixture::rsa().jwk("k"), name, value)]);
        assert!(set.is_empty(), "{name}");
    }
}

#[test]
fn coordinates_may_lack_their_leading_zeros() {
    let short = loop {
        let jwk = Signer::new("ES256").jwk("k");
        let x = fixture::decode(jwk["x"].as_str().unwrap());
        if let [0, rest @ ..] = x.as_slice() {
            break with(jwk, "x", json!(fixture::encode(rest)));
        }
    };
    assert_eq!(parse(&[short]).len(), 1);
}

#[test]
fn one_kid_for_two_keys_is_used_for_neither() {
    let (one, two) = (Signer::new("ES256"), Signer::new("ES256"));
    let set = parse(&[
        one.jwk("k"),
        two.jwk("k"),
        Signer::new("ES256").jwk("other"),
    ]);
    assert_eq!(
        set.skipped(),
        &BTreeMap::from([(SkipReason::DuplicateKid, 2)])
    );
    assert!(set.len() == 1 && set.has_kid("other") && !set.has_kid("k"));
    // They are candidates for who tries all keys.
    assert_eq!(
        kids(set.find(Some("k").into(), Algorithm::ES256)),
        ["k", "k"]
    );
    assert_eq!(
        set.find(Some("k").into(), Algorithm::RS256).unwrap_err(),
        KeyMiss::OtherAlgorithm
    );
    assert_eq!(kids(set.find(None.into(), Algorithm::ES256)), ["other"]);
    // One that loses its rival is the same key as before, and one that goes is missing.
    let alone = parse(&[one.jwk("k")]).succeeding(&set);
    assert_eq!(set.missing_in(&alone).count(), 2);
    set.missing_in(&alone)
        .for_each(|key| key.key_validity().revoke());
    let left = only(alone.find(Some("k").into(), Algorithm::ES256));
    assert!(left.key_validity().is_valid());
    let Ok(Candidates::Several(rivals)) = set.find(Some("k").into(), Algorithm::ES256) else {
        panic!("two")
    };
    let valid = rivals.iter().filter(|key| key.key_validity().is_valid());
    assert_eq!(valid.count(), 1);
    // The same key twice is one key, and keys for different algorithms are kept apart.
    assert_eq!(parse(&[one.jwk("k"), one.jwk("k")]).len(), 1);
    let mixed = parse(&[one.jwk("k"), fixture::rsa().jwk("k")]);
    assert!(mixed.find(Some("k").into(), Algorithm::ES256).is_ok());
    assert!(mixed.find(Some("k").into(), Algorithm::RS256).is_ok());
}

#[test]
fn what_is_no_key_set_is_kept_apart_from_an_empty_one() {
    for text in ["", "<html>", "{\"keys\":[", "\u{1f}\u{8b}"] {
        let error = KeySet::parse(text.as_bytes()).unwrap_err();
        assert!(matches!(error, KeySetError::NotJson(_)), "{text}");
    }
    for text in ["{}", "[]", "null", "{\"keys\":{}}"] {
        let error = KeySet::parse(text.as_bytes()).unwrap_err();
        assert!(matches!(error, KeySetError::NotAKeySet), "{text}");
    }
    let discovery = br#"{"issuer":"https://a","jwks_uri":"https://a/keys"}"#;
    let error = KeySet::parse(discovery).unwrap_err();
    assert!(matches!(error, KeySetError::Discovery), "{error}");
    let pem = br#"{"a":"-----BEGIN CERTIFICATE-----"}"#;
    let error = KeySet::parse(pem).unwrap_err();
    assert!(matches!(error, KeySetError::PemMap), "{error}");
    let marked = KeySet::parse(b"\xef\xbb\xbf{\"keys\":[]}").unwrap();
    assert!(marked.is_known());
    let empty = KeySet::parse(b"{\"keys\":[]}").unwrap();
    assert!(empty.is_known() && empty.is_empty());
    assert!(!KeySet::unknown().is_known());
    assert_eq!(
        KeySet::unknown()
            .find(Some("k").into(), Algorithm::ES256)
            .unwrap_err(),
        KeyMiss::NoKeys
    );

    let many = vec![json!({}); 101];
    let many = json!({ "keys": many }).to_string();
    let error = KeySet::parse(many.as_bytes()).unwrap_err();
    assert!(matches!(
        error,
        KeySetError::TooManyKeys {
            count: 101,
            max: 100
        }
    ));
    assert!(KeySet::parse_as(KeyFormat::Jwks, many.as_bytes(), 101).is_ok());
}

#[test]
fn a_key_published_again_keeps_its_trust() {
    let (stays, goes, comes) = (
        Signer::new("ES256"),
        Signer::new("ES256"),
        Signer::new("ES256"),
    );
    let first = parse(&[stays.jwk("stays"), goes.jwk("goes")]);
    let key_validity = |set: &KeySet, kid| {
        only(set.find(Some(kid).into(), Algorithm::ES256))
            .key_validity()
            .clone()
    };
    let (kept, lost) = (key_validity(&first, "stays"), key_validity(&first, "goes"));
    // A key is its `kid`, type and material: other members may change.
    let again = with(stays.jwk("stays"), "alg", json!("ES256"));
    // Another key under the same `kid` is another key.
    let second = parse(&[again, comes.jwk("goes")]).succeeding(&first);
    let missing: Vec<_> = first
        .missing_in(&second)
        .filter_map(|key| key.kid())
        .collect();
    assert_eq!(missing, ["goes"]);
    for key in first.missing_in(&second) {
        key.key_validity().revoke();
    }
    assert!(kept.is_valid() && key_validity(&second, "stays").is_valid());
    assert!(!lost.is_valid());
    assert!(key_validity(&second, "goes").is_valid());
    key_validity(&second, "stays").revoke();
    assert!(!kept.is_valid());
}
