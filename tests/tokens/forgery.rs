//! Tokens made to be misread: confused algorithms, odd spellings, keys that come along.

use serde_json::json;

use crate::support::{Key, TestGateway, refusal_id};

#[tokio::test]
async fn algorithm_confusion_is_refused() {
    let rsa = Key::rsa("acme-1");
    let site = TestGateway::publishing(rsa.clone(), &[rsa.jwk()], |_| {}).await;
    let token = || site.acme.token();
    site.passes(&token().sign()).await;

    // The public key as an HMAC secret, in the encodings that libraries were fooled by.
    let confused = token().header("alg", "HS256");
    let modulus = rsa.jwk()["n"].as_str().unwrap().to_owned();
    for secret in [
        rsa.public_pem().into_bytes(),
        rsa.public_der(),
        modulus.into_bytes(),
        vec![],
    ] {
        site.refuses(&confused.sign_hs256(&secret), "algorithm_not_allowed")
            .await;
    }
    let jwk = rsa.jwk().to_string();
    site.refuses(
        &confused.sign_hs256(jwk.as_bytes()),
        "algorithm_not_allowed",
    )
    .await;

    for none in ["none", "None", "NONE", "nOnE"] {
        site.refuses(
            &token().header("alg", none).with_signature(b""),
            "algorithm_none",
        )
        .await;
        site.refuses(&token().header("alg", none).sign(), "algorithm_none")
            .await;
    }
    site.refuses(&token().with_signature(b""), "signature_invalid")
        .await;
    for alg in [json!(null), json!(["RS256"]), json!(1)] {
        site.refuses(&token().header("alg", alg).sign(), "header_invalid")
            .await;
    }
    site.refuses(&token().without_header("alg").sign(), "algorithm_missing")
        .await;
    for alg in ["ES256K", "HS512", "rs256", "RS256 ", "A128GCM", "dir"] {
        site.refuses(&token().header("alg", alg).sign(), "algorithm_unsupported")
            .await;
    }
}

#[tokio::test]
async fn a_signature_has_one_form() {
    let (p256, ed25519, rsa) = (Key::p256("p256"), Key::ed25519("ed"), Key::rsa("rsa"));
    let jwks = [p256.jwk(), ed25519.jwk(), rsa.jwk()];
    let site = TestGateway::publishing(p256.clone(), &jwks, |_| {}).await;
    for key in [&p256, &ed25519, &rsa] {
        let token = site.acme.token().key(key);
        site.passes(&token.sign()).await;
        let signature = key.sign(key.alg, token.signed_part().as_bytes());
        let zeros = vec![0; signature.len()];
        let (shorter, longer) = (&signature[1..], [&signature[..], &[0]].concat());
        for wrong in [
            &zeros[..],
            shorter,
            &longer,
            &signature[..signature.len() - 1],
        ] {
            site.refuses(&token.with_signature(wrong), "signature_invalid")
                .await;
        }
    }
    // ECDSA's other encoding, DER, is not that of JWS (RFC 7518 section 3.4).
    let token = site.acme.token();
    let signature = p256.sign("ES256", token.signed_part().as_bytes());
    let integer = |bytes: &[u8]| {
        // A leading zero keeps the number positive; more bytes of it are tolerated by most.
        [&[2, 33, 0], bytes].concat()
    };
    let body = [integer(&signature[..32]), integer(&signature[32..])].concat();
    let der = [&[0x30, u8::try_from(body.len()).unwrap()], &body[..]].concat();
    site.refuses(&token.with_signature(&der), "signature_invalid")
        .await;
}

#[tokio::test]
async fn a_token_has_one_spelling() {
    let site = TestGateway::start().await;
    let token = site.acme.token().sign();
    site.passes(&token).await;
    let parts: Vec<_> = token.split('.').collect();
    let [header, payload, signature] = parts[..] else {
        panic!("three parts")
    };
    for (text, reason) in [
        (format!("{header}.{payload}"), "malformed"),
        (format!("{header}.{payload}.{signature}.x"), "malformed"),
        (format!("{header}.{payload}.{signature}.x.y"), "encrypted"),
        // Some issuers pad; this one does not.
        (format!("{header}=.{payload}.{signature}"), "base64_invalid"),
        (format!("{header}.{payload}.{signature}="), "base64_invalid"),
        (format!("{header}+.{payload}.{signature}"), "base64_invalid"),
        (format!(".{payload}.{signature}"), "header_invalid"),
        (format!("{header}..{signature}"), "claims_invalid"),
        ("..".to_owned(), "header_invalid"),
    ] {
        site.refuses(&text, reason).await;
    }
    // The last character of 64 bytes in base64url carries four bits that mean nothing.
    let (rest, last) = signature.split_at(signature.len() - 1);
    let twin = match last {
        "A" => "B",
        "Q" => "R",
        "g" => "h",
        "w" => "x",
        other => panic!("64 bytes do not end in {other}"),
    };
    site.refuses(
        &format!("{header}.{payload}.{rest}{twin}"),
        "base64_invalid",
    )
    .await;

    let payload = |bytes: &[u8]| site.acme.token().payload(bytes).sign();
    for text in [
        &b"[]"[..],
        b"null",
        b"\"x\"",
        b"{",
        b"",
        b"{}x",
        b"{\"sub\":\"\xff\"}",
    ] {
        site.refuses(&payload(text), "claims_invalid").await;
    }
    let deep = format!(r#"{{"x":{}{}}}"#, "[".repeat(2000), "]".repeat(2000));
    site.refuses(&payload(deep.as_bytes()), "claims_invalid")
        .await;
}

#[tokio::test]
async fn what_the_header_brings_along_is_no_key() {
    let site = TestGateway::start().await;
    let evil = Key::p256("acme-1");
    let mut jwk = evil.jwk();
    jwk.as_object_mut().unwrap().remove("use");
    let forged = || site.acme.token().forged_by(&evil);
    site.passes(&site.acme.token().sign()).await;
    let url = site.globex.jwks_url();
    let before = site.globex.fetches();
    for (name, value) in [
        ("jwk", jwk),
        ("jku", json!(url)),
        ("x5u", json!(url)),
        ("x5c", json!(["MIIB"])),
    ] {
        let answer = site
            .present(&forged().header(name, value.clone()).sign())
            .await;
        assert_eq!(answer.status(), 401, "{name}");
        refusal_id(&answer, "token_invalid");
        // Some providers write it into every token: signed by a key of theirs, it does no harm.
        site.passes(&site.acme.token().header(name, value).sign())
            .await;
    }
    assert_eq!(
        site.globex.fetches(),
        before,
        "a token made the gateway fetch"
    );
    assert_eq!(site.upstream.count(), 5);
}

#[tokio::test]
async fn critical_extensions_are_not_understood() {
    let site = TestGateway::start().await;
    let token = || site.acme.token();
    site.passes(&token().header("x", 1).sign()).await;
    for crit in [
        json!(["x"]),
        json!(["b64"]),
        json!([]),
        json!("x"),
        json!(["exp"]),
    ] {
        site.refuses(
            &token().header("x", 1).header("crit", crit).sign(),
            "crit_unsupported",
        )
        .await;
    }
    for (name, value) in [("b64", json!(true)), ("zip", json!("NONE"))] {
        site.passes(&token().header(name, value).sign()).await;
    }
    for (name, value) in [("b64", json!(false)), ("zip", json!("DEF"))] {
        let answer = site.present(&token().header(name, value).sign()).await;
        assert_eq!(answer.status(), 401, "{name}");
        refusal_id(&answer, "token_invalid");
    }
}
