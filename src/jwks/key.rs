//! One public key of an issuer (RFC 7517 section 4), checked before it may verify anything.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use aws_lc_rs::signature::{self, ParsedPublicKey};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::DecodingKey;
use jsonwebtoken::crypto::aws_lc::DEFAULT_PROVIDER;
use serde_json::{Map, Value};

use super::roca;
use crate::config::issuer::Algorithm;

/// Whether a key is still its issuer's. Clones share the fact: they sit in cached results, which
/// are void once it is false.
#[derive(Clone, Debug)]
pub struct KeyValidity(Arc<AtomicBool>);

impl KeyValidity {
    /// False for ever once the key was missing from a successful fetch.
    pub fn is_valid(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }

    /// Whether both are of the same key.
    pub fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    pub(super) fn new() -> Self {
        Self(Arc::new(AtomicBool::new(true)))
    }

    pub(super) fn revoke(&self) {
        self.0.store(false, Ordering::Release);
    }
}

/// A key that may verify signatures of pinned algorithms.
pub struct VerifyingKey {
    kid: Option<String>,
    /// The `issuer` that Entra writes beside a key: a template, or one tenant's own.
    issuer: Option<String>,
    material: Material,
    /// The algorithms it verifies: one when the JWK names it or its type leaves no choice, else
    /// the RSA family.
    algorithms: &'static [Algorithm],
    key: DecodingKey,
    key_validity: KeyValidity,
}

/// What makes two keys the same, beside their `kid`.
#[derive(Clone, PartialEq, Eq)]
enum Material {
    Rsa { n: Vec<u8>, e: Vec<u8> },
    Ec { point: Vec<u8> },
    Ed { point: Vec<u8> },
    Secret,
}

impl VerifyingKey {
    /// Checks one entry of a key set.
    pub(super) fn from_jwk(jwk: &Value) -> Result<Self, SkipReason> {
        let jwk = jwk.as_object().ok_or(SkipReason::Malformed)?;
        check_purpose(jwk)?;
        let named = match text(jwk, "alg")? {
            None => None,
            Some(name) => Some(Algorithm::from_name(name).ok_or(SkipReason::AlgorithmUnsupported)?),
        };
        let kid = text(jwk, "kid")?.map(str::to_owned);
        let issuer = jwk.get("issuer").and_then(Value::as_str).map(str::to_owned);
        let key = match text(jwk, "kty")?.ok_or(SkipReason::Malformed)? {
            "RSA" => Self::rsa(kid, named, &bytes(jwk, "n")?, &bytes(jwk, "e")?),
            "EC" => {
                let mut point = vec![UNCOMPRESSED];
                point.extend(bytes(jwk, "x")?);
                point.extend(bytes(jwk, "y")?);
                let curve = text(jwk, "crv")?.ok_or(SkipReason::Malformed)?;
                Self::ec(kid, named, curve, point)
            }
            "OKP" => {
                let curve = text(jwk, "crv")?.ok_or(SkipReason::Malformed)?;
                if curve != "Ed25519" {
                    return Err(SkipReason::CurveUnsupported);
                }
                Self::ed25519(kid, named, bytes(jwk, "x")?)
            }
            // A symmetric key in a public place is no secret.
            "oct" => Err(SkipReason::Symmetric),
            _ => Err(SkipReason::TypeUnsupported),
        };
        key.map(|key| Self { issuer, ..key })
    }

    /// An RSA key from its big-endian modulus and exponent.
    pub(super) fn rsa(
        kid: Option<String>,
        named: Option<Algorithm>,
        n: &[u8],
        e: &[u8],
    ) -> Result<Self, SkipReason> {
        let (n, e) = (without_leading_zeros(n), without_leading_zeros(e));
        let bits = n
            .first()
            .map_or(0, |first| n.len() * 8 - first.leading_zeros() as usize);
        if bits < MIN_RSA_BITS {
            return Err(SkipReason::RsaTooSmall);
        }
        // The exponent of a usable key is odd and above 1; huge ones only cost time.
        let odd = |number: &[u8]| number.last().is_some_and(|last| last & 1 == 1);
        if bits > MAX_RSA_BITS || !odd(n) || !odd(e) || e == [1] || e.len() > MAX_EXPONENT_BYTES {
            return Err(SkipReason::KeyInvalid);
        }
        if roca::is_weak(n) {
            return Err(SkipReason::RsaWeak);
        }
        let key = DecodingKey::from_rsa_raw_components(n, e);
        let material = Material::Rsa {
            n: n.to_vec(),
            e: e.to_vec(),
        };
        Self::pinned(kid, named, &RSA_FAMILY, material, key)
    }

    /// An elliptic-curve key from its uncompressed point.
    pub(super) fn ec(
        kid: Option<String>,
        named: Option<Algorithm>,
        curve: &str,
        point: Vec<u8>,
    ) -> Result<Self, SkipReason> {
        let (family, verification): (&'static [Algorithm], _) = match curve {
            "P-256" => (&[Algorithm::ES256], &signature::ECDSA_P256_SHA256_FIXED),
            "P-384" => (&[Algorithm::ES384], &signature::ECDSA_P384_SHA384_FIXED),
            _ => return Err(SkipReason::CurveUnsupported),
        };
        ParsedPublicKey::new(verification, &point).map_err(|_| SkipReason::KeyInvalid)?;
        let key = DecodingKey::from_ec_der(&point);
        Self::pinned(kid, named, family, Material::Ec { point }, key)
    }

    pub(super) fn ed25519(
        kid: Option<String>,
        named: Option<Algorithm>,
        point: Vec<u8>,
    ) -> Result<Self, SkipReason> {
        ParsedPublicKey::new(&signature::ED25519, &point).map_err(|_| SkipReason::KeyInvalid)?;
        let key = DecodingKey::from_ed_der(&point);
        Self::pinned(kid, named, &[Algorithm::EdDSA], Material::Ed { point }, key)
    }

    /// An issuer's shared secret, for HS256 alone. It is never part of a key set.
    pub(crate) fn from_secret(secret: &[u8]) -> Self {
        Self {
            kid: None,
            issuer: None,
            material: Material::Secret,
            algorithms: &[Algorithm::HS256],
            key: DecodingKey::from_secret(secret),
            key_validity: KeyValidity::new(),
        }
    }

    fn pinned(
        kid: Option<String>,
        named: Option<Algorithm>,
        family: &'static [Algorithm],
        material: Material,
        key: DecodingKey,
    ) -> Result<Self, SkipReason> {
        let algorithms = match named {
            None => family,
            Some(named) => family
                .iter()
                .position(|it| *it == named)
                .and_then(|at| family.get(at..=at))
                .ok_or(SkipReason::AlgorithmMismatch)?,
        };
        Ok(Self {
            kid,
            issuer: None,
            material,
            algorithms,
            key,
            key_validity: KeyValidity::new(),
        })
    }

    /// The name by which tokens refer to it.
    pub fn kid(&self) -> Option<&str> {
        self.kid.as_deref()
    }

    /// The issuer for whose tokens alone it is, when its entry says so: an `iss`, or a template
    /// of it. Sets that are shared by many tenants say it.
    pub fn issuer(&self) -> Option<&str> {
        self.issuer.as_deref()
    }

    /// The algorithms that it verifies.
    pub fn algorithms(&self) -> impl Iterator<Item = Algorithm> {
        self.algorithms.iter().copied()
    }

    /// Whether it verifies this algorithm.
    pub fn permits(&self, algorithm: Algorithm) -> bool {
        self.algorithms.contains(&algorithm)
    }

    /// Whether it verifies this algorithm or one that the same kind of key could.
    pub(super) fn shares_family(&self, algorithm: Algorithm) -> bool {
        let is_rsa = |algorithm| RSA_FAMILY.contains(&algorithm);
        self.permits(algorithm) || (self.kind() == "RSA" && is_rsa(algorithm))
    }

    /// Its type, as in `kty`.
    pub fn kind(&self) -> &'static str {
        match self.material {
            Material::Rsa { .. } => "RSA",
            Material::Ec { .. } => "EC",
            Material::Ed { .. } => "OKP",
            Material::Secret => "oct",
        }
    }

    /// Whether it is still the issuer's.
    pub fn key_validity(&self) -> &KeyValidity {
        &self.key_validity
    }

    /// Whether this key made `signature` over `message`. False for an algorithm that it is not
    /// pinned to.
    pub fn verify(&self, algorithm: Algorithm, message: &[u8], signature: &Vec<u8>) -> bool {
        if !self.permits(algorithm) {
            return false;
        }
        // The provider's verifiers can not be shared between threads; making one costs a copy of
        // the key, some hundredths of the signature check.
        let verifier = (DEFAULT_PROVIDER.verifier_factory)(&provider_name(algorithm), &self.key);
        verifier.is_ok_and(|verifier| verifier.verify(message, signature).is_ok())
    }

    /// Whether it is the same key: `kid`, type and key material.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        self.kid == other.kid && self.material == other.material
    }

    /// The key with the trust of its earlier self.
    pub(super) fn trusted_as(self, earlier: &Self) -> Self {
        Self {
            key_validity: earlier.key_validity.clone(),
            ..self
        }
    }
}

impl fmt::Debug for VerifyingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VerifyingKey")
            .field("kid", &self.kid)
            .field("kind", &self.kind())
            .field("algorithms", &self.algorithms)
            .finish_non_exhaustive()
    }
}

/// Why an entry of a key set is left out. The rest of the set serves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SkipReason {
    /// A member is missing or has the wrong shape.
    Malformed,
    /// `kty` is `oct`.
    Symmetric,
    /// Another `kty`.
    TypeUnsupported,
    /// Another `crv`.
    CurveUnsupported,
    /// `use` or `key_ops` say that it is not for verifying.
    NotForVerifying,
    /// An `alg` that the gateway can not verify.
    AlgorithmUnsupported,
    /// An `alg` that does not go with the key.
    AlgorithmMismatch,
    /// RSA under 2048 bits.
    RsaTooSmall,
    /// RSA that can be factored (CVE-2017-15361).
    RsaWeak,
    /// Numbers that are no key, such as a point off its curve.
    KeyInvalid,
    /// The private key is published with it.
    PrivateKey,
    /// Two different keys of one `kid` for the same algorithm: neither is used.
    DuplicateKid,
}

impl SkipReason {
    /// Every reason, for counters.
    pub const ALL: [Self; 12] = [
        Self::Malformed,
        Self::Symmetric,
        Self::TypeUnsupported,
        Self::CurveUnsupported,
        Self::NotForVerifying,
        Self::AlgorithmUnsupported,
        Self::AlgorithmMismatch,
        Self::RsaTooSmall,
        Self::RsaWeak,
        Self::KeyInvalid,
        Self::PrivateKey,
        Self::DuplicateKid,
    ];

    /// A stable word for logs and metrics.
    pub fn code(self) -> &'static str {
        match self {
            Self::Malformed => "malformed",
            Self::Symmetric => "symmetric",
            Self::TypeUnsupported => "type_unsupported",
            Self::CurveUnsupported => "curve_unsupported",
            Self::NotForVerifying => "not_for_verifying",
            Self::AlgorithmUnsupported => "algorithm_unsupported",
            Self::AlgorithmMismatch => "algorithm_mismatch",
            Self::RsaTooSmall => "rsa_too_small",
            Self::RsaWeak => "rsa_weak",
            Self::KeyInvalid => "key_invalid",
            Self::PrivateKey => "private_key",
            Self::DuplicateKid => "duplicate_kid",
        }
    }
}

/// RFC 7517 sections 4.2 and 4.3, and a look for what must not be public.
fn check_purpose(jwk: &Map<String, Value>) -> Result<(), SkipReason> {
    if jwk.get("kty").and_then(Value::as_str) != Some("oct") && jwk.contains_key("d") {
        return Err(SkipReason::PrivateKey);
    }
    if text(jwk, "use")?.is_some_and(|purpose| purpose != "sig") {
        return Err(SkipReason::NotForVerifying);
    }
    match jwk.get("key_ops") {
        None => Ok(()),
        Some(Value::Array(operations)) if operations.iter().any(|it| it == "verify") => Ok(()),
        Some(_) => Err(SkipReason::NotForVerifying),
    }
}

fn text<'a>(jwk: &'a Map<String, Value>, name: &str) -> Result<Option<&'a str>, SkipReason> {
    match jwk.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(SkipReason::Malformed),
    }
}

fn bytes(jwk: &Map<String, Value>, name: &str) -> Result<Vec<u8>, SkipReason> {
    let encoded = text(jwk, name)?.ok_or(SkipReason::Malformed)?;
    URL_SAFE_NO_PAD
        .decode(encoded)
        .map_err(|_| SkipReason::Malformed)
}

fn without_leading_zeros(number: &[u8]) -> &[u8] {
    let zeros = number.iter().take_while(|byte| **byte == 0).count();
    number.get(zeros..).unwrap_or_default()
}

fn provider_name(algorithm: Algorithm) -> jsonwebtoken::Algorithm {
    match algorithm {
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
    }
}

/// RFC 7518 section 3.3: 2048 bits or larger.
const MIN_RSA_BITS: usize = 2048;
const MAX_RSA_BITS: usize = 8192;
const MAX_EXPONENT_BYTES: usize = 8;
/// SEC 1 section 2.3.3.
const UNCOMPRESSED: u8 = 4;
const RSA_FAMILY: [Algorithm; 6] = [
    Algorithm::RS256,
    Algorithm::RS384,
    Algorithm::RS512,
    Algorithm::PS256,
    Algorithm::PS384,
    Algorithm::PS512,
];
