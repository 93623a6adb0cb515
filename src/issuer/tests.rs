use serde_json::{Value, json};

use super::*;

mod presets;

fn parse(raw: Value) -> Result<IssuerSettings, String> {
    serde_json::from_value(raw).map_err(|error| error.to_string())
}

fn preset(mut raw: Value) -> IssuerSettings {
    raw["name"] = json!("idp");
    parse(raw).unwrap()
}

fn url(issuer: &IssuerSettings) -> &str {
    match &issuer.source {
        KeySource::Url(url) => url.as_str(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_least_that_makes_an_issuer() {
    let issuer = parse(
        json!({ "name": "a", "iss": "https://a.example", "jwks_url": "https://a.example/k" }),
    )
    .unwrap();
    assert_eq!(spellings(&issuer), ["https://a.example"]);
    assert_eq!(issuer.algorithms, Algorithm::ASYMMETRIC);
    assert_eq!(issuer.aud_claim, "aud");
    assert!(issuer.enabled && issuer.aud.is_empty() && !issuer.assume_email_verified);
}

#[test]
fn the_products_own_names_are_understood() {
    let issuer = parse(json!({
        "name": "a", "iss": "x", "jwksUrl": "https://a.example/k", "cookieName": "c",
        "assumeEmailVerified": true, "aud": "one",
    }))
    .unwrap();
    assert_eq!(url(&issuer), "https://a.example/k");
    assert_eq!(issuer.cookie_name.as_deref(), Some("c"));
    assert_eq!(issuer.aud, ["one"]);
    assert!(issuer.assume_email_verified);
}

#[test]
fn what_makes_no_issuer_says_why() {
    let base =
        json!({ "name": "a", "iss": "https://a.example", "jwks_url": "https://a.example/k" });
    let with = |changes: Value| {
        let mut raw = base.clone();
        for (name, value) in changes.as_object().unwrap() {
            raw[name] = value.clone();
        }
        parse(raw)
    };
    assert!(with(json!({})).is_ok());
    for (changes, error) in [
        (json!({ "name": "" }), IssuerError::NoName),
        (json!({ "iss": null }), IssuerError::NoIss),
        (json!({ "iss": "" }), IssuerError::NoIss),
        (
            json!({ "iss_template": "{tenantid}" }),
            IssuerError::IssTwice,
        ),
        (
            json!({ "tenants": ["t"] }),
            IssuerError::TenantsWithoutTemplate,
        ),
        (json!({ "jwks_url": null }), IssuerError::NoKeys),
        (json!({ "discovery": true }), IssuerError::KeysTwice),
        (json!({ "jwks_file": "k.json" }), IssuerError::KeysTwice),
        (json!({ "keys": [] }), IssuerError::KeysTwice),
        (
            json!({ "jwks_url": "nonsense" }),
            IssuerError::NoUrl("nonsense".to_owned()),
        ),
        (
            json!({ "jwks_url": "ftp://a/k" }),
            IssuerError::NoUrl("ftp://a/k".to_owned()),
        ),
        (
            json!({ "jwks_url": "https://u:p@a/k" }),
            IssuerError::UrlWithPassword("jwks_url"),
        ),
        (
            json!({ "jwks_url": "http://a/k" }),
            IssuerError::PlainHttp("http://a/k".to_owned()),
        ),
        (
            json!({ "realm": "r" }),
            IssuerError::ForeignParameter("realm"),
        ),
        (
            json!({ "preset": "auth0" }),
            IssuerError::MissingParameter("domain"),
        ),
        (
            json!({ "preset": "google_iap" }),
            IssuerError::MissingParameter("aud"),
        ),
        (
            json!({ "preset": "auth0", "domain": "https://t.auth0.com" }),
            IssuerError::BadParameter("domain"),
        ),
        (
            json!({ "tenant_claim": "org" }),
            IssuerError::TenantClaimWithoutTemplate,
        ),
        (json!({ "aud": [] }), IssuerError::NothingAccepted),
        (json!({ "signer": [] }), IssuerError::NothingAccepted),
        (
            json!({ "required_claims": { "groups": [], "org": "acme" } }),
            IssuerError::NoValueAccepted("groups".to_owned()),
        ),
        (json!({ "header": "a b" }), IssuerError::BadHeader),
        (json!({ "cookie_name": "a;b" }), IssuerError::BadCookieName),
        (
            json!({ "jwks": { "timeout": "0s" } }),
            IssuerError::NoInterval("timeout"),
        ),
    ] {
        assert_eq!(
            with(changes.clone()).unwrap_err(),
            error.to_string(),
            "{changes}"
        );
    }
    for unchecked in [
        json!({ "aud": null, "azp": null, "logout_audience": null, "signer": null }),
        // As the example of earlier versions has them.
        json!({ "azp": [], "logout_audience": [] }),
        json!({ "required_claims": null }),
        json!({ "required_claims": { "groups": null, "org": "acme" } }),
        json!({ "required_claims": { "groups": ["admin"], "org": "acme" } }),
        // No values: nothing is required.
        json!({ "required_claims": [] }),
        json!({ "required_claims": {} }),
    ] {
        assert!(with(unchecked.clone()).is_ok(), "{unchecked}");
    }
    for algorithm in ["none", "HS256", "HS384", "rs256", ""] {
        assert!(
            with(json!({ "algorithms": [algorithm] })).is_err(),
            "{algorithm}"
        );
    }
    assert!(with(json!({ "algorithms": ["RS256", "Ed25519"] })).is_ok());
    assert!(
        with(json!({ "colour": "red" }))
            .unwrap_err()
            .contains("unknown field `colour`")
    );
    assert!(with(json!({ "jwks": { "colour": 1 } })).is_err());
    assert!(with(json!({ "jwks": { "timeout": "250ms", "max_body": "64KiB" } })).is_ok());
}

#[test]
fn plain_http_is_for_loopback_or_by_name() {
    let at = |url: &str, insecure: bool| {
        parse(json!({ "name": "a", "iss": "i", "jwks_url": url, "insecure_http": insecure }))
    };
    for loopback in [
        "http://127.0.0.1:8080/k",
        "http://localhost/k",
        "http://[::1]/k",
    ] {
        assert!(at(loopback, false).is_ok(), "{loopback}");
    }
    for outside in ["http://10.0.0.1/k", "http://localhost.example/k"] {
        assert!(at(outside, false).is_err(), "{outside}");
        assert!(at(outside, true).is_ok(), "{outside}");
    }
}

#[test]
fn discovery_asks_below_the_iss() {
    for iss in ["https://a.example/x", "https://a.example/x/"] {
        let issuer = parse(json!({ "name": "a", "iss": iss, "discovery": true })).unwrap();
        let expected = "https://a.example/x/.well-known/openid-configuration";
        assert_eq!(issuer.source.label(), expected);
    }
}

#[test]
fn required_claims_are_names_or_values() {
    let required = |claims: Value| {
        let raw = json!({ "name": "a", "iss": "i", "keys": [], "required_claims": claims });
        parse(raw).unwrap().required_claims
    };
    let name = |name: &str, values: Vec<Value>| RequiredClaim {
        name: name.to_owned(),
        values,
    };
    assert_eq!(
        required(json!(["jti", "org.id"])),
        [name("jti", vec![]), name("org.id", vec![])]
    );
    assert_eq!(
        required(json!({ "org": null, "plan": ["a", "b"], "v": 1 })),
        [
            name("org", vec![]),
            name("plan", vec![json!("a"), json!("b")]),
            name("v", vec![json!(1)])
        ]
    );
}

#[test]
fn a_template_stands_for_its_tenants() {
    let issuer = parse(json!({
        "name": "a", "iss_template": "https://l.example/{tenantid}/v2.0", "tenants": ["t1", "t2"],
        "jwks_url": "https://l.example/k",
    }))
    .unwrap();
    assert_eq!(
        spellings(&issuer),
        ["https://l.example/t1/v2.0", "https://l.example/t2/v2.0"]
    );
    let tenants = issuer.accepted_iss().into_iter().map(|it| it.tenant);
    let named = ["t1", "t2"].map(|tenant| Some(tenant.to_owned()));
    assert_eq!(tenants.collect::<Vec<_>>(), named);
    for (template, tenants, error) in [
        (
            "https://l.example/v2.0",
            json!(["t"]),
            IssuerError::TemplateWithoutPlace,
        ),
        (
            "https://l.example/{tenant}",
            json!(["t"]),
            IssuerError::TemplateWithoutPlace,
        ),
        (
            "https://l.example/{tenantid}",
            json!([]),
            IssuerError::NoTenants,
        ),
        (
            "https://l.example/{tenantid}",
            json!([""]),
            IssuerError::NoTenants,
        ),
    ] {
        let raw = json!({
            "name": "a", "iss_template": template, "tenants": tenants, "keys": [],
        });
        assert_eq!(parse(raw).unwrap_err(), error.to_string());
    }
}

/// As Entra's External ID has it.
#[test]
fn a_template_may_name_the_tenant_more_than_once() {
    let issuer = parse(json!({
        "name": "a", "iss_template": "https://{tenantid}.l.example/{tenantid}/v2.0",
        "tenants": ["t1", "t2"], "iss_aliases": "https://l.example/{tenantid}/{tenantid}",
        "jwks_url": "https://l.example/k",
    }))
    .unwrap();
    assert_eq!(
        spellings(&issuer),
        [
            "https://t1.l.example/t1/v2.0",
            "https://t2.l.example/t2/v2.0",
            "https://l.example/t1/t1",
            "https://l.example/t2/t2",
        ]
    );
}

#[test]
fn types_of_other_kinds_of_tokens_cannot_be_accepted() {
    let with = |types: Value| {
        parse(json!({
            "name": "a", "iss": "x", "jwks_url": "https://a.example/k", "accepted_types": types,
        }))
    };
    let issuer = with(json!(["application/AT+JWT", "JOSE"])).unwrap();
    assert_eq!(issuer.accepted_types, ["at+jwt", "jose"]);
    for foreign in ["logout+jwt", "application/SecEvent+JWT", "dpop+jwt", ""] {
        assert!(with(json!([foreign])).is_err(), "{foreign}");
    }
}

#[test]
fn aliases_are_spellings_of_one_issuer() {
    let google = preset(json!({ "preset": "google", "aud": "client" }));
    assert_eq!(
        spellings(&google),
        ["https://accounts.google.com", "accounts.google.com"]
    );
    let own = preset(json!({ "preset": "google", "aud": "client", "iss_aliases": [] }));
    assert_eq!(spellings(&own), ["https://accounts.google.com"]);
    let template = |alias: &str| {
        parse(json!({
            "name": "a", "iss_template": "https://l.example/{tenantid}/v2", "tenants": ["t"],
            "jwks_url": "https://l.example/k", "iss_aliases": alias,
        }))
    };
    let issuer = template("https://old.example/{tenantid}/").unwrap();
    assert_eq!(
        spellings(&issuer),
        ["https://l.example/t/v2", "https://old.example/t/"]
    );
    assert!(template("https://old.example/").is_err());
    assert!(template("").is_err());
}

#[test]
fn a_shared_secret_is_raw_or_base64() {
    use super::SecretEncoding::{Base64, Raw};
    assert_eq!(Raw.decode("YWJj+/==").unwrap().as_slice(), b"YWJj+/==");
    for text in ["-_-_", "+/+/", "+/+_"] {
        assert_eq!(Base64.decode(text).unwrap().as_slice(), [0xfb, 0xff, 0xbf]);
    }
    for text in ["YQ==", "YQ"] {
        assert_eq!(Base64.decode(text).unwrap().as_slice(), b"a");
    }
    assert_eq!(Base64.decode("not base64!"), None);
}

/// Every `iss` that tokens of an issuer may carry.
fn spellings(issuer: &IssuerSettings) -> Vec<String> {
    issuer.accepted_iss().into_iter().map(|it| it.iss).collect()
}
