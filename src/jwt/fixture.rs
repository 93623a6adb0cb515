//! Issuers, keys and tokens for tests.

use std::sync::{Arc, OnceLock};

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING,
    ECDSA_P521_SHA512_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair, RSA_PKCS1_SHA256,
    RSA_PKCS1_SHA384, RSA_PKCS1_SHA512, RSA_PSS_SHA256, RSA_PSS_SHA384, RSA_PSS_SHA512, RsaKeyPair,
};
use base64::Engine;
use base64::engine::general_purpose::{URL_SAFE, URL_SAFE_NO_PAD};
use serde_json::{Value, json};

use super::{Issuer, Issuers};
use crate::clock::UnixTime;
use crate::issuer::IssuerSettings;
use crate::jwks::{IssuerKeys, KeySet};

/// The time at which fixtures are judged.
pub(crate) const NOW: UnixTime = UnixTime(1_800_000_000);
/// The `iss` of [`issuers`].
pub(crate) const ISS: &str = "https://idp.example";

/// A provider's private key.
pub(crate) enum Signer {
    Rsa(RsaKeyPair),
    P256(EcdsaKeyPair),
    P384(EcdsaKeyPair),
    P521(EcdsaKeyPair),
    Ed(Ed25519KeyPair),
}

impl Signer {
    /// A new key for an algorithm. RSA keys are slow to make: see [`rsa`].
    pub(crate) fn new(algorithm: &str) -> Self {
        match algorithm {
            "ES256" => {
                Self::P256(EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap())
            }
            "ES384" => {
                Self::P384(EcdsaKeyPair::generate(&ECDSA_P384_SHA384_FIXED_SIGNING).unwrap())
            }
            "ES512" => {
                Self::P521(EcdsaKeyPair::generate(&ECDSA_P521_SHA512_FIXED_SIGNING).unwrap())
            }
            "EdDSA" => Self::Ed(Ed25519KeyPair::generate().unwrap()),
            _ => Self::Rsa(RsaKeyPair::generate(KeySize::Rsa2048).unwrap()),
        }
    }

    /// The public half, without `alg`.
    pub(crate) fn jwk(&self, kid: &str) -> Value {
        let mut jwk = match self {
            Self::Rsa(pair) => json!({
                "kty": "RSA",
                "n": encode(pair.public_key().modulus().big_endian_without_leading_zero()),
                "e": encode(pair.public_key().exponent().big_endian_without_leading_zero()),
            }),
            Self::P256(pair) => ec_jwk("P-256", pair.public_key().as_ref()),
            Self::P384(pair) => ec_jwk("P-384", pair.public_key().as_ref()),
            Self::P521(pair) => ec_jwk("P-521", pair.public_key().as_ref()),
            Self::Ed(pair) => {
                json!({ "kty": "OKP", "crv": "Ed25519", "x": encode(pair.public_key().as_ref()) })
            }
        };
        jwk["kid"] = json!(kid);
        jwk
    }

    /// A token with these bytes as header and payload.
    pub(crate) fn sign_text(&self, algorithm: &str, header: &str, payload: &str) -> String {
        let signed = format!("{}.{}", encode(header), encode(payload));
        format!("{signed}.{}", encode(self.signature(algorithm, &signed)))
    }

    fn signature(&self, algorithm: &str, signed: &str) -> Vec<u8> {
        let random = SystemRandom::new();
        match self {
            Self::Rsa(pair) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                let encoding: &'static dyn aws_lc_rs::signature::RsaEncoding = match algorithm {
                    "RS384" => &RSA_PKCS1_SHA384,
                    "RS512" => &RSA_PKCS1_SHA512,
                    "PS256" => &RSA_PSS_SHA256,
                    "PS384" => &RSA_PSS_SHA384,
                    "PS512" => &RSA_PSS_SHA512,
                    _ => &RSA_PKCS1_SHA256,
                };
                pair.sign(encoding, &random, signed.as_bytes(), &mut signature)
                    .unwrap();
                signature
            }
            Self::P256(pair) | Self::P384(pair) | Self::P521(pair) => pair
                .sign(&random, signed.as_bytes())
                .unwrap()
                .as_ref()
                .to_vec(),
            Self::Ed(pair) => pair.sign(signed.as_bytes()).as_ref().to_vec(),
        }
    }

    /// A token whose parts are padded, as some signers write it: padding is part of what is signed.
    pub(crate) fn sign_padded(&self, header: &Value, claims: &Value) -> String {
        let padded = |text: String| URL_SAFE.encode(text);
        let signed = format!(
            "{}.{}",
            padded(header.to_string()),
            padded(claims.to_string())
        );
        let algorithm = header["alg"].as_str().unwrap_or_default();
        format!(
            "{signed}.{}",
            URL_SAFE.encode(self.signature(algorithm, &signed))
        )
    }

    /// A token with this header and these claims.
    pub(crate) fn sign(&self, header: &Value, claims: &Value) -> String {
        let algorithm = header["alg"].as_str().unwrap_or_default();
        self.sign_text(algorithm, &header.to_string(), &claims.to_string())
    }
}

/// A key of the whole test process.
pub(crate) fn rsa() -> &'static Signer {
    static KEY: OnceLock<Signer> = OnceLock::new();
    KEY.get_or_init(|| Signer::new("RS256"))
}

/// Claims that are accepted at [`NOW`].
pub(crate) fn claims() -> Value {
    json!({ "iss": ISS, "sub": "user-1", "iat": NOW.0 - 60, "exp": NOW.0 + 600 })
}

/// Checked settings from what the file would say, with defaults for what is not given.
pub(crate) fn settings(keys: Value) -> IssuerSettings {
    let mut written = json!({ "name": "idp", "iss": ISS, "jwks_url": "https://idp.example/jwks" });
    for (name, value) in keys.as_object().unwrap() {
        written[name] = value.clone();
    }
    serde_json::from_value(written).unwrap()
}

/// One issuer with these settings and fixed keys.
pub(crate) fn issuers(settings: IssuerSettings, jwks: &[Value]) -> Issuers {
    let set = KeySet::parse(json!({ "keys": jwks }).to_string().as_bytes()).unwrap();
    let issuer = Issuer::new(settings, Arc::new(IssuerKeys::fixed(set)));
    Issuers::from_issuers(vec![Arc::new(issuer)]).unwrap()
}

pub(crate) fn encode(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

pub(crate) fn decode(text: &str) -> Vec<u8> {
    URL_SAFE_NO_PAD.decode(text).unwrap()
}

fn ec_jwk(curve: &str, point: &[u8]) -> Value {
    let (x, y) = point[1..].split_at((point.len() - 1) / 2);
    json!({ "kty": "EC", "crv": curve, "x": encode(x), "y": encode(y) })
}
