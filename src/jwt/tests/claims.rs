//! What claims say of tenant and email.

use super::*;

#[test]
fn the_tenants_claim_has_the_name_that_the_issuer_gives_it() {
    let signer = Signer::new("ES256");
    let judge = |own: Value| {
        let settings = fixture::settings(json!({
            "iss": null, "iss_template": "https://{tenantid}.example", "tenants": ["idp"],
            "tenant_claim": "org.id",
        }));
        let issuers = fixture::issuers(settings, &[signer.jwk("k")]);
        let claims = fixture::with(fixture::claims(), &own);
        reason_of(
            &signer.sign(&json!({ "alg": "ES256", "kid": "k" }), &claims),
            &issuers,
        )
    };
    assert_eq!(judge(json!({ "org": { "id": "idp" } })), None);
    for other in [
        json!({ "org": { "id": "other" } }),
        json!({ "org": { "id": null } }),
        json!({ "tid": "idp" }),
    ] {
        assert_eq!(judge(other), Some(Reason::TenantMismatch));
    }
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
    assert_eq!(judge(None, t1, json!(["t1"])), Some(Reason::TenantMismatch));
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
        let claims = fixture::with(fixture::claims(), &claims);
        let token = signer.sign(&json!({ "alg": "ES256", "kid": "k" }), &claims);
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
    let texts = json!({ "email_verified_values": [true, "true", 1] });
    for (value, verified) in [
        (json!(true), &some),
        (json!("true"), &some),
        (json!(1), &some),
        (json!("True"), &None),
        (json!("false"), &None),
        (json!(null), &None),
    ] {
        let claims = json!({ "email": a, "email_verified": value });
        assert_eq!(email(texts.clone(), claims), *verified, "{value}");
    }
}
