//! Entries of a set, one by one.

use super::*;

#[test]
fn each_unusable_entry_is_skipped_for_its_reason_and_the_rest_serves() {
    let rsa = || fixture::rsa().jwk("k");
    let ec = || Signer::new("ES256").jwk("k");
    let ed = || Signer::new("EdDSA").jwk("k");
    let mut modulus = fixture::decode(rsa()["n"].as_str().unwrap());
    modulus.truncate(255);
    modulus[254] |= 1;
    let small = fixture::encode(&modulus);
    let huge = fixture::encode(vec![0xff; 1025]);
    let bad_point = fixture::encode([7; 32]);
    for (entry, reason) in [
        (json!("text"), SkipReason::Malformed),
        (without(rsa(), "kty"), SkipReason::Malformed),
        (without(rsa(), "n"), SkipReason::Malformed),
        (with(rsa(), "e", json!("AQ AB")), SkipReason::Malformed),
        (with(rsa(), "kid", json!(1)), SkipReason::Malformed),
        (without(ec(), "crv"), SkipReason::Malformed),
        (
            json!({ "kty": "oct", "k": "AAAA", "kid": "k" }),
            SkipReason::Symmetric,
        ),
        (
            json!({ "kty": "oct", "k": "AAAA", "alg": "HS256" }),
            SkipReason::Symmetric,
        ),
        (
            with(rsa(), "kty", json!("AKP")),
            SkipReason::TypeUnsupported,
        ),
        (with(ec(), "kty", json!("RSA")), SkipReason::Malformed),
        (with(ec(), "crv", json!("P-521")), SkipReason::KeyInvalid),
        (
            with(ec(), "crv", json!("secp256k1")),
            SkipReason::CurveUnsupported,
        ),
        (
            with(ed(), "crv", json!("X25519")),
            SkipReason::CurveUnsupported,
        ),
        (
            with(rsa(), "use", json!("enc")),
            SkipReason::NotForVerifying,
        ),
        (
            with(rsa(), "key_ops", json!(["encrypt"])),
            SkipReason::NotForVerifying,
        ),
        (
            with(rsa(), "alg", json!("RSA-OAEP")),
            SkipReason::AlgorithmUnsupported,
        ),
        (
            with(rsa(), "alg", json!("none")),
            SkipReason::AlgorithmUnsupported,
        ),
        (
            with(rsa(), "alg", json!("HS256")),
            SkipReason::AlgorithmMismatch,
        ),
        (
            with(rsa(), "alg", json!("ES256")),
            SkipReason::AlgorithmMismatch,
        ),
        (
            with(ec(), "alg", json!("ES384")),
            SkipReason::AlgorithmMismatch,
        ),
        (with(rsa(), "n", json!(small)), SkipReason::RsaTooSmall),
        (with(rsa(), "n", json!("")), SkipReason::RsaTooSmall),
        (with(rsa(), "n", json!(huge)), SkipReason::KeyInvalid),
        (with(rsa(), "e", json!("AQ")), SkipReason::KeyInvalid),
        (with(rsa(), "e", json!("Ag")), SkipReason::KeyInvalid),
        (with(rsa(), "e", json!("")), SkipReason::KeyInvalid),
        (with(ec(), "y", json!(bad_point)), SkipReason::KeyInvalid),
        (with(ec(), "crv", json!("P-384")), SkipReason::KeyInvalid),
        (with(ed(), "x", json!("AAAA")), SkipReason::KeyInvalid),
        (with(ec(), "d", json!("AAAA")), SkipReason::PrivateKey),
    ] {
        let good = Signer::new("ES256").jwk("good");
        let set = parse(&[entry.clone(), good]);
        assert_eq!(set.skipped(), &BTreeMap::from([(reason, 1)]), "{entry}");
        assert!(set.len() == 1 && set.has_kid("good"), "{entry}");
    }
}

#[test]
fn each_usable_entry_is_taken() {
    let rsa = || fixture::rsa().jwk("k");
    let zero_first = {
        let mut modulus = vec![0];
        modulus.extend(fixture::decode(rsa()["n"].as_str().unwrap()));
        fixture::encode(modulus)
    };
    let in_base64 = {
        let modulus = fixture::decode(rsa()["n"].as_str().unwrap());
        STANDARD.encode(modulus)
    };
    for entry in [
        rsa(),
        with(rsa(), "use", json!("sig")),
        with(rsa(), "use", json!(null)),
        with(rsa(), "key_ops", json!(["verify", "sign"])),
        with(rsa(), "alg", json!("PS512")),
        with(rsa(), "n", json!(zero_first)),
        without(rsa(), "kid"),
        with(rsa(), "n", json!(in_base64)),
        with(rsa(), "unknown", json!({})),
        Signer::new("ES256").jwk("k"),
        Signer::new("ES384").jwk("k"),
        Signer::new("ES512").jwk("k"),
        Signer::new("EdDSA").jwk("k"),
        with(Signer::new("EdDSA").jwk("k"), "alg", json!("Ed25519")),
    ] {
        let set = parse(std::slice::from_ref(&entry));
        assert!(
            set.len() == 1 && set.skipped().is_empty(),
            "{entry} {:?}",
            set.skipped()
        );
    }
}
