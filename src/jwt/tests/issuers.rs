//! Issuers and their keys, when they change.

use super::*;
use crate::jwks::{NamedKey, Thumbprints, Wanted};

#[test]
fn issuers_that_do_not_go_together_are_refused() {
    let settings = |name: &str, iss: &str| fixture::settings(json!({ "name": name, "iss": iss }));
    assert!(Issuers::build(&[settings("a", "x"), settings("b", "y")]).is_ok());
    let same_iss = Issuers::build(&[settings("a", "x"), settings("b", "x")]);
    assert!(matches!(same_iss, Err(IssuersError::DuplicateIss { .. })));
    let same_name = Issuers::build(&[settings("a", "x"), settings("a", "y")]);
    assert!(matches!(same_name, Err(IssuersError::DuplicateName(_))));
    let issuers = Issuers::build(&[settings("a", "x")]).unwrap();
    assert!(issuers.refuse_own("y").is_ok());
    assert_eq!(
        issuers.refuse_own("x"),
        Err(IssuersError::OwnIss("a".to_owned()))
    );
}

/// Between the choice of a key and the end of the check its issuer may take it back.
#[test]
fn a_key_that_is_withdrawn_while_a_token_is_judged_vouches_for_nothing() {
    let signer = Signer::new("ES256");
    let issuers = fixture::issuers(fixture::settings(json!({})), &[signer.jwk("k")]);
    let keys = issuers.by_name("idp").unwrap().keys();
    let chosen = Arc::clone(&keys.snapshot());
    let text = signer.sign(&json!({ "alg": "ES256", "kid": "k" }), &fixture::claims());
    let token = Token::parse(&text, 8192).unwrap();
    let header = Header::parse(&token).unwrap();
    let key = chosen.find(header.key_hint(), Algorithm::ES256).unwrap();
    assert!(checks::signature(&token, &header, &key).is_ok());
    keys.turn_over(KeySet::parse(b"{\"keys\":[]}").unwrap());
    let withdrawn = checks::signature(&token, &header, &key);
    assert_eq!(withdrawn.err(), Some(Reason::KidUnknown));
}

/// All that the header says of it, as verification looks for it.
#[test]
fn the_key_that_is_wanted_is_the_one_that_the_header_names() {
    let signer = Signer::new("ES256");
    let keys = [Signer::new("ES256").jwk("a"), Signer::new("ES256").jwk("b")];
    let issuers = fixture::issuers(fixture::settings(json!({})), &keys);
    let wanted = |header: Value| {
        let token = signer.sign(&header, &fixture::claims());
        let refusal = verify(&token, &issuers, NOW).unwrap_err();
        refusal.wanted_key(&token)
    };
    let named = NamedKey {
        kid: "k".to_owned(),
        thumbprints: Some(Thumbprints::new(Some("t"), None)),
        algorithm: Algorithm::ES256,
    };
    assert_eq!(
        wanted(json!({ "alg": "ES256", "kid": "k", "x5t": "t" })),
        Some(Wanted::Key { named, since: 0 })
    );
    let change = Some(Wanted::Change { since: 0 });
    assert_eq!(wanted(json!({ "alg": "ES256", "x5t": "t" })), change);
    assert_eq!(wanted(json!({ "alg": "ES256", "kid": "a" })), change);
    assert_eq!(
        wanted(json!({ "alg": "ES256", "kid": "k", "typ": "x" })),
        None
    );
}

/// Keys go on serving exactly where nothing that they depend on is another.
#[test]
fn keys_are_kept_while_what_they_depend_on_stays() {
    let discovered = |iss: &str| json!({ "iss": iss, "discovery": true, "jwks_url": null });
    let fixed = |iss: &str| json!({ "iss": iss });
    let first = "http://localhost:1";
    for (before, after, kept) in [
        (discovered(first), discovered(&format!("{first}/")), false),
        (fixed(first), fixed(&format!("{first}/")), true),
        (fixed(first), json!({ "iss": first, "aud": "app" }), true),
        (
            fixed(first),
            json!({ "iss": first, "deny_private_networks": true }),
            false,
        ),
        (
            fixed(first),
            json!({ "iss": first, "jwks": { "max_keys": 1 } }),
            false,
        ),
    ] {
        let issuers = |settings: &Value| vec![fixture::settings(settings.clone())];
        let earlier = Issuers::build(&issuers(&before)).unwrap();
        let later = Issuers::succeeding(&issuers(&after), &earlier).unwrap();
        let keys = |issuers: &Issuers| Arc::clone(issuers.by_name("idp").unwrap().keys());
        let same = Arc::ptr_eq(&keys(&earlier), &keys(&later));
        assert_eq!(same, kept, "{before} to {after}");
    }
}

#[test]
fn a_verdict_is_of_the_settings_and_keys_before_it() {
    let signer = Signer::new("ES256");
    let issuers = Scene::new(&signer).issuers();
    let issuer = issuers.by_name("idp").unwrap();
    let before = Generations::of(issuer);
    let token = signer.sign(&json!({ "alg": "ES256", "kid": "k" }), &fixture::claims());
    assert_eq!(verify(&token, &issuers, NOW).unwrap().generations(), before);
    issuer.set_enabled(false);
    let refusal = verify(&token, &issuers, NOW).unwrap_err();
    assert_eq!(refusal.reason(), Reason::IssuerDisabled);
    assert_eq!(refusal.generations(), Some(Generations::of(issuer)));
    assert_ne!(refusal.generations(), Some(before));
    assert_eq!(verify("x", &issuers, NOW).unwrap_err().generations(), None);
}
