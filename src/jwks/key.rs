//! One public key of an issuer (RFC 7517 section 4), checked before it may verify anything.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use aws_lc_rs::digest;
use aws_lc_rs::signature::{self, ParsedPublicKey};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::DecodingKey;
use serde_json::Value;

use super::roca;
use crate::issuer::Algorithm;

mod jwk;
mod skip;
mod thumbprint;
mod verifier;

use jwk::Jwk;
pub use skip::SkipReason;
pub use thumbprint::Thumbprints;
use verifier::Verifier;

/// Whether a key is still its issuer's. Clones share the fact: they sit in cached results, which
/// are void once it is false.
#[derive(Clone, Debug)]
pub struct KeyValidity(Arc<State>);

#[derive(Debug)]
struct State {
    is_valid: AtomicBool,
    name: Box<str>,
}

impl KeyValidity {
    /// Permanently false once the key was missing from a successful fetch.
    pub fn is_valid(&self) -> bool {
        self.0.is_valid.load(Ordering::Acquire)
    }

    /// What tells the key from an issuer's others: the same in every process, and says nothing of a
    /// secret.
    pub fn key(&self) -> &str {
        &self.0.name
    }

    fn new(kid: Option<&str>, material: &Material) -> Self {
        Self(Arc::new(State {
            is_valid: AtomicBool::new(true),
            name: key_name(kid, material).into(),
        }))
    }

    pub(super) fn revoke(&self) {
        self.0.is_valid.store(false, Ordering::Release);
    }
}

/// The beginning of a hash over all that makes two keys the same.
fn key_name(kid: Option<&str>, material: &Material) -> String {
    let (kind, parts): (&str, [&[u8]; 2]) = match material {
        Material::Rsa { n, e } => ("RSA", [n, e]),
        Material::Ec { point } => ("EC", [point, &[]]),
        Material::Ed { point } => ("OKP", [point, &[]]),
        Material::Secret => return "secret".to_owned(),
    };
    let mut context = digest::Context::new(&digest::SHA256);
    for part in [
        kind.as_bytes(),
        kid.unwrap_or_default().as_bytes(),
        parts[0],
        parts[1],
    ] {
        context.update(&(part.len() as u64).to_be_bytes());
        context.update(part);
    }
    let hash = context.finish();
    let beginning = hash.as_ref().get(..KEY_NAME_BYTES).unwrap_or_default();
    URL_SAFE_NO_PAD.encode(beginning)
}

/// Enough that no two of an issuer's keys share a name.
const KEY_NAME_BYTES: usize = 16;

/// A key that may verify signatures of pinned algorithms.
pub struct VerifyingKey {
    kid: Option<String>,
    /// The `issuer` member that Entra adds to a key: a template, or the `iss` of one tenant.
    issuer: Option<String>,
    /// Of the certificate that the issuer publishes with it.
    thumbprints: Thumbprints,
    material: Material,
    /// The algorithms it verifies: those that its entries name, one by one, or that its type
    /// leaves, which is the whole family for RSA.
    algorithms: Vec<Algorithm>,
    verifier: Verifier,
    key_validity: KeyValidity,
}

/// What makes two keys the same, apart from their `kid`.
#[derive(Clone, PartialEq, Eq)]
enum Material {
    Rsa { n: Vec<u8>, e: Vec<u8> },
    Ec { point: Vec<u8> },
    Ed { point: Vec<u8> },
    Secret,
}

impl VerifyingKey {
    /// Checks one entry of a key set.
    pub(super) fn from_jwk(entry: &Value) -> Result<Self, SkipReason> {
        let jwk = Jwk::read(entry)?;
        let named = match jwk.text("alg")? {
            None => None,
            Some(name) => Some(Algorithm::from_name(name).ok_or(SkipReason::AlgorithmUnsupported)?),
        };
        let kid = jwk.text("kid")?.map(str::to_owned);
        let key = match jwk.text("kty")?.ok_or(SkipReason::Malformed)? {
            "RSA" => Self::rsa(kid, named, &jwk.bytes("n")?, &jwk.bytes("e")?),
            "EC" => {
                let curve = jwk.text("crv")?.ok_or(SkipReason::Malformed)?;
                let size = coordinate_size(curve).ok_or(SkipReason::CurveUnsupported)?;
                let mut point = vec![UNCOMPRESSED];
                point.extend(jwk.coordinate("x", size)?);
                point.extend(jwk.coordinate("y", size)?);
                Self::ec(kid, named, curve, point)
            }
            "OKP" => {
                let curve = jwk.text("crv")?.ok_or(SkipReason::Malformed)?;
                if curve != "Ed25519" {
                    return Err(SkipReason::CurveUnsupported);
                }
                Self::ed25519(kid, named, jwk.bytes("x")?)
            }
            // A symmetric key in a public place is no secret.
            "oct" => Err(SkipReason::Symmetric),
            _ => Err(SkipReason::TypeUnsupported),
        };
        key.map(|key| Self {
            issuer: jwk.loose_text("issuer").map(str::to_owned),
            thumbprints: Thumbprints::of_jwk(&jwk),
            ..key
        })
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
        let verifier = Verifier::Provider(DecodingKey::from_rsa_raw_components(n, e));
        let material = Material::Rsa {
            n: n.to_vec(),
            e: e.to_vec(),
        };
        Self::pinned(kid, named, &RSA_FAMILY, material, verifier)
    }

    /// An elliptic-curve key from its uncompressed point.
    pub(super) fn ec(
        kid: Option<String>,
        named: Option<Algorithm>,
        curve: &str,
        point: Vec<u8>,
    ) -> Result<Self, SkipReason> {
        let invalid = |_| SkipReason::KeyInvalid;
        let (family, verifier) = match curve {
            "P-256" => {
                ParsedPublicKey::new(&signature::ECDSA_P256_SHA256_FIXED, &point)
                    .map_err(invalid)?;
                let key = DecodingKey::from_ec_der(&point);
                (Algorithm::ES256, Verifier::Provider(key))
            }
            "P-384" => {
                ParsedPublicKey::new(&signature::ECDSA_P384_SHA384_FIXED, &point)
                    .map_err(invalid)?;
                let key = DecodingKey::from_ec_der(&point);
                (Algorithm::ES384, Verifier::Provider(key))
            }
            "P-521" => (Algorithm::ES512, Verifier::p521(&point)?),
            _ => return Err(SkipReason::CurveUnsupported),
        };
        Self::pinned(kid, named, &[family], Material::Ec { point }, verifier)
    }

    pub(super) fn ed25519(
        kid: Option<String>,
        named: Option<Algorithm>,
        point: Vec<u8>,
    ) -> Result<Self, SkipReason> {
        ParsedPublicKey::new(&signature::ED25519, &point).map_err(|_| SkipReason::KeyInvalid)?;
        let verifier = Verifier::Provider(DecodingKey::from_ed_der(&point));
        let family = [Algorithm::EdDSA];
        Self::pinned(kid, named, &family, Material::Ed { point }, verifier)
    }

    /// An issuer's shared secret, for HS256 alone. It is never part of a key set.
    pub(crate) fn from_secret(secret: &[u8]) -> Self {
        Self {
            kid: None,
            issuer: None,
            thumbprints: Thumbprints::default(),
            material: Material::Secret,
            algorithms: vec![Algorithm::HS256],
            verifier: Verifier::Provider(DecodingKey::from_secret(secret)),
            key_validity: KeyValidity::new(None, &Material::Secret),
        }
    }

    /// Sets the thumbprints of the certificate that it came in.
    pub(super) fn with_certificate(self, der: &[u8]) -> Self {
        Self {
            thumbprints: Thumbprints::of_certificate(der),
            ..self
        }
    }

    fn pinned(
        kid: Option<String>,
        named: Option<Algorithm>,
        family: &[Algorithm],
        material: Material,
        verifier: Verifier,
    ) -> Result<Self, SkipReason> {
        let algorithms = match named {
            None => family.to_vec(),
            Some(named) if family.contains(&named) => vec![named],
            Some(_) => return Err(SkipReason::AlgorithmMismatch),
        };
        Ok(Self {
            key_validity: KeyValidity::new(kid.as_deref(), &material),
            kid,
            issuer: None,
            thumbprints: Thumbprints::default(),
            material,
            algorithms,
            verifier,
        })
    }

    /// The name with which tokens refer to it.
    pub fn kid(&self) -> Option<&str> {
        self.kid.as_deref()
    }

    /// The issuer for whose tokens alone it is, when its entry says so: an `iss`, or a template
    /// of it. Sets that are shared by many tenants say it.
    pub fn issuer(&self) -> Option<&str> {
        self.issuer.as_deref()
    }

    /// The thumbprints of the certificate that is published with it.
    pub fn thumbprints(&self) -> &Thumbprints {
        &self.thumbprints
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

    /// Whether `signature` is this key's signature of `message`. False for an algorithm that the
    /// key is not pinned to.
    pub fn verify(&self, algorithm: Algorithm, message: &[u8], signature: &Vec<u8>) -> bool {
        self.permits(algorithm) && self.verifier.verify(algorithm, message, signature)
    }

    /// Whether it is the same key: `kid`, type and key material.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        self.kid == other.kid && self.material == other.material
    }

    /// Takes over the algorithms, and missing thumbprints, of another entry with the same key: some
    /// providers list a key once for each `alg`.
    pub(super) fn merge(&mut self, other: Self) {
        for algorithm in other.algorithms {
            if !self.algorithms.contains(&algorithm) {
                self.algorithms.push(algorithm);
            }
        }
        self.thumbprints.complete(other.thumbprints);
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

fn without_leading_zeros(number: &[u8]) -> &[u8] {
    let zeros = number.iter().take_while(|byte| **byte == 0).count();
    number.get(zeros..).unwrap_or_default()
}

/// RFC 7518 section 6.2.1.2, in bytes.
fn coordinate_size(curve: &str) -> Option<usize> {
    Some(match curve {
        "P-256" => 32,
        "P-384" => 48,
        "P-521" => 66,
        _ => return None,
    })
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
