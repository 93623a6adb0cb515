//! Keys of the issuers under test, as they are published.

use std::sync::Arc;

use aws_lc_rs::hmac;
use serde_json::{Value, json};

#[path = "key_pair.rs"]
mod key_pair;

use key_pair::KeyPair;

/// A key pair with the `kid` under which its public half is published.
pub struct Key {
    pub kid: String,
    /// The algorithm that tokens of this key name by default.
    pub alg: &'static str,
    pair: KeyPair,
}

impl Key {
    /// An RSA key of 2048 bits. One pair serves the whole process, whatever the `kid`: generating
    /// them is slow, and no test compares moduli.
    pub fn rsa(kid: &str) -> Arc<Self> {
        Self::new(kid, "RS256", KeyPair::rsa())
    }

    /// A new P-256 key.
    pub fn p256(kid: &str) -> Arc<Self> {
        Self::new(kid, "ES256", KeyPair::generate("ES256"))
    }

    /// A new P-384 key.
    pub fn p384(kid: &str) -> Arc<Self> {
        Self::new(kid, "ES384", KeyPair::generate("ES384"))
    }

    /// A new Ed25519 key.
    pub fn ed25519(kid: &str) -> Arc<Self> {
        Self::new(kid, "EdDSA", KeyPair::generate("EdDSA"))
    }

    fn new(kid: &str, alg: &'static str, pair: KeyPair) -> Arc<Self> {
        Arc::new(Self {
            kid: kid.to_owned(),
            alg,
            pair,
        })
    }

    /// A JWS signature; see [`KeyPair::sign`].
    pub fn sign(&self, alg: &str, message: &[u8]) -> Vec<u8> {
        self.pair.sign(alg, message)
    }

    /// The public half as a JWK (RFC 7517) with `kid`, `alg` and `use`.
    pub fn jwk(&self) -> Value {
        let mut jwk = self.pair.jwk();
        jwk["kid"] = json!(self.kid);
        jwk["alg"] = json!(self.alg);
        jwk["use"] = json!("sig");
        jwk
    }

    /// The public half as SubjectPublicKeyInfo.
    pub fn public_der(&self) -> Vec<u8> {
        self.pair.public_der()
    }

    /// The public half as PEM.
    pub fn public_pem(&self) -> String {
        use base64::Engine as _;
        let text = base64::engine::general_purpose::STANDARD.encode(self.public_der());
        let mut pem = String::from("-----BEGIN PUBLIC KEY-----\n");
        for line in text.as_bytes().chunks(64) {
            pem.push_str(std::str::from_utf8(line).unwrap());
            pem.push('\n');
        }
        pem + "-----END PUBLIC KEY-----\n"
    }
}

/// HS256 with any bytes as the secret.
pub fn hs256(secret: &[u8], message: &[u8]) -> Vec<u8> {
    hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret), message)
        .as_ref()
        .to_vec()
}

/// The other valid signature of the same message by the same P-256 key: `(r, n - s)`.
pub fn p256_twin(signature: &[u8]) -> Vec<u8> {
    let (r, s) = signature.split_at(32);
    let mut twin = vec![0; 32];
    let mut borrow = 0_i16;
    for index in (0..32).rev() {
        let mut digit = i16::from(P256_ORDER[index]) - i16::from(s[index]) - borrow;
        borrow = i16::from(digit < 0);
        if digit < 0 {
            digit += 256;
        }
        twin[index] = u8::try_from(digit).unwrap();
    }
    [r, &twin].concat()
}

/// The order of the group of P-256 (FIPS 186-5, SP 800-186 section 3.2.1.3).
const P256_ORDER: [u8; 32] = [
    0xff, 0xff, 0xff, 0xff, 0x00, 0x00, 0x00, 0x00, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
    0xbc, 0xe6, 0xfa, 0xad, 0xa7, 0x17, 0x9e, 0x84, 0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63, 0x25, 0x51,
];
