use std::slice;

use serde_json::{Value, json};

use super::*;
use crate::jwt::fixture::{ISS, NOW, Signer, issuers, settings};
use crate::jwt::verify;

struct Scene {
    settings: Value,
    header: Value,
    claims: Value,
}

impl Scene {
    fn new() -> Self {
        Self {
            settings: json!({ "logout_audience": "gateway" }),
            header: json!({ "alg": "ES256", "kid": "k", "typ": "logout+jwt" }),
            claims: json!({
                "iss": ISS, "aud": "gateway", "iat": NOW.0 - 10, "exp": NOW.0 + 110,
                "jti": "1", "sub": "user-1", "sid": "login-1", "events": { EVENT: {} },
            }),
        }
    }
}

fn judge(change: impl FnOnce(&mut Scene)) -> Result<LogoutToken, Reason> {
    let signer = Signer::new("ES256");
    let mut scene = Scene::new();
    change(&mut scene);
    let issuers = issuers(settings(scene.settings), &[signer.jwk("k")]);
    let token = signer.sign(&scene.header, &scene.claims);
    let verdict = verify_logout(&token, &issuers, NOW);
    assert!(
        verdict.is_err() || verify(&token, &issuers, NOW).is_err(),
        "a logout token is no login"
    );
    verdict.map_err(|refusal| refusal.reason())
}

fn without(claim: &'static str) -> impl FnOnce(&mut Scene) {
    move |it| {
        it.claims.as_object_mut().unwrap().remove(claim);
    }
}

#[test]
fn says_what_is_over() {
    let token = judge(|_| {}).unwrap();
    let both = Logout::LoginOf {
        login: "login-1".to_owned(),
        subject: "user-1".to_owned(),
    };
    assert_eq!(token.logout, both);
    assert_eq!((token.iss.as_str(), token.jti.as_str()), (ISS, "1"));
    // Within the leeway it would be accepted again.
    assert_eq!(token.accepted_until, UnixTime(NOW.0 + 140));
    let login = judge(without("sub")).unwrap().logout;
    assert_eq!(login, Logout::Login("login-1".to_owned()));
    let subject = judge(without("sid")).unwrap().logout;
    assert_eq!(subject, Logout::Subject("user-1".to_owned()));
}

/// A login that is known by the first claim of several is not found by another one.
#[test]
fn whom_it_says_by_another_claim_is_not_who_signed_in() {
    let ended = |names: &[&str], claims: &[(&str, Value)]| {
        let over = judge(|it| {
            it.settings["subject_claim"] = json!(names);
            for (name, value) in claims {
                it.claims[name] = value.clone();
            }
        });
        over.map(|token| token.logout)
    };
    let login = Logout::Login("login-1".to_owned());
    let of = |subject: &str| Logout::LoginOf {
        login: "login-1".to_owned(),
        subject: subject.to_owned(),
    };
    let ada = ("preferred_username", json!("ada"));
    let no_login = ("sid", Value::Null);
    for names in [&["preferred_username", "sub"][..], &["preferred_username"]] {
        assert_eq!(ended(names, slice::from_ref(&ada)).unwrap(), of("ada"));
        assert_eq!(ended(names, &[]).unwrap(), login);
        let empty = ("preferred_username", json!(""));
        assert_eq!(ended(names, &[empty]).unwrap(), login);
        let missing = ended(names, slice::from_ref(&no_login)).unwrap_err();
        assert_eq!(missing, Reason::SubMissing);
    }
    assert_eq!(ended(&["sub", "common_name"], &[]).unwrap(), of("user-1"));
    assert_eq!(
        ended(&["sub", "common_name"], &[no_login]).unwrap(),
        Logout::Subject("user-1".to_owned())
    );
}

#[test]
fn a_login_may_have_a_number() {
    let token = judge(|it| it.claims["sid"] = json!(4711)).unwrap();
    let login = Logout::LoginOf {
        login: "4711".to_owned(),
        subject: "user-1".to_owned(),
    };
    assert_eq!(token.logout, login);
}

#[test]
fn its_own_type_or_none_is_accepted() {
    for typ in ["logout+jwt", "LOGOUT+JWT", "application/logout+jwt", "JWT"] {
        assert!(judge(|it| it.header["typ"] = json!(typ)).is_ok(), "{typ}");
    }
    for typ in ["at+jwt", "secevent+jwt", "id+jwt", "elevated+jwt"] {
        let refused = judge(|it| it.header["typ"] = json!(typ)).unwrap_err();
        assert_eq!(refused, Reason::TypeNotAccepted, "{typ}");
    }
}

#[test]
fn the_audience_of_logins_serves_where_there_is_no_other() {
    assert!(judge(|it| it.settings = json!({ "aud": "gateway" })).is_ok());
    let other = judge(|it| it.settings = json!({ "aud": "gateway", "logout_audience": "x" }));
    assert_eq!(other.unwrap_err(), Reason::AudMismatch);
    let none = judge(|it| it.settings = json!({}));
    assert_eq!(none.unwrap_err(), Reason::LogoutAudienceUnset);
}

#[test]
fn each_fault_has_its_reason() {
    type Change = fn(&mut Scene);
    let cases: [(Reason, Change); 18] = [
        (Reason::IssuerDisabled, |it| {
            it.settings["enabled"] = json!(false)
        }),
        (Reason::AlgorithmNotAllowed, |it| {
            it.settings["algorithms"] = json!(["RS256"])
        }),
        (Reason::KidUnknown, |it| it.header["kid"] = json!("other")),
        (Reason::CritUnsupported, |it| it.header["crit"] = json!([])),
        (Reason::NotYetValid, |it| {
            it.claims["nbf"] = json!(NOW.0 + 60)
        }),
        (Reason::AudMissing, |it| without("aud")(it)),
        (Reason::AudMismatch, |it| it.claims["aud"] = json!("other")),
        (Reason::ExpMissing, |it| without("exp")(it)),
        (Reason::Expired, |it| it.claims["exp"] = json!(NOW.0 - 60)),
        (Reason::IatMissing, |it| without("iat")(it)),
        (Reason::IssuedInFuture, |it| {
            it.claims["iat"] = json!(NOW.0 + 60)
        }),
        (Reason::LogoutEventMissing, |it| without("events")(it)),
        (Reason::LogoutEventMissing, |it| {
            it.claims["events"] = json!({ "https://other.example/event": {} })
        }),
        (Reason::LogoutEventMissing, |it| {
            it.claims["events"] = json!({ EVENT: true })
        }),
        (Reason::NoncePresent, |it| it.claims["nonce"] = json!("n")),
        (Reason::SubMissing, |it| {
            without("sub")(it);
            without("sid")(it);
        }),
        (Reason::LogoutSidInvalid, |it| it.claims["sid"] = json!([1])),
        (Reason::JtiMissing, |it| without("jti")(it)),
    ];
    for (reason, change) in cases {
        assert_eq!(judge(change).unwrap_err(), reason);
    }
}

#[test]
fn padding_is_for_issuers_that_pad() {
    let signer = Signer::new("ES256");
    let scene = Scene::new();
    // A signature of 64 bytes is padded by any length of the other parts.
    let token = signer.sign_padded(&scene.header, &scene.claims);
    for (allowed, reason) in [(false, Some(Reason::Base64Invalid)), (true, None)] {
        let padding = json!({ "logout_audience": "gateway", "allow_padding": allowed });
        let issuers = issuers(settings(padding), &[signer.jwk("k")]);
        let verdict = verify_logout(&token, &issuers, NOW);
        assert_eq!(verdict.err().map(|refusal| refusal.reason()), reason);
    }
}

#[test]
fn another_key_is_refused() {
    let (signer, other) = (Signer::new("ES256"), Signer::new("ES256"));
    let scene = Scene::new();
    let issuers = issuers(settings(scene.settings), &[signer.jwk("k")]);
    let forged = other.sign(&scene.header, &scene.claims);
    let refused = verify_logout(&forged, &issuers, NOW).unwrap_err();
    assert_eq!(refused.reason(), Reason::SignatureInvalid);
    let honest = signer.sign(&scene.header, &scene.claims);
    assert!(verify_logout(&honest, &issuers, NOW).is_ok());
}
