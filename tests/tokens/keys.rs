//! Which key may verify what.

use serde_json::{Value, json};

use crate::support::{Key, TestGateway};

#[tokio::test]
async fn without_a_kid_only_a_single_fitting_key_is_tried() {
    let (one, two) = (Key::p256("one"), Key::ed25519("two"));
    let site = TestGateway::publishing(one.clone(), &[one.jwk(), two.jwk()], |config| {
        config["issuers"][0]["jwks"] = json!({"unknown_kid_wait": "1ms"});
    })
    .await;
    site.passes(&site.acme.token().without_header("kid").sign())
        .await;
    site.passes(&site.acme.token().header("kid", json!(null)).sign())
        .await;
    for kid in [json!(1), json!(["one"])] {
        site.refuses(
            &site.acme.token().header("kid", kid).sign(),
            "header_invalid",
        )
        .await;
    }

    let three = Key::p256("three");
    let site = TestGateway::publishing(one.clone(), &[one.jwk(), three.jwk()], |config| {
        config["issuers"][0]["jwks"] = json!({"unknown_kid_wait": "1ms"});
    })
    .await;
    site.refuses(
        &site.acme.token().without_header("kid").sign(),
        "kid_missing",
    )
    .await;
    site.passes(&site.acme.token().sign()).await;
}

#[tokio::test]
async fn a_key_is_for_one_algorithm() {
    let rsa = Key::rsa("rs512");
    let p256 = Key::p256("p256");
    let mut pinned = rsa.jwk();
    pinned["alg"] = json!("RS512");
    let mut open = rsa.jwk();
    open["kid"] = json!("open");
    open.as_object_mut().unwrap().remove("alg");
    let site = TestGateway::publishing(rsa.clone(), &[pinned, open, p256.jwk()], |_| {}).await;
    let token = |alg: &str| site.acme.token().header("alg", alg);

    site.passes(&token("RS512").sign()).await;
    for alg in ["RS256", "PS512", "PS256"] {
        site.refuses(&token(alg).sign(), "key_algorithm_mismatch")
            .await;
    }
    // Without `alg` in the JWK, the key's type pins the family.
    site.passes(&token("RS256").header("kid", "open").sign())
        .await;
    site.refuses(
        &token("ES256").header("kid", "open").sign(),
        "key_algorithm_mismatch",
    )
    .await;

    site.passes(&site.acme.token().key(&p256).sign()).await;
    for alg in ["ES384", "RS256", "EdDSA"] {
        site.refuses(
            &site.acme.token().key(&p256).header("alg", alg).sign(),
            "key_algorithm_mismatch",
        )
        .await;
    }
}

#[tokio::test]
async fn an_algorithm_that_the_issuer_does_not_allow_is_refused() {
    let (p256, ed25519) = (Key::p256("p256"), Key::ed25519("ed"));
    let jwks = [p256.jwk(), ed25519.jwk()];
    let site = TestGateway::publishing(p256.clone(), &jwks, |config| {
        config["issuers"][0]["algorithms"] = json!(["ES256"]);
    })
    .await;
    site.passes(&site.acme.token().sign()).await;
    site.refuses(
        &site.acme.token().key(&ed25519).sign(),
        "algorithm_not_allowed",
    )
    .await;
}

#[tokio::test]
async fn entries_that_are_no_verification_key_are_passed_over() {
    let good = Key::p256("good");
    let key = || Key::p256("x");
    let (encrypting, for_encryption, named_sign) = (key(), key(), key());
    let entry = |key: &Key, kid: &str, name: &str, value: Value| {
        let mut jwk = key.jwk();
        jwk["kid"] = json!(kid);
        jwk[name] = value;
        jwk
    };
    let secret = b"0123456789abcdef0123456789abcdef";
    let oct =
        json!({"kty": "oct", "kid": "oct", "alg": "HS256", "k": crate::support::base64url(secret)});
    let jwks = [
        json!({"kty": "unheard of", "kid": "odd"}),
        json!("not an object"),
        json!({"kty": "EC", "kid": "half", "crv": "P-256", "x": "AA"}),
        entry(&encrypting, "enc", "use", json!("enc")),
        entry(&for_encryption, "ops", "key_ops", json!(["encrypt"])),
        entry(&named_sign, "verify", "key_ops", json!(["verify"])),
        oct,
        good.jwk(),
    ];
    let site = TestGateway::publishing(good, &jwks, |config| {
        config["issuers"][0]["jwks"] = json!({"unknown_kid_wait": "1ms"});
    })
    .await;
    let by = |key: &std::sync::Arc<Key>, kid: &str| site.acme.token().key(key).header("kid", kid);

    site.passes(&site.acme.token().sign()).await;
    site.passes(&by(&named_sign, "verify").sign()).await;
    site.refuses(&by(&encrypting, "enc").sign(), "kid_unknown")
        .await;
    site.refuses(&by(&for_encryption, "ops").sign(), "kid_unknown")
        .await;
    let shared = site
        .acme
        .token()
        .header("alg", "HS256")
        .header("kid", "oct");
    site.refuses(&shared.sign_hs256(secret), "algorithm_not_allowed")
        .await;
}

/// A token that a 1024-bit key really signed: made once with OpenSSL, good until the year 2100.
#[tokio::test]
async fn rsa_under_2048_bits_is_no_key() {
    let good = Key::p256("good");
    let weak: Value = serde_json::from_str(include_str!("../data/rsa1024.jwk.json")).unwrap();
    let token = include_str!("../data/rsa1024.token.txt").trim();
    let site = TestGateway::publishing(good.clone(), &[weak, good.jwk()], |config| {
        config["issuers"][0]["jwks"] = json!({"unknown_kid_wait": "1ms"});
    })
    .await;
    site.refuses(token, "kid_unknown").await;

    let claims: Value = crate::support::decode(token).claims;
    let twin = site.acme.token().payload(claims.to_string());
    site.passes(&twin.sign()).await;
}

#[tokio::test]
async fn hs256_needs_the_secret_of_that_one_issuer() {
    let dir = tempfile::TempDir::new().unwrap();
    let file = dir.path().join("secret");
    let secret = "a shared secret of more than 32 bytes, as RFC 7518 wants";
    std::fs::write(&file, secret).unwrap();
    let site = TestGateway::with(|config| {
        let acme = config["issuers"][0].as_object_mut().unwrap();
        acme.remove("jwks_url");
        acme.insert(
            "hs256_secret".into(),
            json!(format!("file:{}", file.display())),
        );
    })
    .await;
    let acme = site
        .acme
        .token()
        .header("alg", "HS256")
        .without_header("kid");
    site.passes(&acme.sign_hs256(secret.as_bytes())).await;
    site.refuses(
        &acme.clone().sub("eve").sign_hs256(b"another"),
        "signature_invalid",
    )
    .await;
    let globex = site
        .globex
        .token()
        .header("alg", "HS256")
        .without_header("kid");
    site.refuses(
        &globex.sign_hs256(secret.as_bytes()),
        "algorithm_not_allowed",
    )
    .await;
}

#[tokio::test]
async fn an_issuer_that_is_switched_off_is_refused() {
    let site = TestGateway::with(|config| config["issuers"][0]["enabled"] = json!(false)).await;
    site.refuses(&site.acme.token().sign(), "issuer_disabled")
        .await;
    site.passes(&site.globex.token().sign()).await;
}
