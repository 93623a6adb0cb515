//! A key that nobody has reason to trust.

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL;
use serde_json::{Value, json};

/// A P-256 key of the doctor's own.
pub(super) struct OwnKey(EcdsaKeyPair);

impl OwnKey {
    /// A new key; none if the system has no randomness.
    pub(super) fn generate() -> Option<Self> {
        EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING)
            .ok()
            .map(Self)
    }

    /// The public key (RFC 7517).
    pub(super) fn jwk(&self) -> Value {
        let point = self.0.public_key().as_ref();
        let part = |range| BASE64URL.encode(point.get(range).unwrap_or_default());
        json!({
            "kty": "EC", "crv": "P-256", "use": "sig", "alg": "ES256", "kid": KID,
            "x": part(1..33), "y": part(33..65),
        })
    }

    /// A key set with this key.
    pub(super) fn set(&self) -> Value {
        json!({ "keys": [self.jwk()] })
    }

    /// A token of what is to be signed (RFC 7515 section 5.1).
    pub(super) fn sign(&self, signed: &str) -> Option<String> {
        let signature = self.0.sign(&SystemRandom::new(), signed.as_bytes()).ok()?;
        Some(format!("{signed}.{}", BASE64URL.encode(signature)))
    }
}

/// The name of the key.
pub(super) const KID: &str = "doctor";
