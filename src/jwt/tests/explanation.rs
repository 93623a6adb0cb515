//! The explanation's hints, for the mistakes that people make.

use super::*;

fn hint(change: impl FnOnce(&mut Scene)) -> (String, Explanation) {
    let signer = Signer::new("ES256");
    let mut scene = Scene::new(&signer);
    change(&mut scene);
    let explanation = explain(&scene.token(&signer), &scene.issuers(), NOW);
    (explanation.errors().join("\n"), explanation)
}

#[track_caller]
fn says(words: &str, change: impl FnOnce(&mut Scene)) {
    let (hint, _) = hint(change);
    assert!(hint.contains(words), "{hint}");
}

#[test]
fn the_end_of_a_token_may_have_a_fraction() {
    for exp in [json!(NOW.0 + 60), json!(NOW.0 as f64 + 60.5)] {
        let (errors, explanation) = hint(|it| it.claims["exp"] = exp);
        assert_eq!(errors, "");
        let end = explanation.content.and_then(|content| content.expires_at);
        assert_eq!(end, Some(UnixTime(NOW.0 + 60).rfc3339()));
    }
}

#[test]
fn hints_name_the_mistake() {
    says("trailing slash", |it| {
        it.claims["iss"] = json!("https://idp.example/")
    });
    says("spelled differently", |it| {
        it.claims["iss"] = json!("idp.example")
    });
    says("belongs into `iss_aliases`", |it| {
        it.claims["iss"] = json!("idp.example")
    });
    says("opaque access token", |it| {
        it.text = Box::new(|_| "ory_at_k3.x".to_owned())
    });
    says("has the character '%', which is not in base64url", |it| {
        it.text = Box::new(|token| format!("{token}%22"))
    });
    says("`allow_padding: true` accepts padding", |it| {
        it.text = Box::new(|token| format!("{token}=="))
    });
    says("for Microsoft Graph", |it| {
        it.header["nonce"] = json!("n");
        it.text = Box::new(|token| format!("{}AAAA", &token[..token.len() - 4]));
    });
    says("differ in case", |it| {
        it.claims["iss"] = json!("https://IDP.example")
    });
    says("expired 90 s ago; the issuer's `leeway` is 30 s", |it| {
        it.claims["exp"] = json!(NOW.0 - 90)
    });
    says(
        "issued 700 s ago, more than the issuer's `max_token_age` of 600 s",
        |it| {
            it.settings["max_token_age"] = json!("10m");
            it.claims["iat"] = json!(NOW.0 - 700);
        },
    );
    says("`nbf` is 120 s in the future", |it| {
        it.claims["nbf"] = json!(NOW.0 + 120)
    });
    says(
        "`iat` is 45 s in the future, more than the issuer's `leeway` of 30 s",
        |it| {
            it.claims["iat"] = json!(NOW.0 + 45);
        },
    );
    says(r#"array ["web"] does not contain "api""#, |it| {
        it.settings["aud"] = json!("api");
        it.claims["aud"] = json!(["web"]);
    });
    says("is a JWE", |it| {
        it.text = Box::new(|token| format!("{token}.AA.AA"))
    });
    says(
        "signed with ES256; the issuer `idp` allows RS256, PS256",
        |it| {
            it.settings["algorithms"] = json!(["RS256", "PS256"]);
        },
    );
    says("has no key \"other\"; its keys are: k.", |it| {
        it.header["kid"] = json!("other")
    });
    says("but the key \"k\" is for ES256", |it| {
        it.header["alg"] = json!("ES384")
    });
    says("no fetch has finished yet", |it| it.fixed = false);
    says("starts with `Bearer `", |it| {
        it.text = Box::new(|token| format!("Bearer {}", token.replace('.', "")))
    });
    says("white space", |it| it.text = Box::new(|_| "a b".to_owned()));
    says("`azp` is \"x\"", |it| {
        it.settings["azp"] = json!("app");
        it.claims["azp"] = json!("x");
    });
    says("`token_use` is \"id\"", |it| {
        it.settings["required_claims"] = json!({ "token_use": "access" });
        it.claims["token_use"] = json!("id");
    });
    says("`required_claims` accept \"admin\" or 7", |it| {
        it.settings["required_claims"] = json!({ "groups": ["admin", 7] });
        it.claims["groups"] = json!(["guest"]);
    });
    says("the issuer's `required_claims` name", |it| {
        it.settings["required_claims"] = json!(["org"]);
    });
    for spelling in [
        "http://idp.example",
        "https://idp.example:443",
        "https://idp.example:443/",
    ] {
        says("spelled differently", |it| {
            it.claims["iss"] = json!(spelling)
        });
    }
    says("No issuer has exactly", |it| {
        it.claims["iss"] = json!("https://idp.example:8443")
    });
    says("HS256 needs the shared secret, `hs256_secret`", |it| {
        it.header["alg"] = json!("HS256")
    });
    says("`algorithms` decides", |it| {
        it.settings["algorithms"] = json!(["RS256"])
    });
    says("`aud_claim` says which", |it| {
        it.settings["aud"] = json!("api");
        it.claims.as_object_mut().unwrap().remove("aud");
    });
    says("It looks like milliseconds", |it| {
        it.claims["exp"] = json!(NOW.0 * 1000 + 60_000)
    });
    says("The `exp` is \"soon\"", |it| {
        it.claims["exp"] = json!("soon")
    });
    let of_tenants = json!({
        "iss": null, "iss_template": "https://{tenantid}.example", "tenants": ["idp"],
    });
    for words in [
        "has no `tid`",
        "`tenant_claim` names another",
        "here \"idp\"",
    ] {
        says(words, |it| it.settings = of_tenants.clone());
    }
    says("not among the `tenants` of the issuer `idp`", |it| {
        it.settings = of_tenants.clone();
        it.claims["iss"] = json!("https://other.example");
    });
    says("`tid` is \"x\", but the tenant", |it| {
        it.settings = of_tenants.clone();
        it.claims["tid"] = json!("x");
    });
}

#[test]
fn a_kid_of_another_issuer_is_pointed_out() {
    let signer = Signer::new("ES256");
    let issuer = |name: &str, kid: &str| {
        let iss = format!("https://{name}.example");
        let settings = fixture::settings(json!({ "name": name, "iss": iss }));
        let set = json!({ "keys": [signer.jwk(kid)] }).to_string();
        let keys = IssuerKeys::fixed(KeySet::parse(set.as_bytes()).unwrap());
        Arc::new(Issuer::new(settings, Arc::new(keys)))
    };
    let issuers = Issuers::from_issuers(vec![issuer("one", "k1"), issuer("two", "k2")]).unwrap();
    let mut claims = fixture::claims();
    claims["iss"] = json!("https://one.example");
    let token = signer.sign(&json!({ "alg": "ES256", "kid": "k2" }), &claims);
    let errors = explain(&token, &issuers, NOW).errors().join("\n");
    assert!(
        errors.contains("The issuer `two` has a key with this `kid`"),
        "{errors}"
    );
}

/// A key that is there and not used looks, to whoever reads the set, like one that should work.
#[test]
fn a_key_that_is_skipped_is_named_with_the_reason() {
    let signer = Signer::new("ES256");
    let errors = |kid: Option<&str>| {
        let mut unused = signer.jwk("k");
        unused["use"] = json!("enc");
        let issuers = fixture::issuers(fixture::settings(json!({})), &[unused]);
        let mut header = json!({ "alg": "ES256" });
        header["kid"] = json!(kid);
        let token = signer.sign(&header, &fixture::claims());
        explain(&token, &issuers, NOW).errors().join("\n")
    };
    let named = errors(Some("k"));
    assert!(
        named.contains("Its key set has one, which is not used"),
        "{named}"
    );
    assert!(named.contains("(`not_for_verifying`)"), "{named}");
    let other = errors(Some("other"));
    assert!(!other.contains("Its key set has one"), "{other}");
    assert!(other.contains("(`not_for_verifying`)"), "{other}");
    let nameless = errors(None);
    assert!(nameless.contains("(`not_for_verifying`)"), "{nameless}");
}

#[test]
fn keys_that_a_kid_does_not_tell_apart_are_counted_with_the_setting_that_tries_them() {
    let signer = Signer::new("ES256");
    let errors = |try_all_keys: bool, kids: [Value; 3]| {
        let keys = kids.map(|kid| {
            let mut jwk = Signer::new("ES256").jwk("k");
            jwk["kid"] = kid;
            jwk
        });
        let settings = fixture::settings(json!({ "try_all_keys": try_all_keys }));
        let header = json!({ "alg": "ES256", "kid": "1" });
        let token = signer.sign(&header, &fixture::claims());
        explain(&token, &fixture::issuers(settings, &keys), NOW)
            .errors()
            .join("\n")
    };
    let nameless = errors(false, [json!(null), json!("a"), json!(null)]);
    assert!(
        nameless.contains("its keys are: a, 2 without a `kid`."),
        "{nameless}"
    );
    assert!(nameless.contains("`try_all_keys: true`"), "{nameless}");
    let equal = errors(false, [json!("1"), json!("1"), json!("a")]);
    assert!(equal.contains("(`duplicate_kid`)"), "{equal}");
    assert!(equal.contains("`try_all_keys: true`"), "{equal}");
    // A number is no `kid`, and no setting makes it one.
    let number = errors(false, [json!(1), json!("a"), json!("b")]);
    assert!(number.contains("Its key set has one"), "{number}");
    assert!(number.contains("(`malformed`)"), "{number}");
    assert!(!number.contains("try_all_keys"), "{number}");
    let tried = errors(true, [json!(null), json!("a"), json!(null)]);
    assert!(!tried.contains("try_all_keys"), "{tried}");
}

#[test]
fn every_step_is_told_in_order() {
    let names = |explanation: &Explanation| -> Vec<(&str, Verdict)> {
        explanation
            .steps
            .iter()
            .map(|step| (step.name, step.verdict))
            .collect()
    };
    let (_, good) = hint(|_| {});
    let all: Vec<&str> = names(&good).into_iter().map(|(name, _)| name).collect();
    assert_eq!(
        all,
        [
            "structure",
            "header",
            "payload",
            "issuer",
            "algorithm",
            "key",
            "signature",
            "kind",
            "subject",
            "tenant",
            "expiry",
            "not_before",
            "issued_at",
            "audience",
            "authorized_party",
            "required_claims"
        ]
    );
    // After a failure what can be checked is checked, the rest is there as skipped.
    let (_, bad) = hint(|it| {
        it.header["kid"] = json!("other");
        it.claims["exp"] = json!(0);
    });
    let verdicts = names(&bad);
    assert_eq!(verdicts.len(), all.len());
    assert_eq!(verdicts[5], ("key", Verdict::Fail));
    assert_eq!(verdicts[6], ("signature", Verdict::Skipped));
    assert_eq!(verdicts[10], ("expiry", Verdict::Fail));
    assert_eq!(bad.code(), Some("kid_unknown"));

    let (_, garbage) = hint(|it| it.text = Box::new(|_| "garbage".to_owned()));
    assert_eq!(names(&garbage).len(), all.len());
    assert!(
        names(&garbage)[1..]
            .iter()
            .all(|(_, verdict)| *verdict == Verdict::Skipped)
    );
}

#[test]
fn rows_are_lines_and_json() {
    let (_, explanation) = hint(|it| it.claims["iss"] = json!("a\nb"));
    let text = explanation.to_string();
    // A row for each step, then header, claims and expiry, then the verdict.
    assert_eq!(text.lines().count(), explanation.steps.len() + 4, "{text}");
    assert!(text.ends_with("refused"), "{text}");
    let json = serde_json::to_value(&explanation).unwrap();
    assert_eq!(json["valid"], false);
    assert_eq!(json["steps"][3]["code"], "issuer_unknown");
    assert_eq!(json["steps"][3]["verdict"], "fail");
    assert_eq!(json["steps"][4]["verdict"], "skipped");
}
