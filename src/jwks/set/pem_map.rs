//! Google's shape of published keys: an object from `kid` to a PEM certificate or public key.

use aws_lc_rs::rsa::PublicKey;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, SubjectPublicKeyInfoDer};
use serde_json::Value;
use webpki::EndEntityCert;

use crate::jwks::key::{SkipReason, VerifyingKey};

/// The key of one entry. Of a certificate only the key is used: the address it came from vouches
/// for it, as in a JWK Set.
pub(super) fn key(kid: &str, pem: &Value) -> Result<VerifyingKey, SkipReason> {
    let pem = pem.as_str().ok_or(SkipReason::Malformed)?.as_bytes();
    let kid = Some(kid.to_owned());
    if let Ok(der) = CertificateDer::from_pem_slice(pem) {
        let certificate = EndEntityCert::try_from(&der);
        let info = certificate
            .map_err(|_| SkipReason::Malformed)?
            .subject_public_key_info();
        return Ok(from_info(kid, info.as_ref())?.with_certificate(&der));
    }
    let info = SubjectPublicKeyInfoDer::from_pem_slice(pem).map_err(|_| SkipReason::Malformed)?;
    from_info(kid, info.as_ref())
}

/// From a DER SubjectPublicKeyInfo (RFC 5280 section 4.1.2.7).
fn from_info(kid: Option<String>, info: &[u8]) -> Result<VerifyingKey, SkipReason> {
    if let Some(point) = info.strip_prefix(&P256_INFO) {
        return VerifyingKey::ec(kid, None, "P-256", point.to_vec());
    }
    if let Some(point) = info.strip_prefix(&P384_INFO) {
        return VerifyingKey::ec(kid, None, "P-384", point.to_vec());
    }
    if let Some(point) = info.strip_prefix(&P521_INFO) {
        return VerifyingKey::ec(kid, None, "P-521", point.to_vec());
    }
    if let Some(point) = info.strip_prefix(&ED25519_INFO) {
        return VerifyingKey::ed25519(kid, None, point.to_vec());
    }
    let rsa = PublicKey::from_der(info).map_err(|_| SkipReason::TypeUnsupported)?;
    let (n, e) = (rsa.modulus(), rsa.exponent());
    VerifyingKey::rsa(
        kid,
        None,
        n.big_endian_without_leading_zero(),
        e.big_endian_without_leading_zero(),
    )
}

/// What precedes an uncompressed point of P-256 (RFC 5480 section 2): DER leaves no choice.
const P256_INFO: [u8; 26] = [
    0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a,
    0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00,
];
/// What precedes an uncompressed point of P-384.
const P384_INFO: [u8; 23] = [
    0x30, 0x76, 0x30, 0x10, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x05, 0x2b,
    0x81, 0x04, 0x00, 0x22, 0x03, 0x62, 0x00,
];
/// What precedes an uncompressed point of P-521.
const P521_INFO: [u8; 25] = [
    0x30, 0x81, 0x9b, 0x30, 0x10, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x05,
    0x2b, 0x81, 0x04, 0x00, 0x23, 0x03, 0x81, 0x86, 0x00,
];
/// What precedes a key of Ed25519 (RFC 8410 section 4).
const ED25519_INFO: [u8; 12] = [
    0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00,
];

#[cfg(test)]
mod tests;
