//! The changes that bring each reason about.

use super::*;

/// Every reason but those that need two issuers, each with the one change that brings it about.
pub(super) const REFUSED: &[(Reason, Change)] = &[
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
    (Reason::B64Unsupported, |it| it.header["b64"] = json!(false)),
    (Reason::B64Unsupported, |it| it.header["b64"] = json!(null)),
    (Reason::B64Unsupported, |it| {
        it.header["b64"] = json!("true")
    }),
    (Reason::ZipUnsupported, |it| it.header["zip"] = json!("DEF")),
    (Reason::ZipUnsupported, |it| {
        it.header["zip"] = json!("none ")
    }),
    (Reason::ZipUnsupported, |it| it.header["zip"] = json!(1)),
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
    (Reason::KidUnknown, |it| {
        it.jwks.push(Signer::new("ES256").jwk("k2"));
        for jwk in &mut it.jwks {
            jwk.as_object_mut().unwrap().remove("kid");
        }
    }),
    (Reason::KidUnknown, |it| {
        it.jwks.push(Signer::new("ES256").jwk("k"))
    }),
    (Reason::KidUnknown, |it| {
        // One more than are tried.
        it.settings["try_all_keys"] = json!(true);
        for _ in 0..8 {
            it.jwks.push(Signer::new("ES256").jwk("k"));
        }
    }),
    (Reason::SignatureInvalid, |it| {
        it.settings["try_all_keys"] = json!(true);
        it.jwks = vec![Signer::new("ES256").jwk("k"), Signer::new("ES256").jwk("k")];
    }),
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
    (Reason::EventsPresent, |it| {
        it.claims["events"] = json!({ "urn:ietf:params:event:x": {} })
    }),
    (
        Reason::EventsPresent,
        |it| it.claims["events"] = json!({ "theme": "dark", "https://event.example/x": null }),
    ),
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
    (Reason::ClaimMismatch, |it| {
        it.settings["required_claims"] = json!({ "groups": "admin" });
        it.claims["groups"] = json!(["administrators", "x"]);
    }),
    (Reason::ClaimMismatch, |it| {
        it.settings["required_claims"] = json!({ "groups": "admin" });
        it.claims["groups"] = json!([["admin"]]);
    }),
    (Reason::ClaimMismatch, |it| {
        it.settings["required_claims"] = json!({ "groups": "admin" });
        it.claims["groups"] = json!([]);
    }),
];
