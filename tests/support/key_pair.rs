//! Key pairs of issuers under test, for unit tests, black-box tests and benchmarks. Signatures are made
//! by aws-lc-rs directly, so that a fault of the gateway's JWT crate cannot hide behind the same fault
//! here.

use std::sync::{Arc, LazyLock};

use aws_lc_rs::encoding::AsDer;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    self, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _, RsaEncoding, RsaKeyPair,
};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

/// A private key with its public half.
#[derive(Clone)]
pub enum KeyPair {
    Rsa(Arc<RsaKeyPair>),
    P256(Arc<EcdsaKeyPair>),
    P384(Arc<EcdsaKeyPair>),
    P521(Arc<EcdsaKeyPair>),
    Ed25519(Arc<Ed25519KeyPair>),
}

impl KeyPair {
    /// A new key for an algorithm of RFC 7518 or RFC 8037. RSA keys are slow to generate: see
    /// [`Self::rsa`].
    pub fn generate(algorithm: &str) -> Self {
        let ecdsa = |kind| Arc::new(EcdsaKeyPair::generate(kind).unwrap());
        match algorithm {
            "ES256" => Self::P256(ecdsa(&signature::ECDSA_P256_SHA256_FIXED_SIGNING)),
            "ES384" => Self::P384(ecdsa(&signature::ECDSA_P384_SHA384_FIXED_SIGNING)),
            "ES512" => Self::P521(ecdsa(&signature::ECDSA_P521_SHA512_FIXED_SIGNING)),
            "EdDSA" => Self::Ed25519(Arc::new(Ed25519KeyPair::generate().unwrap())),
            _ => Self::Rsa(Arc::new(RsaKeyPair::generate(KeySize::Rsa2048).unwrap())),
        }
    }

    /// The one RSA key of 2048 bits of the whole process.
    pub fn rsa() -> Self {
        static PAIR: LazyLock<KeyPair> = LazyLock::new(|| KeyPair::generate("RS256"));
        PAIR.clone()
    }

    /// A JWS signature of `message` (RFC 7518 section 3, RFC 8037). An RSA key signs by the padding and
    /// hash that `alg` names; an unknown `alg` is signed with the key's usual one.
    pub fn sign(&self, alg: &str, message: &[u8]) -> Vec<u8> {
        let random = SystemRandom::new();
        match self {
            Self::Rsa(pair) => {
                let encoding: &'static dyn RsaEncoding = match alg {
                    "RS384" => &signature::RSA_PKCS1_SHA384,
                    "RS512" => &signature::RSA_PKCS1_SHA512,
                    "PS256" => &signature::RSA_PSS_SHA256,
                    "PS384" => &signature::RSA_PSS_SHA384,
                    "PS512" => &signature::RSA_PSS_SHA512,
                    _ => &signature::RSA_PKCS1_SHA256,
                };
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(encoding, &random, message, &mut signature)
                    .unwrap();
                signature
            }
            Self::P256(pair) | Self::P384(pair) | Self::P521(pair) => {
                pair.sign(&random, message).unwrap().as_ref().to_vec()
            }
            Self::Ed25519(pair) => pair.sign(message).as_ref().to_vec(),
        }
    }

    /// The public half as a JWK (RFC 7517), without `kid`, `alg` and `use`.
    pub fn jwk(&self) -> Value {
        match self {
            Self::Rsa(pair) => {
                let public = pair.public_key();
                json!({
                    "kty": "RSA",
                    "n": encode(public.modulus().big_endian_without_leading_zero()),
                    "e": encode(public.exponent().big_endian_without_leading_zero()),
                })
            }
            Self::P256(pair) => ec_jwk("P-256", pair),
            Self::P384(pair) => ec_jwk("P-384", pair),
            Self::P521(pair) => ec_jwk("P-521", pair),
            Self::Ed25519(pair) => {
                json!({"kty": "OKP", "crv": "Ed25519", "x": encode(pair.public_key().as_ref())})
            }
        }
    }

    /// The public half as SubjectPublicKeyInfo, which algorithm confusion uses as an HMAC key.
    pub fn public_der(&self) -> Vec<u8> {
        match self {
            Self::Rsa(pair) => pair.public_key().as_der().unwrap().as_ref().to_vec(),
            Self::P256(pair) | Self::P384(pair) | Self::P521(pair) => {
                pair.public_key().as_der().unwrap().as_ref().to_vec()
            }
            Self::Ed25519(pair) => pair.public_key().as_der().unwrap().as_ref().to_vec(),
        }
    }
}

fn ec_jwk(curve: &str, pair: &EcdsaKeyPair) -> Value {
    // An uncompressed point: 4, then both coordinates.
    let point = &pair.public_key().as_ref()[1..];
    let (x, y) = point.split_at(point.len() / 2);
    json!({"kty": "EC", "crv": curve, "x": encode(x), "y": encode(y)})
}

fn encode(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}
