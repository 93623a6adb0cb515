//! Keys whose entries in the set say whose tokens they verify.

use super::*;
use crate::issuer::IssuerSettings;

/// Why a token with this `iss` is refused, of tenant T, under a key whose entry names an issuer.
fn judge(settings: &Value, key_issuer: &str, iss: &str) -> Option<Reason> {
    let signer = Signer::new("ES256");
    let least = json!({
        "name": "idp", "jwks_url": "https://keys.example/k", "algorithms": ["ES256"],
    });
    let settings = fixture::with(least, settings);
    let settings: IssuerSettings = serde_json::from_value(settings).unwrap();
    let mut jwk = signer.jwk("k");
    jwk["issuer"] = json!(key_issuer);
    let issuers = fixture::issuers(settings, &[jwk]);
    let mut claims = fixture::claims();
    claims["iss"] = json!(iss);
    claims["tid"] = json!(T);
    let token = signer.sign(&json!({ "alg": "ES256", "kid": "k" }), &claims);
    reason_of(&token, &issuers)
}

const T: &str = "8e8f4a52-3c7e-4b7c-9d0e-6f1d2c3b4a59";
const PERSONAL: &str =
    "https://login.microsoftonline.com/9188040d-6c67-4c5b-b112-36a304b66dad/v2.0";
const V2: &str = "https://login.microsoftonline.com/{tenantid}/v2.0";
const V1: &str = "https://sts.windows.net/{tenantid}/";
const EXTERNAL: &str = "https://{tenantid}.ciamlogin.com/{tenantid}/v2.0";

fn of_t(template: &str) -> String {
    template.replace("{tenantid}", T)
}

const OTHER: Option<Reason> = Some(Reason::KeyOfOtherIssuer);

/// It does not matter whether the file writes the `iss` out or lists the tenant.
#[test]
fn a_key_of_another_tenant_verifies_nothing() {
    let v2 = of_t(V2);
    for settings in [
        json!({ "preset": "entra", "tenant": T }),
        json!({ "preset": "entra", "tenant": T, "iss": v2 }),
        json!({ "preset": "entra", "tenants": [T] }),
        json!({ "iss": v2 }),
        json!({ "iss_template": V2, "tenants": [T] }),
    ] {
        for own in [V2, &v2, V1, &of_t(V1)] {
            assert_eq!(judge(&settings, own, &v2), None, "{settings} {own}");
        }
        for other in [
            PERSONAL,
            "https://login.other.example/{tenantid}/v2.0",
            "https://login.microsoftonline.com/{tenantid}/v1.0",
            "https://login.microsoftonline.com/{tenantid}",
            "https://login.microsoftonline.com/v2.0",
            "{tenantid}",
        ] {
            assert_eq!(judge(&settings, other, &v2), OTHER, "{settings} {other}");
        }
    }
}

/// The sets of both versions have entries for version 2.0.
#[test]
fn tokens_of_version_1_are_verified_by_keys_for_version_2() {
    let v1 = of_t(V1);
    for settings in [
        json!({ "preset": "entra", "tenants": [T], "iss_template": V1 }),
        json!({ "preset": "entra", "tenants": [T], "iss_aliases": V1 }),
        json!({ "preset": "entra", "tenants": [T], "iss_template": V1, "iss_aliases": [] }),
        json!({ "preset": "entra", "tenant": T, "iss": v1 }),
        json!({ "iss_template": V1, "tenants": [T] }),
        json!({ "iss": v1 }),
    ] {
        for own in [V2, &of_t(V2), V1, &v1] {
            assert_eq!(judge(&settings, own, &v1), None, "{settings} {own}");
        }
        assert_eq!(judge(&settings, PERSONAL, &v1), OTHER, "{settings}");
    }
}

#[test]
fn a_template_names_one_tenant_in_all_its_places() {
    let iss = of_t(EXTERNAL);
    let templated = json!({ "iss_template": EXTERNAL, "tenants": [T] });
    for settings in [templated, json!({ "iss": iss })] {
        for own in [EXTERNAL, &iss, V2] {
            assert_eq!(judge(&settings, own, &iss), None, "{settings} {own}");
        }
        assert_eq!(judge(&settings, PERSONAL, &iss), OTHER, "{settings}");
    }
    let two = json!({ "iss": format!("https://other.ciamlogin.com/{T}/v2.0") });
    let iss = two["iss"].as_str().unwrap();
    assert_eq!(judge(&two, EXTERNAL, iss), OTHER);
}

/// What the gateway does not know, the file can say.
#[test]
fn an_alias_is_a_spelling_for_keys_as_well() {
    let (iss, old) = ("https://new.example", "https://old.example");
    let alone = json!({ "iss": iss });
    let both = json!({ "iss": iss, "iss_aliases": [old] });
    assert_eq!(judge(&alone, iss, iss), None);
    assert_eq!(judge(&alone, old, iss), OTHER);
    assert_eq!(judge(&both, old, iss), None);
    assert_eq!(judge(&both, iss, old), None);
}
