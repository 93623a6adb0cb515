//! Tokens that are signed with a shared secret.

use super::*;

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
        json!({ "name": "another", "iss": "https://other.example", "keys": [],
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
