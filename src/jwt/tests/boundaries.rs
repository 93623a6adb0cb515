//! The second in which a verdict turns, and the claims that may be left out.

use serde_json::{Value, json};

use super::super::{verify, verify_assertion};
use super::fixture::{self, ISS, NOW, Signer};
use crate::jwt::{EmailStatement, Reason};

/// The reason for which a token with these claims is refused under these settings.
fn refusal(settings: Value, claims: Value) -> Option<Reason> {
    let signer = Signer::new("ES256");
    let issuers = fixture::issuers(fixture::settings(settings), &[signer.jwk("k")]);
    let token = signer.sign(&json!({ "alg": "ES256", "kid": "k" }), &changed(claims));
    let verdict = verify(&token, &issuers, NOW);
    verdict.err().map(|refusal| refusal.reason())
}

fn changed(claims: Value) -> Value {
    fixture::with(fixture::claims(), &claims)
}

#[test]
fn leeway_ends_with_a_second() {
    let leeway = json!({ "leeway": "30s" });
    for (claims, reason) in [
        (json!({ "exp": NOW.0 - 29 }), None),
        (json!({ "exp": NOW.0 - 30 }), Some(Reason::Expired)),
        (json!({ "nbf": NOW.0 + 30 }), None),
        (json!({ "nbf": NOW.0 + 31 }), Some(Reason::NotYetValid)),
        (json!({ "nbf": NOW.0 - 5 }), None),
        (json!({ "iat": NOW.0 + 30 }), None),
        (json!({ "iat": NOW.0 + 31 }), Some(Reason::IssuedInFuture)),
    ] {
        assert_eq!(refusal(leeway.clone(), claims.clone()), reason, "{claims}");
    }
}

#[test]
fn the_greatest_age_ends_with_a_second() {
    let aged = json!({ "leeway": "0s", "max_token_age": "60s" });
    for (claims, reason) in [
        (json!({ "iat": NOW.0 - 59 }), None),
        (json!({ "iat": NOW.0 - 60 }), Some(Reason::TooOld)),
        (json!({ "iat": NOW.0 - 600 }), Some(Reason::TooOld)),
        (json!({ "iat": null }), Some(Reason::IatMissing)),
    ] {
        assert_eq!(refusal(aged.clone(), claims.clone()), reason, "{claims}");
    }
}

/// An assertion may leave its audience out, and may not name another one.
#[test]
fn an_assertions_audience_counts_where_there_is_one() {
    let signer = Signer::new("ES256");
    let settings = fixture::settings(json!({ "aud": "api" }));
    let issuers = fixture::issuers(settings, &[signer.jwk("k")]);
    for (aud, reason) in [
        (Value::Null, None),
        (json!("api"), None),
        (json!(["x", "api"]), None),
        (json!("other"), Some(Reason::AudMismatch)),
    ] {
        let claims = changed(json!({ "aud": aud }));
        let token = signer.sign(&json!({ "alg": "ES256", "kid": "k" }), &claims);
        let verdict = verify_assertion(&token, &issuers, NOW, ISS);
        assert_eq!(verdict.err().map(|it| it.reason()), reason, "{claims}");
    }
}

/// Nor is it taken for one of another issuer than the session's.
#[test]
fn an_assertion_is_of_the_sessions_issuer() {
    let signer = Signer::new("ES256");
    let issuers = fixture::issuers(fixture::settings(json!({})), &[signer.jwk("k")]);
    for (iss, reason) in [
        (json!(ISS), None),
        (Value::Null, None),
        (json!("https://other.example"), Some(Reason::IssuerMismatch)),
    ] {
        let claims = changed(json!({ "iss": iss }));
        let token = signer.sign(&json!({ "alg": "ES256", "kid": "k" }), &claims);
        let verdict = verify_assertion(&token, &issuers, NOW, ISS);
        assert_eq!(verdict.err().map(|it| it.reason()), reason, "{claims}");
    }
}

/// A name that is empty is none: nothing can be used up by it.
#[test]
fn a_tokens_name_is_a_text_that_is_not_empty() {
    let signer = Signer::new("ES256");
    let issuers = fixture::issuers(fixture::settings(json!({})), &[signer.jwk("k")]);
    for (jti, name) in [
        (json!("one"), Some("one")),
        (json!(""), None),
        (Value::Null, None),
    ] {
        let claims = changed(json!({ "jti": jti }));
        let token = signer.sign(&json!({ "alg": "ES256", "kid": "k" }), &claims);
        let verified = verify(&token, &issuers, NOW).unwrap();
        assert_eq!(verified.token_id(), name);
    }
}

#[test]
fn a_token_without_an_address_keeps_or_withdraws_it() {
    let email = json!({ "email": "a@b.example" });
    let verified = json!({ "email": "a@b.example", "email_verified": true });
    let named = EmailStatement::Named("a@b.example");
    for (keep, claims, expected) in [
        (true, json!({}), EmailStatement::Absent),
        (false, json!({}), EmailStatement::Withdrawn),
        (true, email.clone(), named),
        (false, email, EmailStatement::Withdrawn),
        (
            true,
            verified.clone(),
            EmailStatement::Verified("a@b.example"),
        ),
        (false, verified, EmailStatement::Verified("a@b.example")),
    ] {
        let signer = Signer::new("ES256");
        let settings = fixture::settings(json!({ "keep_absent_email": keep }));
        let issuers = fixture::issuers(settings, &[signer.jwk("k")]);
        let header = json!({ "alg": "ES256", "kid": "k" });
        let token = signer.sign(&header, &changed(claims.clone()));
        let verified = verify(&token, &issuers, NOW).unwrap();
        assert_eq!(verified.email(), expected, "{keep} {claims}");
    }
}

#[test]
fn an_issuer_is_in_force_from_one_configuration_to_another() {
    let signer = Signer::new("ES256");
    let issuers = fixture::issuers(fixture::settings(json!({})), &[signer.jwk("k")]);
    let issuer = issuers.by_name("idp").unwrap();
    issuer.enters(3);
    issuer.leaves(5);
    let is_in_force = |configuration| issuer.is_in_force(configuration);
    assert_eq!([2, 3, 4, 5].map(is_in_force), [false, true, true, false]);
}
