//! A held key pair that signs compact JWS (RFC 7515 section 7.1), and its public half.
//!
//! The one place that touches a private key.

use aws_lc_rs::digest::{self, SHA256};
use aws_lc_rs::encoding::{AsDer, PublicKeyX509Der};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    self, ECDSA_P256_SHA256_FIXED, ECDSA_P256_SHA256_FIXED_SIGNING, ED25519, EcdsaKeyPair,
    Ed25519KeyPair, KeyPair, ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256, RsaKeyPair,
};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::{Value, json};
use zeroize::Zeroizing;

use crate::store::SigningAlgorithm;

/// Signs session tokens with one key.
pub struct Signer {
    algorithm: SigningAlgorithm,
    kid: String,
    key: PrivateKey,
    public: ParsedPublicKey,
    jwk: Value,
    random: SystemRandom,
}

enum PrivateKey {
    Es256(EcdsaKeyPair),
    EdDsa(Ed25519KeyPair),
    Rs256(RsaKeyPair),
}

/// A key could not be created, read or used. The error reveals nothing about the key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SignerError {
    /// The system's random source or the cryptographic library failed.
    #[error("a signing key could not be created")]
    Generate,
    /// The stored bytes are no PKCS#8 key of this algorithm.
    #[error("the stored signing key cannot be read")]
    Read,
    /// The signature could not be created.
    #[error("a token could not be signed")]
    Sign,
}

impl Signer {
    /// A new private key in PKCS#8 (RFC 5208), RSA with 2048 bits.
    pub fn generate(algorithm: SigningAlgorithm) -> Result<Zeroizing<Vec<u8>>, SignerError> {
        let failed = |_| SignerError::Generate;
        let der = match algorithm {
            SigningAlgorithm::ES256 => {
                let key = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING);
                key.and_then(|key| key.to_pkcs8v1())
                    .map_err(failed)?
                    .as_ref()
                    .to_vec()
            }
            SigningAlgorithm::EdDSA => {
                let key = Ed25519KeyPair::generate();
                key.and_then(|key| key.to_pkcs8())
                    .map_err(failed)?
                    .as_ref()
                    .to_vec()
            }
            SigningAlgorithm::RS256 => {
                let key = RsaKeyPair::generate(KeySize::Rsa2048).map_err(failed)?;
                key.as_der().map_err(failed)?.as_ref().to_vec()
            }
        };
        Ok(Zeroizing::new(der))
    }

    /// Holds the key for signing.
    ///
    /// # Errors
    ///
    /// When the bytes are not a private key of this algorithm.
    pub fn from_pkcs8(algorithm: SigningAlgorithm, der: &[u8]) -> Result<Self, SignerError> {
        let unreadable = |_| SignerError::Read;
        let (key, public, jwk) = match algorithm {
            SigningAlgorithm::ES256 => {
                let key = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, der)
                    .map_err(unreadable)?;
                let point = key.public_key().as_ref();
                let jwk = ec_jwk(point).ok_or(SignerError::Read)?;
                let public = ParsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point);
                (PrivateKey::Es256(key), public.map_err(unreadable)?, jwk)
            }
            SigningAlgorithm::EdDSA => {
                let key = Ed25519KeyPair::from_pkcs8(der).map_err(unreadable)?;
                let point = key.public_key().as_ref();
                let jwk = json!({ "crv": "Ed25519", "kty": "OKP", "x": encode(point) });
                let public = ParsedPublicKey::new(&ED25519, point);
                (PrivateKey::EdDsa(key), public.map_err(unreadable)?, jwk)
            }
            SigningAlgorithm::RS256 => {
                let key = RsaKeyPair::from_pkcs8(der).map_err(unreadable)?;
                let half = key.public_key();
                let (e, n) = (half.exponent(), half.modulus());
                let jwk = json!({
                    "e": encode(e.big_endian_without_leading_zero()),
                    "kty": "RSA",
                    "n": encode(n.big_endian_without_leading_zero()),
                });
                let public = ParsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, half.as_ref());
                (PrivateKey::Rs256(key), public.map_err(unreadable)?, jwk)
            }
        };
        let kid = thumbprint(&jwk);
        Ok(Self {
            algorithm,
            kid,
            key,
            public,
            jwk,
            random: SystemRandom::new(),
        })
    }

    /// The key's id: its RFC 7638 thumbprint, so the same key has the same id everywhere.
    pub fn kid(&self) -> &str {
        &self.kid
    }

    /// The registered name of the algorithm.
    pub fn algorithm(&self) -> &'static str {
        match self.algorithm {
            SigningAlgorithm::ES256 => "ES256",
            SigningAlgorithm::EdDSA => "EdDSA",
            SigningAlgorithm::RS256 => "RS256",
        }
    }

    /// The public half, as published (RFC 7517 section 4).
    pub fn public_jwk(&self) -> Value {
        let mut jwk = self.jwk.clone();
        if let Some(members) = jwk.as_object_mut() {
            members.insert("kid".to_owned(), json!(self.kid));
            members.insert("alg".to_owned(), json!(self.algorithm()));
            members.insert("use".to_owned(), json!("sig"));
        }
        jwk
    }

    /// The public half as PEM (RFC 7468 section 13).
    ///
    /// # Errors
    ///
    /// The cryptographic library failed.
    pub fn public_pem(&self) -> Result<String, SignerError> {
        let der: PublicKeyX509Der<'_> = self.public.as_der().map_err(|_| SignerError::Read)?;
        let text = STANDARD.encode(der.as_ref());
        let mut pem = String::from("-----BEGIN PUBLIC KEY-----\n");
        let mut rest = text.as_str();
        while !rest.is_empty() {
            // Base64 is ASCII: each index is a boundary.
            let (line, more) = rest.split_at(rest.len().min(PEM_LINE));
            pem.push_str(line);
            pem.push('\n');
            rest = more;
        }
        pem.push_str("-----END PUBLIC KEY-----\n");
        Ok(pem)
    }

    /// Appends `.signature` to `header.payload`.
    pub fn sign(&self, mut signing_input: String) -> Result<String, SignerError> {
        let message = signing_input.as_bytes();
        match &self.key {
            PrivateKey::Es256(key) => {
                let made = key
                    .sign(&self.random, message)
                    .map_err(|_| SignerError::Sign)?;
                append_signature(&mut signing_input, made.as_ref());
            }
            PrivateKey::EdDsa(key) => {
                let made = key.try_sign(message).map_err(|_| SignerError::Sign)?;
                append_signature(&mut signing_input, made.as_ref());
            }
            PrivateKey::Rs256(key) => {
                let mut made = vec![0; key.public_modulus_len()];
                key.sign(
                    &signature::RSA_PKCS1_SHA256,
                    &self.random,
                    message,
                    &mut made,
                )
                .map_err(|_| SignerError::Sign)?;
                append_signature(&mut signing_input, &made);
            }
        }
        Ok(signing_input)
    }

    /// Whether this key signed `signing_input`.
    pub fn verifies(&self, signing_input: &str, signature: &[u8]) -> bool {
        self.public
            .verify_sig(signing_input.as_bytes(), signature)
            .is_ok()
    }
}

fn append_signature(token: &mut String, signature: &[u8]) {
    token.push('.');
    URL_SAFE_NO_PAD.encode_string(signature, token);
}

/// RFC 7518 section 6.2.1 from an uncompressed point (SEC 1 section 2.3.3).
fn ec_jwk(point: &[u8]) -> Option<Value> {
    let coordinates = point.strip_prefix(&[4])?;
    let (x, y) = coordinates.split_at_checked(32)?;
    Some(json!({ "crv": "P-256", "kty": "EC", "x": encode(x), "y": encode(y) }))
}

/// RFC 7638 section 3: SHA-256 of the required members without white space. They are in
/// lexicographic order wherever a JWK is created above.
fn thumbprint(required_members: &Value) -> String {
    encode(digest::digest(&SHA256, required_members.to_string().as_bytes()).as_ref())
}

fn encode(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// Characters of a line of PEM.
const PEM_LINE: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [SigningAlgorithm; 3] = [
        SigningAlgorithm::ES256,
        SigningAlgorithm::EdDSA,
        SigningAlgorithm::RS256,
    ];

    fn signer(algorithm: SigningAlgorithm) -> Signer {
        Signer::from_pkcs8(algorithm, &Signer::generate(algorithm).unwrap()).unwrap()
    }

    #[test]
    fn signs_what_it_verifies() {
        for algorithm in ALL {
            let signer = signer(algorithm);
            let token = signer.sign("a.b".to_owned()).unwrap();
            let signature = URL_SAFE_NO_PAD
                .decode(token.rsplit('.').next().unwrap())
                .unwrap();
            assert!(signer.verifies("a.b", &signature), "{algorithm:?}");
            assert!(!signer.verifies("a.c", &signature), "{algorithm:?}");
        }
    }

    #[test]
    fn kid_follows_from_the_key_and_the_jwk_is_public() {
        for algorithm in ALL {
            let der = Signer::generate(algorithm).unwrap();
            let first = Signer::from_pkcs8(algorithm, &der).unwrap();
            let again = Signer::from_pkcs8(algorithm, &der).unwrap();
            assert_eq!(first.kid(), again.kid());
            let jwk = first.public_jwk();
            assert_eq!(jwk["kid"], first.kid());
            assert!(jwk.get("d").is_none());
        }
    }

    #[test]
    fn the_pem_is_the_public_key() {
        for algorithm in ALL {
            let pem = signer(algorithm).public_pem().unwrap();
            let mut lines: Vec<_> = pem.lines().collect();
            assert_eq!(lines.remove(0), "-----BEGIN PUBLIC KEY-----");
            assert_eq!(lines.pop(), Some("-----END PUBLIC KEY-----"));
            assert!(lines.iter().all(|line| line.len() <= PEM_LINE), "{pem}");
            let der = STANDARD.decode(lines.concat()).unwrap();
            // A sequence (X.690 section 8.9).
            assert_eq!(der[0], 0x30, "{algorithm:?}");
        }
    }

    /// RFC 7638 section 3.1.
    #[test]
    fn thumbprint_of_the_rfc() {
        let n = "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw";
        let jwk = json!({ "e": "AQAB", "kty": "RSA", "n": n });
        assert_eq!(
            thumbprint(&jwk),
            "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"
        );
    }

    #[test]
    fn a_key_of_another_algorithm_is_refused() {
        let der = Signer::generate(SigningAlgorithm::ES256).unwrap();
        assert!(Signer::from_pkcs8(SigningAlgorithm::ES256, &der).is_ok());
        let refused = Signer::from_pkcs8(SigningAlgorithm::EdDSA, &der);
        assert_eq!(refused.err(), Some(SignerError::Read));
    }
}
