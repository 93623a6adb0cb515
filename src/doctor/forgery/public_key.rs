//! The byte strings that a careless verifier takes for a secret: a public key, as it is stored.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD as BASE64URL};
use serde_json::Value;

/// The encodings of a JSON Web Key: SubjectPublicKeyInfo (RFC 5280) as PEM and DER, and the JSON.
pub(super) fn spellings(key: &Value) -> Vec<(&'static str, Vec<u8>)> {
    let Some(der) = spki(key) else {
        return Vec::new();
    };
    let lines: Vec<_> = STANDARD
        .encode(&der)
        .as_bytes()
        .chunks(64)
        .map(|line| String::from_utf8_lossy(line).into_owned())
        .collect();
    let pem = format!(
        "-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----",
        lines.join("\n")
    );
    vec![
        ("PEM", format!("{pem}\n").into_bytes()),
        ("PEM without its last line end", pem.into_bytes()),
        ("DER", der),
        ("JSON", key.to_string().into_bytes()),
    ]
}

fn spki(key: &Value) -> Option<Vec<u8>> {
    let member = |name| BASE64URL.decode(key.get(name)?.as_str()?).ok();
    let (algorithm, public) = match key.get("kty")?.as_str()? {
        "RSA" => {
            let numbers = [integer(&member("n")?), integer(&member("e")?)].concat();
            (RSA, tagged(SEQUENCE, &numbers))
        }
        "EC" if key.get("crv")?.as_str()? == "P-256" => {
            (P256, [&[4][..], &member("x")?, &member("y")?].concat())
        }
        _ => return None,
    };
    // No unused bits.
    let bits = tagged(BIT_STRING, &[&[0][..], &public].concat());
    Some(tagged(SEQUENCE, &[algorithm, &bits].concat()))
}

/// A number without a sign.
fn integer(bytes: &[u8]) -> Vec<u8> {
    let sign: &[u8] = match bytes.first() {
        Some(first) if *first >= 0x80 => &[0],
        _ => &[],
    };
    tagged(INTEGER, &[sign, bytes].concat())
}

/// DER (X.690): a tag, the length of the content, the content.
fn tagged(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = content.len();
    let mut bytes = vec![tag];
    match length {
        0..0x80 => bytes.extend(length.to_be_bytes().last()),
        _ => {
            let digits: Vec<_> = length
                .to_be_bytes()
                .into_iter()
                .skip_while(|digit| *digit == 0)
                .collect();
            bytes.extend(digits.len().to_be_bytes().last().map(|count| 0x80 | count));
            bytes.extend(digits);
        }
    }
    bytes.extend(content);
    bytes
}

const INTEGER: u8 = 2;
const BIT_STRING: u8 = 3;
const SEQUENCE: u8 = 0x30;

/// rsaEncryption (RFC 8017), with NULL.
const RSA: &[u8] = &[
    0x30, 0x0d, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01, 0x05, 0x00,
];

/// id-ecPublicKey and prime256v1 (RFC 5480).
const P256: &[u8] = &[
    0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86, 0x48,
    0xce, 0x3d, 0x03, 0x01, 0x07,
];

#[cfg(test)]
mod tests {
    use aws_lc_rs::signature::{
        ECDSA_P256_SHA256_FIXED, ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256,
    };
    use serde_json::json;

    use super::*;

    /// A library reads what is written here.
    #[test]
    fn der_is_a_public_key() {
        let rsa = json!({"kty": "RSA", "n": BASE64URL.encode([0xc3; 256]), "e": "AQAB"});
        let der = spki(&rsa).unwrap();
        assert!(ParsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, &der).is_ok());
        let x = "axfR8uEsQkf4vOblY6RA8ncDfYEt6zOg9KE5RdiYwpY";
        let y = "T-NC4v4af5uO5-tKfA-eFivOM1drMV7Oy7ZAaDe_UfU";
        let ec = json!({"kty": "EC", "crv": "P-256", "x": x, "y": y});
        let der = spki(&ec).unwrap();
        assert!(ParsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, &der).is_ok());
        assert_eq!(spellings(&ec).len(), 4);
        assert!(spellings(&json!({"kty": "oct", "k": "AA"})).is_empty());
    }
}
