use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rcgen::{CertificateParams, KeyPair};
use rustls::pki_types::PrivatePkcs8KeyDer;
use serde_json::json;

use crate::issuer::{Algorithm, KeyFormat};
use crate::jwks::{Candidates, KeySet};
use crate::jwt::fixture;

fn certificate(pair: &KeyPair) -> String {
    let params = CertificateParams::new(vec!["securetoken.example".to_owned()]).unwrap();
    params.self_signed(pair).unwrap().pem()
}

fn p521_pem() -> String {
    let text = STANDARD.encode(fixture::KeyPair::generate("ES512").public_der());
    format!("-----BEGIN PUBLIC KEY-----\n{text}\n-----END PUBLIC KEY-----\n")
}

#[test]
fn certificates_and_public_keys_are_read() {
    let ec = KeyPair::generate().unwrap();
    let fixture::KeyPair::Rsa(rsa_key) = fixture::rsa().pair() else {
        unreachable!()
    };
    let pkcs8 = AsDer::<Pkcs8V1Der>::as_der(&**rsa_key);
    let pkcs8 = PrivatePkcs8KeyDer::from(pkcs8.unwrap().as_ref().to_vec());
    let rsa = KeyPair::from_pkcs8_der_and_sign_algo(&pkcs8, &rcgen::PKCS_RSA_SHA256).unwrap();
    let map = json!({
        "ec-cert": certificate(&ec),
        "ec-key": ec.public_key_pem(),
        "rsa-cert": certificate(&rsa),
        "rsa-key": rsa.public_key_pem(),
        "p521": p521_pem(),
    });
    let set = KeySet::parse_as(KeyFormat::PemMap, map.to_string().as_bytes(), 10).unwrap();
    assert_eq!(set.len(), 5, "{:?}", set.skipped());

    // The key from the certificate is the one that signs.
    let token = fixture::rsa().sign(&json!({ "alg": "RS256" }), &json!({}));
    let (signed, signature) = token.rsplit_once('.').unwrap();
    let signature = base64::engine::general_purpose::URL_SAFE_NO_PAD
        .decode(signature)
        .unwrap();
    for kid in ["rsa-cert", "rsa-key"] {
        let Ok(Candidates::One(key)) = set.find(Some(kid).into(), Algorithm::RS256) else {
            panic!("{kid}");
        };
        assert!(
            key.verify(Algorithm::RS256, signed.as_bytes(), &signature),
            "{kid}"
        );
    }
    assert!(set.find(Some("ec-cert").into(), Algorithm::ES256).is_ok());
    assert!(set.find(Some("p521").into(), Algorithm::ES512).is_ok());
}

#[test]
fn what_is_no_certificate_is_skipped() {
    let der = STANDARD.encode([0x30, 0x03, 0x02, 0x01, 0x01]);
    let map = json!({
        "number": 1,
        "text": "hello",
        "empty": "-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n",
        "garbage": format!("-----BEGIN CERTIFICATE-----\n{der}\n-----END CERTIFICATE-----\n"),
        "other": format!("-----BEGIN PUBLIC KEY-----\n{der}\n-----END PUBLIC KEY-----\n"),
    });
    let set = KeySet::parse_as(KeyFormat::PemMap, map.to_string().as_bytes(), 10).unwrap();
    assert!(set.is_empty());
    assert_eq!(set.skipped().values().sum::<u32>(), 5);
}
