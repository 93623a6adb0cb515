//! Properties of parsing and verification, whatever the input.

#![allow(clippy::string_slice, reason = "tokens are ASCII")]

use std::sync::OnceLock;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;

use super::*;

/// A key, the issuers that trust it, and a valid token; created once.
fn good() -> &'static (Issuers, String) {
    static GOOD: OnceLock<(Issuers, String)> = OnceLock::new();
    GOOD.get_or_init(|| {
        let signer = Signer::new("ES256");
        let issuers = fixture::issuers(fixture::settings(json!({})), &[signer.jwk("k")]);
        let token = signer.sign(&json!({ "alg": "ES256", "kid": "k" }), &fixture::claims());
        (issuers, token)
    })
}

/// JSON values, nested and with odd names.
fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        ".{0,12}".prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 24, 6, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..6).prop_map(Value::from),
            vec((name(), inner), 0..6).prop_map(|members| members.into_iter().collect()),
        ]
    })
}

fn name() -> impl Strategy<Value = String> {
    const KNOWN: &[&str] = &[
        "alg",
        "kid",
        "typ",
        "crit",
        "b64",
        "zip",
        "jwk",
        "jku",
        "x5u",
        "iss",
        "sub",
        "aud",
        "exp",
        "nbf",
        "iat",
        "azp",
        "cnf",
        "events",
        "email",
        "emailVerified",
        "sid",
        "kty",
        "use",
        "n",
        "e",
        "x",
        "y",
        "crv",
        "keys",
        "key_ops",
    ];
    prop_oneof![
        proptest::sample::select(KNOWN).prop_map(str::to_owned),
        ".{0,6}"
    ]
}

fn object() -> impl Strategy<Value = Value> {
    vec((name(), value()), 0..8).prop_map(|members| members.into_iter().collect())
}

proptest! {
    #[test]
    fn no_text_panics(text in ".{0,200}") {
        let (issuers, _) = good();
        prop_assert!(verify(&text, issuers, NOW).is_err());
        prop_assert!(!explain(&text, issuers, NOW).valid);
        let _ = unverified_issuer(&text);
    }

    #[test]
    fn no_header_and_claims_panic_or_pass_unsigned(header in object(), claims in object()) {
        let (issuers, _) = good();
        let encode = |value: &Value| fixture::encode(value.to_string());
        let token = format!("{}.{}.{}", encode(&header), encode(&claims), fixture::encode([1; 64]));
        let verdict = verify(&token, issuers, NOW);
        let explanation = explain(&token, issuers, NOW);
        prop_assert_eq!(explanation.code(), verdict.as_ref().err().map(Refusal::code));
        prop_assert!(verdict.is_err());
        let content = explanation.content.as_ref();
        let content = content.map_or(0, |said| 2 + usize::from(said.expires_at.is_some()));
        let rows = explanation.steps.len() + content + 1;
        prop_assert_eq!(explanation.to_string().lines().count(), rows);
    }

    #[test]
    fn claims_of_a_good_key_never_panic(changes in object()) {
        static SIGNER: OnceLock<Signer> = OnceLock::new();
        let signer = SIGNER.get_or_init(|| Signer::new("EdDSA"));
        let settings = json!({
            "aud": "api", "azp": "app", "required_claims": ["sid", "a.b"], "max_token_age": "1h",
        });
        let issuers = fixture::issuers(fixture::settings(settings), &[signer.jwk("k")]);
        let claims = fixture::with(fixture::claims(), &changes);
        let token = signer.sign(&json!({ "alg": "EdDSA", "kid": "k" }), &claims);
        let verdict = verify(&token, &issuers, NOW);
        let explanation = explain(&token, &issuers, NOW);
        prop_assert_eq!(explanation.valid, verdict.is_ok());
    }

    #[test]
    fn a_mutated_token_is_never_accepted(at in any::<Index>(), to in any::<char>()) {
        let (issuers, token) = good();
        prop_assert!(verify(token, issuers, NOW).is_ok());
        let mut characters: Vec<char> = token.chars().collect();
        let at = at.index(characters.len());
        prop_assume!(characters[at] != to);
        characters[at] = to;
        let mutated: String = characters.into_iter().collect();
        prop_assert!(verify(&mutated, issuers, NOW).is_err());
    }

    #[test]
    fn a_cut_or_longer_token_is_never_accepted(at in any::<Index>(), more in "[A-Za-z0-9_.=-]{1,8}") {
        let (issuers, token) = good();
        let cut = &token[..at.index(token.len())];
        prop_assert!(verify(cut, issuers, NOW).is_err());
        let longer = format!("{token}{more}");
        prop_assert!(verify(&longer, issuers, NOW).is_err());
    }

    #[test]
    fn no_key_set_panics(keys in vec(object(), 0..6), bytes in vec(any::<u8>(), 0..100)) {
        let set = KeySet::parse(json!({ "keys": keys }).to_string().as_bytes()).unwrap();
        prop_assert!(set.len() + set.skipped().len() <= keys.len());
        let _ = KeySet::parse(&bytes);
    }
}
