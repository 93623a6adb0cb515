//! Wycheproof's JWS and JWK vectors through the path that tokens take: structure, header, key
//! set, signature. Their payloads are no claims sets, so the path ends there.

use std::path::Path;

use super::*;
use crate::issuer::Algorithm;
use crate::jwks::Candidates;
use crate::jwt::{checks, header::Header, token::Token};

/// Whether a text is accepted under a key set.
fn accepts(jws: &str, keys: &KeySet) -> bool {
    let Ok(token) = Token::parse(jws, 8192) else {
        return false;
    };
    let Ok(header) = Header::parse(&token) else {
        return false;
    };
    let Ok(candidates) = keys.find(header.key_hint(), header.algorithm) else {
        return false;
    };
    // A `kid` that several keys have names none of them, unless all keys are tried.
    if header.kid.is_some() && matches!(candidates, Candidates::Several(_)) {
        return false;
    }
    // The payload has to decode, too: a text has one reading.
    !token.is_padded()
        && token.payload().is_ok()
        && checks::signature(&token, &header, &candidates).is_ok()
}

/// The vectors publish some keys with their private half, which a key set must not.
fn public_half(jwk: &Value) -> Value {
    let mut jwk = jwk.clone();
    if let Some(members) = jwk.as_object_mut() {
        for private in ["d", "p", "q", "dp", "dq", "qi"] {
            members.remove(private);
        }
    }
    jwk
}

fn key_set(group: &Value) -> Value {
    let published = group.get("public").unwrap_or(&group["private"]);
    let keys = match published.get("keys").and_then(Value::as_array) {
        Some(keys) => keys.iter().map(public_half).collect(),
        None => vec![public_half(published)],
    };
    json!({ "keys": keys })
}

/// Whether a vector is one that the gateway has to accept when it is valid: signed with an
/// algorithm that it supports. HMAC keys are never taken from a key set; they are distinguished by
/// their own test.
fn is_supported(jws: &str) -> bool {
    let Ok(token) = Token::parse(jws, 8192) else {
        return false;
    };
    Header::parse(&token).is_ok_and(|header| header.algorithm != Algorithm::HS256)
}

/// Runs a file and gives how many vectors were accepted and refused.
fn run(file: &str) -> (usize, usize) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/vectors/wycheproof")
        .join(file);
    let vectors: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    let (mut accepted, mut refused) = (0, 0);
    for group in vectors["testGroups"].as_array().unwrap() {
        let keys = KeySet::parse(key_set(group).to_string().as_bytes()).unwrap();
        for test in group["tests"].as_array().unwrap() {
            let (id, comment) = (&test["tcId"], &test["comment"]);
            let jws = test["jws"].as_str().unwrap();
            let accepts = accepts(jws, &keys);
            if accepts {
                accepted += 1;
                assert_eq!(test["result"], "valid", "{file} {id} {comment}: accepted");
            } else {
                refused += 1;
                let pinned = KEY_OF_ANOTHER_ALGORITHM.contains(&id.as_u64().unwrap());
                let expected = test["result"] == "valid" && is_supported(jws) && !pinned;
                assert!(
                    !expected,
                    "{file} {id} {comment}: refused {:?}",
                    keys.skipped()
                );
            }
        }
    }
    (accepted, refused)
}

#[test]
fn signatures() {
    assert_eq!(run("json_web_signature_test.json"), (32, 369));
}

#[test]
fn keys() {
    assert_eq!(run("json_web_key_test.json"), (1, 25));
}

/// The HS256 vectors under an issuer's own secret.
#[test]
fn shared_secrets() {
    let path = "tests/vectors/wycheproof/json_web_signature_test.json";
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    let vectors: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    let mut accepted = 0;
    for group in vectors["testGroups"].as_array().unwrap() {
        if group["private"]["kty"] != "oct" || group["private"]["alg"] != "HS256" {
            continue;
        }
        let secret = fixture::decode(group["private"]["k"].as_str().unwrap());
        let key = Arc::new(crate::jwks::VerifyingKey::from_secret(&secret));
        let candidates = Candidates::One(&key);
        for test in group["tests"].as_array().unwrap() {
            let jws = test["jws"].as_str().unwrap();
            let accepts = Token::parse(jws, 8192).is_ok_and(|token| {
                Header::parse(&token).is_ok_and(|header| {
                    token.payload().is_ok()
                        && checks::signature(&token, &header, &candidates).is_ok()
                })
            });
            let id = test["tcId"].as_u64().unwrap();
            let valid = (test["result"] == "valid") != MISLABELLED.contains(&id);
            assert_eq!(accepts, valid, "{} {}", test["tcId"], test["comment"]);
            accepted += usize::from(accepts);
        }
    }
    assert!(accepted > 3, "{accepted}");
}

/// Labelled valid, signed with PS384 under a key whose `alg` is PS256: the JWK of RFC 7520
/// section 3.3 has no `alg`. A key is pinned to the algorithm that it names.
/// So are 347 and 351, whose key says `ES521`, which is no algorithm.
const KEY_OF_ANOTHER_ALGORITHM: [u64; 4] = [346, 347, 350, 351];

/// 367 and 370 are labelled invalid for their padding, but are byte for byte the valid 357; 372
/// and 373 are labelled valid with a `?` in their base64url.
const MISLABELLED: [u64; 4] = [367, 370, 372, 373];
