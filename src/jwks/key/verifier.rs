//! What checks signatures: jsonwebtoken's provider, and aws-lc directly for the one algorithm that
//! jsonwebtoken lacks.

use aws_lc_rs::signature::{ECDSA_P521_SHA512_FIXED, ParsedPublicKey};
use jsonwebtoken::DecodingKey;
use jsonwebtoken::crypto::aws_lc::DEFAULT_PROVIDER;

use super::SkipReason;
use crate::issuer::Algorithm;

/// A key in the form that its verification needs.
pub(super) enum Verifier {
    /// For jsonwebtoken.
    Provider(DecodingKey),
    /// For ES512 (RFC 7518 section 3.4): ECDSA with P-521 and SHA-512.
    P521(ParsedPublicKey),
}

impl Verifier {
    /// For an uncompressed point on P-521.
    pub(super) fn p521(point: &[u8]) -> Result<Self, SkipReason> {
        ParsedPublicKey::new(&ECDSA_P521_SHA512_FIXED, point)
            .map(Self::P521)
            .map_err(|_| SkipReason::KeyInvalid)
    }

    /// Whether the key made `signature` over `message` by this algorithm, which must be one that
    /// the key is pinned to.
    pub(super) fn verify(&self, algorithm: Algorithm, message: &[u8], signature: &Vec<u8>) -> bool {
        match (self, provider_name(algorithm)) {
            // The provider's verifiers cannot be shared between threads; making one costs a copy
            // of the key, some hundredths of the signature check.
            (Self::Provider(key), Some(name)) => (DEFAULT_PROVIDER.verifier_factory)(&name, key)
                .is_ok_and(|verifier| verifier.verify(message, signature).is_ok()),
            (Self::P521(key), None) => key.verify_sig(message, signature).is_ok(),
            _ => false,
        }
    }
}

/// jsonwebtoken's name for an algorithm; `None` for the one that it lacks.
fn provider_name(algorithm: Algorithm) -> Option<jsonwebtoken::Algorithm> {
    Some(match algorithm {
        Algorithm::RS256 => jsonwebtoken::Algorithm::RS256,
        Algorithm::RS384 => jsonwebtoken::Algorithm::RS384,
        Algorithm::RS512 => jsonwebtoken::Algorithm::RS512,
        Algorithm::PS256 => jsonwebtoken::Algorithm::PS256,
        Algorithm::PS384 => jsonwebtoken::Algorithm::PS384,
        Algorithm::PS512 => jsonwebtoken::Algorithm::PS512,
        Algorithm::ES256 => jsonwebtoken::Algorithm::ES256,
        Algorithm::ES384 => jsonwebtoken::Algorithm::ES384,
        Algorithm::EdDSA => jsonwebtoken::Algorithm::EdDSA,
        Algorithm::HS256 => jsonwebtoken::Algorithm::HS256,
        Algorithm::ES512 => return None,
    })
}
