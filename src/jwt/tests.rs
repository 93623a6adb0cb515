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
mod explanation;
mod presets;
mod properties;
mod wycheproof;

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

/// The reason for which a changed scene is refused, by verification and explanation alike.
fn refusal(change: impl FnOnce(&mut Scene)) -> Option<Reason> {
    let signer = Signer::new("ES256");
    let mut scene = Scene::new(&signer);
    change(&mut scene);
    let (issuers, token) = (scene.issuers(), scene.token(&signer));
    let verdict = verify(&token, &issuers, NOW);
    let explanation = explain(&token, &issuers, NOW);
    assert_eq!(explanation.valid, verdict.is_ok());
    assert_eq!(
        explanation.code(),
        verdict.as_ref().err().map(Refusal::code),
        "{explanation}"
    );
    verdict.err().map(|refusal| refusal.reason())
}

#[test]
fn the_scene_as_made_is_accepted() {
    assert_eq!(refusal(|_| {}), None);
}

type Change = fn(&mut Scene);

/// Every reason but those that need two issuers, each with the one change that brings it about.
const REFUSED: &[(Reason, Change)] = &[
    (Reason::TooLarge, |it| {
        it.claims["pad"] = json!("x".repeat(64 * 1024))
    }),
    (Reason::Malformed, |it| {
        it.text = Box::new(|token| token.replace('.', ""))
    }),
    (Reason::Malformed, |it| {
        it.text = Box::new(|token| format!("{token}."))
    }),
    (Reason::Encrypted, |it| {
        it.text = Box::new(|token| format!("{token}.AA.AA"))
    }),
    (Reason::Base64Invalid, |it| {
        it.text = Box::new(|token| format!("{token}="))
    }),
    (Reason::Base64Invalid, |it| {
        it.text = Box::new(|token| format!(" {token}"))
    }),
    (Reason::HeaderInvalid, |it| it.header["kid"] = json!(1)),
    (Reason::HeaderInvalid, |it| {
        it.header["typ"] = json!(["JWT"])
    }),
    (Reason::HeaderInvalid, |it| {
        it.header["alg"] = json!(["ES256"])
    }),
    (Reason::CritUnsupported, |it| {
        it.header["crit"] = json!(["exp"])
    }),
    (Reason::CritUnsupported, |it| it.header["crit"] = json!([])),
    (Reason::CritUnsupported, |it| {
        it.header["crit"] = json!(null)
    }),
    (Reason::B64Unsupported, |it| it.header["b64"] = json!(true)),
    (Reason::ZipUnsupported, |it| it.header["zip"] = json!("DEF")),
    (Reason::TypeNotAccepted, |it| {
        it.header["typ"] = json!("logout+jwt")
    }),
    (Reason::TypeNotAccepted, |it| {
        it.header["typ"] = json!("application/SecEvent+JWT")
    }),
    (Reason::TypeNotAccepted, |it| {
        it.header["typ"] = json!("dpop+jwt")
    }),
    (Reason::TypeNotAccepted, |it| {
        it.header["typ"] = json!("id+jwt")
    }),
    (Reason::TypeNotAccepted, |it| {
        it.header["typ"] = json!("elevated+jwt")
    }),
    (Reason::TypeNotAccepted, |it| {
        it.header["typ"] = json!("application/")
    }),
    (Reason::TypeNotAccepted, |it| {
        it.header["typ"] = json!("JOSE")
    }),
    (Reason::TypeNotAccepted, |it| {
        it.settings["accepted_types"] = json!("at+jwt");
    }),
    (Reason::Base64Invalid, |it| {
        // Whole padding, which nobody allowed.
        it.padded = true;
    }),
    (Reason::Base64Invalid, |it| {
        it.settings["allow_padding"] = json!(true);
        it.padded = true;
        it.text = Box::new(|token| format!("{token}="));
    }),
    (Reason::SignerMismatch, |it| {
        it.settings = alb();
        it.header["signer"] =
            json!("arn:aws:elasticloadbalancing:eu-west-1:2:loadbalancer/app/x/1");
    }),
    (Reason::SignerMismatch, |it| it.settings = alb()),
    (Reason::ExpMissing, |it| {
        // What a header says counts for no other issuer.
        it.header["signer"] = json!(ARN);
        it.header["exp"] = it.claims["exp"].clone();
        it.claims.as_object_mut().unwrap().remove("exp");
    }),
    (Reason::SubMissing, |it| {
        it.settings["subject_claim"] = json!(["oid", "common_name"]);
    }),
    (Reason::SubInvalid, |it| {
        it.settings["subject_claim"] = json!("oid");
        it.claims["oid"] = json!("");
    }),
    (Reason::SubInvalid, |it| {
        it.settings["subject_claim"] = json!("oid");
        it.claims["oid"] = json!(-1.5);
    }),
    (Reason::SubInvalid, |it| {
        it.settings["subject_claim"] = json!("oid");
        it.claims["oid"] = json!(["o-1"]);
    }),
    (Reason::AlgorithmMissing, |it| {
        it.header.as_object_mut().unwrap().remove("alg");
    }),
    (Reason::AlgorithmNone, |it| it.header["alg"] = json!("none")),
    (Reason::AlgorithmNone, |it| it.header["alg"] = json!("nOnE")),
    (Reason::AlgorithmUnsupported, |it| {
        it.header["alg"] = json!("ES256K")
    }),
    (Reason::HeaderInvalid, |it| it.header["alg"] = json!(null)),
    (Reason::AlgorithmUnsupported, |it| {
        it.header["alg"] = json!("es256")
    }),
    (Reason::AlgorithmUnsupported, |it| {
        it.header["alg"] = json!("HS512")
    }),
    (Reason::IssMissing, |it| {
        it.claims.as_object_mut().unwrap().remove("iss");
    }),
    (Reason::IssInvalid, |it| it.claims["iss"] = json!([ISS])),
    (Reason::IssInvalid, |it| it.claims["iss"] = json!(null)),
    (Reason::IssuerUnknown, |it| {
        it.claims["iss"] = json!("https://idp.example/")
    }),
    (Reason::IssuerUnknown, |it| {
        it.claims["iss"] = json!("https://IDP.example")
    }),
    (Reason::IssuerDisabled, |it| it.enabled = false),
    (Reason::AlgorithmNotAllowed, |it| {
        it.settings["algorithms"] = json!(["RS256"])
    }),
    (Reason::AlgorithmNotAllowed, |it| {
        it.header["alg"] = json!("HS256")
    }),
    (Reason::NoKeys, |it| it.fixed = false),
    (Reason::KidUnknown, |it| it.header["kid"] = json!("other")),
    (Reason::KidUnknown, |it| it.jwks.clear()),
    (Reason::KidMissing, |it| {
        it.header.as_object_mut().unwrap().remove("kid");
        it.jwks.push(Signer::new("ES256").jwk("k2"));
    }),
    (Reason::KidMissing, |it| {
        // One more than are tried.
        it.settings["try_all_keys"] = json!(true);
        it.header["kid"] = json!(null);
        for number in 0..8 {
            it.jwks
                .push(Signer::new("ES256").jwk(&format!("k{number}")));
        }
    }),
    (Reason::SignatureInvalid, |it| {
        it.settings["try_all_keys"] = json!(true);
        it.header["kid"] = json!(null);
        it.jwks = vec![
            Signer::new("ES256").jwk("k1"),
            Signer::new("ES256").jwk("k2"),
        ];
    }),
    (Reason::SignatureInvalid, |it| {
        // A key that the token brings is not asked.
        it.header["jwk"] = it.jwks[0].clone();
        it.jwks = vec![Signer::new("ES256").jwk("k")];
    }),
    (Reason::KeyAlgorithmMismatch, |it| {
        it.header["alg"] = json!("RS256")
    }),
    (Reason::KeyAlgorithmMismatch, |it| {
        it.header["alg"] = json!("ES384")
    }),
    (Reason::SignatureInvalid, |it| {
        it.jwks = vec![Signer::new("ES256").jwk("k")]
    }),
    (Reason::SignatureInvalid, |it| {
        it.text = Box::new(|token| token[..token.rfind('.').unwrap() + 1].to_owned());
    }),
    (Reason::SignatureInvalid, |it| {
        // The psychic signature (CVE-2022-21449): r and s are zero.
        it.text = Box::new(|token| {
            format!(
                "{}.{}",
                &token[..token.rfind('.').unwrap()],
                fixture::encode([0; 64])
            )
        });
    }),
    (Reason::EventsPresent, |it| it.claims["events"] = json!({})),
    (Reason::CnfPresent, |it| {
        it.claims["cnf"] = json!({ "jkt": "x" })
    }),
    (Reason::SubMissing, |it| {
        it.claims.as_object_mut().unwrap().remove("sub");
    }),
    (Reason::SubInvalid, |it| it.claims["sub"] = json!("")),
    (Reason::SubInvalid, |it| it.claims["sub"] = json!(7)),
    (Reason::SubInvalid, |it| it.claims["sub"] = json!(null)),
    (Reason::ExpMissing, |it| {
        it.claims.as_object_mut().unwrap().remove("exp");
    }),
    (Reason::ExpInvalid, |it| {
        it.claims["exp"] = json!((NOW.0 + 600).to_string())
    }),
    (Reason::ExpInvalid, |it| it.claims["exp"] = json!(-1)),
    (Reason::ExpInvalid, |it| it.claims["exp"] = json!(1e18)),
    (Reason::ExpInvalid, |it| it.claims["exp"] = json!(u64::MAX)),
    (Reason::ExpInvalid, |it| it.claims["exp"] = json!(null)),
    (Reason::Expired, |it| it.claims["exp"] = json!(NOW.0 - 30)),
    (Reason::Expired, |it| it.claims["exp"] = json!(0)),
    (Reason::NbfInvalid, |it| it.claims["nbf"] = json!("now")),
    (Reason::NotYetValid, |it| {
        it.claims["nbf"] = json!(NOW.0 + 31)
    }),
    (Reason::IatInvalid, |it| it.claims["iat"] = json!(true)),
    (Reason::IssuedInFuture, |it| {
        it.claims["iat"] = json!(NOW.0 + 31)
    }),
    (Reason::IatMissing, |it| {
        it.settings["max_token_age"] = json!("1h");
        it.claims.as_object_mut().unwrap().remove("iat");
    }),
    (Reason::TooOld, |it| {
        it.settings["max_token_age"] = json!("1h");
        it.claims["iat"] = json!(NOW.0 - 3630);
    }),
    (Reason::AudMissing, |it| it.settings["aud"] = json!("api")),
    (Reason::AudMissing, |it| {
        it.settings["aud"] = json!("api");
        it.claims["aud"] = json!(null);
    }),
    (Reason::IatMissing, |it| {
        it.settings["max_token_age"] = json!("1h");
        it.claims["iat"] = json!(null);
    }),
    (Reason::AzpMissing, |it| {
        it.settings["azp"] = json!("app");
        it.claims["azp"] = json!(null);
    }),
    (Reason::AudInvalid, |it| {
        it.settings["aud"] = json!("api");
        it.claims["aud"] = json!(["api", 1]);
    }),
    (Reason::AudInvalid, |it| {
        it.settings["aud"] = json!("api");
        it.claims["aud"] = json!({ "api": true });
    }),
    (Reason::AudMismatch, |it| {
        it.settings["aud"] = json!(["api", "web"]);
        it.claims["aud"] = json!(["API", "apis"]);
    }),
    (Reason::AudMismatch, |it| {
        it.settings["aud"] = json!("api");
        it.claims["aud"] = json!([]);
    }),
    (Reason::AzpMissing, |it| it.settings["azp"] = json!("app")),
    (Reason::AzpMismatch, |it| {
        it.settings["azp"] = json!("app");
        it.claims["azp"] = json!("other");
    }),
    (Reason::AzpMismatch, |it| {
        it.settings["azp"] = json!("app");
        it.claims["azp"] = json!(["app"]);
    }),
    (Reason::ClaimMissing, |it| {
        it.settings["required_claims"] = json!(["org.id"])
    }),
    (Reason::ClaimMissing, |it| {
        it.settings["required_claims"] = json!(["org"]);
        it.claims["org"] = json!(null);
    }),
    (Reason::ClaimMismatch, |it| {
        it.settings["required_claims"] = json!({ "token_use": "access" });
        it.claims["token_use"] = json!("id");
    }),
];

const ARN: &str = "arn:aws:elasticloadbalancing:eu-west-1:1:loadbalancer/app/web/50dc6c495c0c9188";

fn alb() -> Value {
    json!({
        "preset": "aws_alb", "region": "eu-west-1", "signer": ARN,
        "jwks_url": "https://keys.example/{kid}",
    })
}

/// The twins: as near to a refused scene as an accepted one can be.
const ACCEPTED: &[Change] = &[
    |it| {
        it.header.as_object_mut().unwrap().remove("typ");
    },
    |it| it.header["typ"] = json!("at+jwt"),
    |it| it.header["typ"] = json!("Application/AT+JWT"),
    |it| it.header["typ"] = json!("application/jwt"),
    |it| {
        it.settings["accepted_types"] = json!(["JWT", "application/JOSE"]);
        it.header["typ"] = json!("jose");
    },
    |it| {
        it.settings["allow_padding"] = json!(true);
        it.padded = true;
    },
    |it| {
        it.settings = alb();
        it.header["signer"] = json!(ARN);
        it.padded = true;
    },
    |it| {
        it.settings = alb();
        it.header["signer"] = json!(ARN);
        for name in ["iss", "exp"] {
            it.header[name] = it.claims[name].clone();
            it.claims.as_object_mut().unwrap().remove(name);
        }
    },
    |it| {
        // Its other tokens are not padded.
        it.settings["allow_padding"] = json!(true);
    },
    |it| {
        it.settings["subject_claim"] = json!(["sub", "common_name"]);
        it.claims["sub"] = json!("");
        it.claims["common_name"] = json!("b2c9.access");
    },
    |it| {
        it.settings["subject_claim"] = json!("user.id");
        it.claims["user"] = json!({ "id": 4711 });
    },
    |it| {
        it.settings["iss_aliases"] = json!("idp.example");
        it.claims["iss"] = json!("idp.example");
    },
    |it| it.header["x5t"] = json!("abc"),
    // SAP's UAA and others tell where their keys are. Nobody goes there.
    |it| it.header["jku"] = json!("https://uaa.example/token_keys"),
    |it| it.header["x5u"] = json!("https://idp.example/cert"),
    |it| it.header["x5c"] = json!(["MIIC"]),
    |it| it.header["jwk"] = json!({ "kty": "oct", "k": "AAAA" }),
    // What is null or empty is absent.
    |it| it.header["kid"] = json!(null),
    |it| it.header["kid"] = json!(""),
    |it| it.header["typ"] = json!(null),
    |it| it.header["x5t"] = json!(null),
    |it| it.header["x5t"] = json!(1),
    |it| it.claims["nbf"] = json!(null),
    |it| it.claims["iat"] = json!(null),
    |it| it.claims["aud"] = json!(null),
    |it| it.claims["azp"] = json!(null),
    |it| it.claims["cnf"] = json!(null),
    |it| it.claims["events"] = json!(null),
    |it| {
        it.settings["try_all_keys"] = json!(true);
        it.header.as_object_mut().unwrap().remove("kid");
        for number in 0..7 {
            it.jwks
                .insert(0, Signer::new("ES256").jwk(&format!("k{number}")));
        }
    },
    |it| {
        // The keys of six algorithms, one of which is the token's.
        it.header.as_object_mut().unwrap().remove("kid");
        for algorithm in ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512"] {
            let mut jwk = fixture::rsa().jwk(algorithm);
            jwk["alg"] = json!(algorithm);
            it.jwks.push(jwk);
        }
    },
    |it| it.header["cty"] = json!("JWT"),
    |it| {
        it.header.as_object_mut().unwrap().remove("kid");
    },
    |it| {
        it.header.as_object_mut().unwrap().remove("kid");
        it.jwks.push(fixture::rsa().jwk("r"));
        it.jwks.push(Signer::new("ES384").jwk("e"));
    },
    |it| {
        it.jwks[0].as_object_mut().unwrap().remove("kid");
    },
    |it| {
        it.jwks
            .push(json!({ "kty": "oct", "k": "AAAA", "kid": "k" }))
    },
    |it| it.jwks.push(fixture::rsa().jwk("k")),
    |it| it.settings["algorithms"] = json!(["ES256"]),
    |it| it.claims["exp"] = json!(NOW.0 - 29),
    |it| it.claims["exp"] = json!(NOW.0 as f64 + 0.5),
    |it| it.claims["nbf"] = json!(NOW.0 + 30),
    |it| it.claims["iat"] = json!(NOW.0 + 30),
    |it| {
        it.claims.as_object_mut().unwrap().remove("iat");
    },
    |it| {
        it.settings["max_token_age"] = json!("1h");
        it.claims["iat"] = json!(NOW.0 - 3629);
    },
    |it| it.claims["aud"] = json!([1, null]),
    |it| {
        it.settings["aud"] = json!(["api", "web"]);
        it.claims["aud"] = json!("web");
    },
    |it| {
        it.settings["aud"] = json!("api");
        it.claims["aud"] = json!(["other", "api"]);
    },
    |it| {
        it.settings["aud"] = json!("client");
        it.settings["aud_claim"] = json!("client_id");
        it.claims["client_id"] = json!("client");
    },
    |it| {
        it.settings["azp"] = json!(["web", "app"]);
        it.claims["azp"] = json!("app");
    },
    |it| {
        it.settings["required_claims"] = json!(["org.id"]);
        it.claims["org"] = json!({ "id": 0 });
    },
    |it| {
        it.settings["required_claims"] = json!({ "token_use": ["access", "id"] });
        it.claims["token_use"] = json!("id");
    },
];

#[test]
fn each_reason_refuses() {
    for (at, (reason, change)) in REFUSED.iter().enumerate() {
        assert_eq!(refusal(change), Some(*reason), "case {at}");
    }
}

#[test]
fn each_twin_is_accepted() {
    for (at, change) in ACCEPTED.iter().enumerate() {
        assert_eq!(refusal(change), None, "case {at}");
    }
}

#[test]
fn every_reason_has_a_case_and_a_code_of_its_own() {
    let codes: HashSet<&str> = Reason::ALL.iter().map(|reason| reason.code()).collect();
    assert_eq!(codes.len(), Reason::ALL.len());
    let elsewhere = [
        Reason::HeaderDuplicate,
        Reason::ClaimsInvalid,
        Reason::ClaimsDuplicate,
        Reason::IssuerMismatch,
        Reason::TenantMismatch,
        Reason::KeyOfOtherIssuer,
        // Of logout tokens only.
        Reason::LogoutAudienceUnset,
        Reason::LogoutEventMissing,
        Reason::NoncePresent,
        Reason::LogoutSidInvalid,
        Reason::JtiMissing,
    ];
    for reason in Reason::ALL {
        let covered = REFUSED.iter().any(|(it, _)| it == reason) || elsewhere.contains(reason);
        assert!(covered, "{reason:?}");
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

#[test]
fn a_public_key_is_no_hmac_secret() {
    // Algorithm confusion: the token is an HMAC under the text of the public key.
    let signer = Signer::new("ES256");
    let jwk = signer.jwk("k");
    let issuers = fixture::issuers(fixture::settings(json!({})), std::slice::from_ref(&jwk));
    for secret in [jwk.to_string(), jwk["x"].as_str().unwrap().to_owned()] {
        let token = hs256(secret.as_bytes(), &fixture::claims());
        assert_eq!(
            reason_of(&token, &issuers),
            Some(Reason::AlgorithmNotAllowed)
        );
    }
}

fn hs256(secret: &[u8], claims: &Value) -> String {
    let header = json!({ "alg": "HS256", "kid": "k" }).to_string();
    let signed = format!(
        "{}.{}",
        fixture::encode(header),
        fixture::encode(claims.to_string())
    );
    let key = aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, secret);
    let tag = aws_lc_rs::hmac::sign(&key, signed.as_bytes());
    format!("{signed}.{}", fixture::encode(tag))
}

fn reason_of(token: &str, issuers: &Issuers) -> Option<Reason> {
    verify(token, issuers, NOW)
        .err()
        .map(|refusal| refusal.reason())
}

#[test]
fn a_shared_secret_is_one_issuers_own() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("secret");
    let secret = "a secret of more than thirty-two bytes";
    std::fs::write(&path, secret).unwrap();
    let legacy = fixture::settings(json!({
        "hs256_secret": format!("file:{}", path.display()), "jwks_url": null,
    }));
    let other = fixture::settings(
        json!({ "name": "other", "iss": "https://other.example", "keys": [],
            "jwks_url": null }),
    );
    let issuers = Issuers::build(&[legacy, other]).unwrap();

    let mut claims = fixture::claims();
    assert_eq!(
        reason_of(&hs256(secret.as_bytes(), &claims), &issuers),
        None
    );
    let wrong = hs256(b"another secret of more than 32 bytes", &claims);
    assert_eq!(reason_of(&wrong, &issuers), Some(Reason::SignatureInvalid));
    let es256 = Signer::new("ES256").sign(&json!({ "alg": "ES256", "kid": "k" }), &claims);
    assert_eq!(reason_of(&es256, &issuers), Some(Reason::KidUnknown));
    claims["iss"] = json!("https://other.example");
    let foreign = hs256(secret.as_bytes(), &claims);
    assert_eq!(
        reason_of(&foreign, &issuers),
        Some(Reason::AlgorithmNotAllowed)
    );

    std::fs::write(&path, "short").unwrap();
    let short = json!({ "name": "a", "iss": "i",
        "hs256_secret": format!("file:{}", path.display()) });
    assert!(serde_json::from_value::<crate::issuer::IssuerSettings>(short).is_err());
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

    // The token of one by the cookie of the other.
    let expected = issuers.by_name("two").unwrap();
    let good = token("https://two.example", &two);
    assert!(verify_for(&good, &issuers, NOW, expected).is_ok());
    let other = verify_for(&token("https://one.example", &one), &issuers, NOW, expected);
    assert_eq!(other.unwrap_err().reason(), Reason::IssuerMismatch);
}

#[test]
fn a_tenant_is_the_one_that_iss_names() {
    let signer = Signer::new("ES256");
    let settings = fixture::settings(json!({
        "iss": null, "iss_template": "https://l.example/{tenantid}/v2.0", "tenants": ["t1", "t2"],
    }));
    let judge = |key_issuer: Option<&str>, iss: &str, tid: Value| {
        let mut jwk = signer.jwk("k");
        if let Some(issuer) = key_issuer {
            jwk["issuer"] = json!(issuer);
        }
        let issuers = fixture::issuers(settings.clone(), &[jwk]);
        let mut claims = fixture::claims();
        claims["iss"] = json!(iss);
        claims["tid"] = tid;
        reason_of(
            &signer.sign(&json!({ "alg": "ES256", "kid": "k" }), &claims),
            &issuers,
        )
    };
    let t1 = "https://l.example/t1/v2.0";
    let template = "https://l.example/{tenantid}/v2.0";
    assert_eq!(judge(None, t1, json!("t1")), None);
    assert_eq!(judge(Some(template), t1, json!("t1")), None);
    assert_eq!(judge(Some(t1), t1, json!("t1")), None);
    assert_eq!(judge(None, t1, json!("t2")), Some(Reason::TenantMismatch));
    assert_eq!(judge(None, t1, json!(null)), Some(Reason::TenantMismatch));
    let unlisted = judge(None, "https://l.example/t3/v2.0", json!("t3"));
    assert_eq!(unlisted, Some(Reason::IssuerUnknown));
    assert_eq!(
        judge(None, template, json!("{tenantid}")),
        Some(Reason::IssuerUnknown)
    );
    let other = judge(Some("https://l.example/t2/v2.0"), t1, json!("t1"));
    assert_eq!(other, Some(Reason::KeyOfOtherIssuer));
}

#[test]
fn an_email_is_verified_by_the_boolean_true_alone() {
    let signer = Signer::new("ES256");
    let email = |settings: Value, claims: Value| {
        let issuers = fixture::issuers(fixture::settings(settings), &[signer.jwk("k")]);
        let mut all = fixture::claims();
        for (name, value) in claims.as_object().unwrap() {
            all[name] = value.clone();
        }
        let token = signer.sign(&json!({ "alg": "ES256", "kid": "k" }), &all);
        verify(&token, &issuers, NOW)
            .unwrap()
            .verified_email()
            .map(str::to_owned)
    };
    let a = json!("a@b.example");
    let some = Some("a@b.example".to_owned());
    let none = json!({});
    assert_eq!(
        email(none.clone(), json!({ "email": a, "emailVerified": true })),
        some
    );
    assert_eq!(
        email(none.clone(), json!({ "email": a, "email_verified": true })),
        some
    );
    let both = json!({ "email": a, "email_verified": true, "emailVerified": false });
    for unverified in [
        json!({ "email": a }),
        json!({ "email": a, "emailVerified": false }),
        json!({ "email": a, "emailVerified": "true" }),
        json!({ "email": a, "emailVerified": 1 }),
        json!({ "email": "", "emailVerified": true }),
        json!({ "email": [a], "emailVerified": true }),
        json!({ "emailVerified": true }),
        both.clone(),
    ] {
        assert_eq!(
            email(none.clone(), unverified.clone()),
            None,
            "{unverified}"
        );
    }
    let assume = json!({ "assume_email_verified": true });
    assert_eq!(email(assume.clone(), json!({ "email": a })), some);
    assert_eq!(
        email(
            assume.clone(),
            json!({ "email": a, "email_verified": false })
        ),
        None
    );
    assert_eq!(
        email(assume, json!({ "email": a, "email_verified": null })),
        None
    );
    let named = json!({ "email_claim": "user.mail", "email_verified_claim": "user.ok" });
    let nested = json!({ "user": { "mail": a, "ok": true } });
    assert_eq!(email(named.clone(), nested), some);
    assert_eq!(email(named, both), None);
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
    assert_eq!(verified.login_claim(), Some("s1"));
    assert_eq!(verified.expires_at(), UnixTime(NOW.0 + 600));
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
    for other in [
        payload("[]"),
        payload(r#"{"iss":1}"#),
        "x.!.y".to_owned(),
        "opaque".to_owned(),
    ] {
        assert_eq!(unverified_issuer(&other), None, "{other}");
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
