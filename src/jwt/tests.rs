#![allow(clippy::string_slice, reason = "tokens are ASCII")]

use std::collections::HashSet;
use std::sync::Arc;

use serde_json::{Value, json};

use super::fixture::{self, ISS, NOW, Signer};
use super::header::Header;
use super::token::Token;
use super::*;
use crate::clock::UnixTime;
use crate::issuer::Algorithm;
use crate::jwks::{IssuerKeys, KeySet};
use crate::rejection::{Code, Rejection};

mod boundaries;
mod claims;
mod explanation;
mod issuers;
mod key_issuer;
mod presets;
mod properties;
mod reasons;
mod shared_secret;
mod wycheproof;

/// Settings, key set, header and claims of one token. Unchanged, it is accepted; each case changes
/// one thing.
struct Scene {
    settings: Value,
    jwks: Vec<Value>,
    header: Value,
    claims: Value,
    text: Box<dyn Fn(String) -> String>,
    enabled: bool,
    fixed: bool,
    padded: bool,
}

impl Scene {
    fn new(signer: &Signer) -> Self {
        Self {
            settings: json!({}),
            jwks: vec![signer.jwk("k")],
            header: json!({ "alg": "ES256", "kid": "k", "typ": "JWT" }),
            claims: fixture::claims(),
            text: Box::new(|token| token),
            enabled: true,
            fixed: true,
            padded: false,
        }
    }

    fn issuers(&self) -> Issuers {
        let settings = fixture::settings(self.settings.clone());
        let issuers = if self.fixed {
            fixture::issuers(settings, &self.jwks)
        } else {
            Issuers::build(&[settings]).unwrap()
        };
        issuers.by_name("idp").unwrap().set_enabled(self.enabled);
        issuers
    }

    fn token(&self, signer: &Signer) -> String {
        let token = match self.padded {
            true => signer.sign_padded(&self.header, &self.claims),
            false => signer.sign(&self.header, &self.claims),
        };
        (self.text)(token)
    }
}

#[test]
fn a_token_of_each_algorithm_is_accepted() {
    for algorithm in Algorithm::ASYMMETRIC {
        let name = algorithm.name();
        let own;
        let signer = if name.starts_with(['R', 'P']) {
            fixture::rsa()
        } else {
            own = Signer::new(name);
            &own
        };
        let issuers = fixture::issuers(fixture::settings(json!({})), &[signer.jwk("k")]);
        let token = signer.sign(&json!({ "alg": name, "kid": "k" }), &fixture::claims());
        let verified = verify(&token, &issuers, NOW).unwrap();
        assert_eq!(
            (verified.iss(), verified.subject()),
            (ISS, "user-1"),
            "{name}"
        );
        assert!(explain(&token, &issuers, NOW).valid, "{name}");
    }
}

#[test]
fn aliases_make_one_user_and_stand_back_when_a_preset_knows_them() {
    let signer = Signer::new("ES256");
    let issuer = |settings: Value| {
        let set = KeySet::parse(json!({ "keys": [signer.jwk("k")] }).to_string().as_bytes());
        let keys = Arc::new(IssuerKeys::fixed(set.unwrap()));
        let settings: crate::issuer::IssuerSettings = serde_json::from_value(settings).unwrap();
        Arc::new(Issuer::new(settings, keys))
    };
    let google = json!({
        "name": "google", "preset": "google", "aud": "client", "algorithms": ["ES256"],
    });
    let verified = |issuers: &Issuers, iss: &str| {
        let mut claims = fixture::claims();
        claims["iss"] = json!(iss);
        claims["aud"] = json!("client");
        claims["azp"] = json!("client");
        let token = signer.sign(&json!({ "alg": "ES256", "kid": "k" }), &claims);
        verify(&token, issuers, NOW).unwrap()
    };
    let (https, bare) = ("https://accounts.google.com", "accounts.google.com");
    let alone = Issuers::from_issuers(vec![issuer(google.clone())]).unwrap();
    for spelling in [https, bare] {
        let verified = verified(&alone, spelling);
        assert_eq!(
            (verified.iss(), &**verified.issuer().name()),
            (https, "google")
        );
    }
    // An issuer whose own `iss` it is keeps it.
    let own = json!({ "name": "own", "iss": bare, "jwks_url": "https://own.example/k" });
    let both = Issuers::from_issuers(vec![issuer(google.clone()), issuer(own)]).unwrap();
    assert_eq!(&**verified(&both, bare).issuer().name(), "own");
    assert_eq!(&**verified(&both, https).issuer().name(), "google");
    // What the file itself says twice is said twice.
    let mut said = google.clone();
    said["iss_aliases"] = json!([bare]);
    let again = json!({ "name": "own", "iss": bare, "jwks_url": "https://own.example/k" });
    assert!(Issuers::from_issuers(vec![issuer(said), issuer(again)]).is_err());
}

#[test]
fn texts_that_read_in_two_ways_are_refused() {
    let signer = Signer::new("ES256");
    let issuers = fixture::issuers(fixture::settings(json!({})), &[signer.jwk("k")]);
    let header = r#"{"alg":"ES256","kid":"k"}"#;
    let claims = fixture::claims().to_string();
    let judge = |header: &str, claims: &str| {
        let token = signer.sign_text("ES256", header, claims);
        verify(&token, &issuers, NOW)
            .map_err(|refusal| refusal.reason())
            .err()
    };
    let open = claims.strip_suffix('}').unwrap();
    for (header, claims, reason) in [
        (header, claims.as_str(), None),
        (
            r#"{"alg":"ES256","kid":"k","alg":"ES256"}"#,
            claims.as_str(),
            Some(Reason::HeaderDuplicate),
        ),
        (r#"["ES256"]"#, &claims, Some(Reason::HeaderInvalid)),
        ("", &claims, Some(Reason::HeaderInvalid)),
        (header, &format!("{open},\"a\":1}}"), None),
        (
            header,
            &format!("{open},\"sub\":\"user-2\"}}"),
            Some(Reason::ClaimsDuplicate),
        ),
        (
            header,
            &format!("{open},\"s\\u0075b\":\"user-2\"}}"),
            Some(Reason::ClaimsDuplicate),
        ),
        (
            header,
            &format!("{open},\"o\":{{\"a\":1,\"a\":2}}}}"),
            Some(Reason::ClaimsDuplicate),
        ),
        (header, &format!("{claims} x"), Some(Reason::ClaimsInvalid)),
        (header, "[]", Some(Reason::ClaimsInvalid)),
        (header, "", Some(Reason::ClaimsInvalid)),
    ] {
        assert_eq!(judge(header, claims), reason, "{header} {claims}");
    }
}

fn reason_of(token: &str, issuers: &Issuers) -> Option<Reason> {
    verify(token, issuers, NOW)
        .err()
        .map(|refusal| refusal.reason())
}

#[test]
fn a_kid_of_two_issuers_names_each_ones_own_key() {
    let (one, two) = (Signer::new("ES256"), Signer::new("ES256"));
    let issuer = |name: &str, iss: &str, signer: &Signer| {
        let settings = fixture::settings(json!({ "name": name, "iss": iss }));
        let set = json!({ "keys": [signer.jwk("k")] }).to_string();
        let set = KeySet::parse(set.as_bytes()).unwrap();
        Arc::new(Issuer::new(settings, Arc::new(IssuerKeys::fixed(set))))
    };
    let issuers = Issuers::from_issuers(vec![
        issuer("one", "https://one.example", &one),
        issuer("two", "https://two.example", &two),
    ])
    .unwrap();
    let token = |iss: &str, signer: &Signer| {
        let mut claims = fixture::claims();
        claims["iss"] = json!(iss);
        signer.sign(&json!({ "alg": "ES256", "kid": "k" }), &claims)
    };
    assert_eq!(
        reason_of(&token("https://one.example", &one), &issuers),
        None
    );
    assert_eq!(
        reason_of(&token("https://two.example", &two), &issuers),
        None
    );
    let crossed = token("https://one.example", &two);
    assert_eq!(
        reason_of(&crossed, &issuers),
        Some(Reason::SignatureInvalid)
    );
}

#[test]
fn what_a_verified_token_says() {
    let signer = Signer::new("ES256");
    let settings = fixture::settings(json!({ "sid_claim": "session.id" }));
    let issuers = fixture::issuers(settings, &[signer.jwk("k")]);
    let mut claims = fixture::claims();
    claims["session"] = json!({ "id": "s1" });
    let token = signer.sign(&json!({ "alg": "ES256", "kid": "k" }), &claims);
    let verified = verify(&token, &issuers, NOW).unwrap();
    assert_eq!(verified.login_claim().as_deref(), Some("s1"));
    for (id, login) in [
        (json!(4711), Some("4711")),
        (json!(""), None),
        (json!(-1), None),
        (json!(1.5), None),
        (json!(["s1"]), None),
        (Value::Null, None),
    ] {
        claims["session"]["id"] = id;
        let token = signer.sign(&json!({ "alg": "ES256", "kid": "k" }), &claims);
        let verified = verify(&token, &issuers, NOW).unwrap();
        assert_eq!(verified.login_claim().as_deref(), login);
    }
    claims["session"]["id"] = json!("s1");
    assert_eq!(verified.expires_at(), UnixTime(NOW.0 + 600));
    assert_eq!(verified.accepted_until(), UnixTime(NOW.0 + 630));
    assert_eq!(verified.issued_at(), Some(UnixTime(NOW.0 - 60)));
    assert!(verified.key_validity().is_valid());
    assert_eq!(&**verified.issuer().name(), "idp");

    // The digest leaves the signature out: ECDSA signs the same text differently each time.
    let again = signer.sign(&json!({ "alg": "ES256", "kid": "k" }), &claims);
    assert_ne!(token, again);
    let again = verify(&again, &issuers, NOW).unwrap();
    assert_eq!(verified.signed_part_digest(), again.signed_part_digest());
    assert!(!format!("{verified:?}").contains("user-1"));
}

#[test]
fn a_refusal_becomes_what_the_client_may_know() {
    let issuers = Scene::new(&Signer::new("ES256")).issuers();
    let issuer = issuers.by_name("idp").unwrap();
    let refused = |reason| Refusal::new(reason, issuer, Generations::of(issuer));
    let rejection = |reason| Rejection::from(&refused(reason));
    assert_eq!(rejection(Reason::Expired).code, Code::TokenExpired);
    assert_eq!(rejection(Reason::SignatureInvalid).code, Code::TokenInvalid);
    let unavailable = rejection(Reason::NoKeys);
    assert_eq!(unavailable.status, 503);
    assert!(unavailable.retry_after.is_some());

    for (reason, permanent, by_keys) in [
        (Reason::Malformed, true, false),
        (Reason::SignatureInvalid, true, true),
        (Reason::KeyAlgorithmMismatch, true, true),
        (Reason::Expired, true, false),
        (Reason::KidUnknown, false, true),
        (Reason::NoKeys, false, true),
        (Reason::NotYetValid, false, false),
        (Reason::IssuerDisabled, false, false),
        (Reason::IssuerUnknown, false, false),
    ] {
        let refusal = refused(reason);
        assert_eq!(
            (refusal.is_permanent(), refusal.is_by_keys()),
            (permanent, by_keys)
        );
    }
}

#[test]
fn the_unverified_issuer_is_read_leniently() {
    let payload = |json: &str| format!("x.{}.", fixture::encode(json));
    assert_eq!(
        unverified_issuer(&payload(r#"{"iss":"a"}"#)).as_deref(),
        Some("a")
    );
    assert_eq!(
        unverified_issuer(&payload(r#"{"iss":"a","x":1,"x":2}"#)).as_deref(),
        Some("a")
    );
    assert_eq!(
        unverified_issuer(&payload(r#"{"name":"\ud83d","x":1e400,"iss":"a"}"#)).as_deref(),
        Some("a")
    );
    for other in [
        payload("[]"),
        payload(r#"{"iss":1}"#),
        "x.!.y".to_owned(),
        "opaque".to_owned(),
    ] {
        assert_eq!(unverified_issuer(&other), None, "{other}");
    }
}

/// Some readers take a token for the trust domain's of its subject, or for that of its header.
#[test]
fn a_token_is_known_by_whatever_names_its_issuer() {
    let token = |header: &str, claims: &str| {
        format!("{}.{}.", fixture::encode(header), fixture::encode(claims))
    };
    let is_known =
        |token: &str| names_issuer(token, |iss| ["k", "spiffe://k.example"].contains(&iss));
    for (header, claims) in [
        ("{}", r#"{"iss":"k"}"#),
        ("{}", r#"{"iss":"x","iss":"k"}"#),
        ("{}", r#"{"iss":"k","iss":"x"}"#),
        ("{}", r#"{"sub":"spiffe://k.example/web"}"#),
        ("{}", r#"{"sub":"spiffe://k.example/web","iss":"x"}"#),
        (r#"{"iss":"k"}"#, "{}"),
        (r#"{"iss":"k"}"#, r#"{"iss":"x"}"#),
    ] {
        assert!(is_known(&token(header, claims)), "{header} {claims}");
    }
    for (header, claims) in [
        ("{}", "{}"),
        ("{}", r#"{"iss":"x"}"#),
        ("{}", r#"{"sub":"k"}"#),
        ("{}", r#"{"sub":"spiffe://x.example/web"}"#),
        (r#"{"kid":"k"}"#, r#"{"aud":"k"}"#),
    ] {
        assert!(!is_known(&token(header, claims)), "{header} {claims}");
    }
}

/// `'Ada \u{1f600}'.slice(0, 5)` in JavaScript.
#[test]
fn half_a_surrogate_pair_in_a_name_locks_nobody_out() {
    let signer = Signer::new("ES256");
    let issuers = fixture::issuers(fixture::settings(json!({})), &[signer.jwk("k")]);
    let judged = |more: &str| {
        let claims = fixture::claims().to_string();
        let payload = claims.replacen('{', &format!("{{{more},"), 1);
        let header = r#"{"alg":"ES256","kid":"k","x":"\ud83d"}"#;
        let token = signer.sign_text("ES256", header, &payload);
        let explanation = explain(&token, &issuers, NOW);
        let verdict = verify(&token, &issuers, NOW);
        let code = verdict.as_ref().err().map(Refusal::code);
        assert_eq!(explanation.code(), code, "{explanation}");
        assert!(explanation.content.is_some());
        verdict.map(|verified| verified.claims().text("name").map(str::to_owned))
    };
    let name = judged(r#""name":"Ada \ud83d""#).unwrap();
    assert_eq!(name.as_deref(), Some("Ada \u{fffd}"));
    for claim in [
        r#""sid":"\ud83d""#,
        r#""aud":["a","\ud83d"]"#,
        r#""email":"\udc00@b.example""#,
    ] {
        let refusal = judged(claim).unwrap_err();
        assert_eq!(refusal.reason(), Reason::ClaimNotText, "{claim}");
        let whole = claim
            .replace(r"\ud83d", r"\ud83d\ude00")
            .replace(r"\udc00", "b");
        assert!(judged(&whole).is_ok(), "{whole}");
    }
}
