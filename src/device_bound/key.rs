//! The public half of a key that a browser's device holds.

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents, UnparsedPublicKey,
};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL;
use serde::{Deserialize, Serialize};

/// A public key as a JWK with the members that its kind requires, and no others (RFC 7518
/// sections 6.2.1 and 6.3.1).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kty")]
pub enum DeviceKey {
    /// A point on P-256, for ES256.
    #[serde(rename = "EC")]
    P256 {
        /// 32 bytes in base64url.
        x: String,
        /// 32 bytes in base64url.
        y: String,
    },
    /// An RSA key of 2048 to 4096 bits, for RS256.
    #[serde(rename = "RSA")]
    Rsa {
        /// The modulus in base64url.
        n: String,
        /// The exponent in base64url.
        e: String,
    },
}

/// Why a JWK is no key of a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// Neither a point on P-256 nor an RSA key, or with members that do not fit.
    #[error("not a key for ES256 or RS256")]
    Unsupported,
    /// An RSA key of fewer than 2048 or more than 4096 bits.
    #[error("an RSA key of an unsafe size")]
    Size,
}

/// A JWK as a browser sends it. What it says of use and name is its own matter.
#[derive(Deserialize)]
pub(super) struct Jwk {
    kty: String,
    crv: Option<String>,
    x: Option<String>,
    y: Option<String>,
    n: Option<String>,
    e: Option<String>,
}

impl DeviceKey {
    /// Checks a key's kind and size. Whether it signs shows with the first proof.
    pub(super) fn new(jwk: Jwk) -> Result<Self, KeyError> {
        let Jwk { kty, crv, .. } = &jwk;
        match (kty.as_str(), crv.as_deref()) {
            ("EC", Some("P-256")) => {
                let x = canonical(jwk.x.as_deref(), |bytes| bytes == COORDINATE)?;
                let y = canonical(jwk.y.as_deref(), |bytes| bytes == COORDINATE)?;
                Ok(Self::P256 { x, y })
            }
            ("RSA", None) => {
                let n = canonical(jwk.n.as_deref(), |_| true)?;
                let e = canonical(jwk.e.as_deref(), |bytes| bytes <= EXPONENT)?;
                // Without the zeros before it, a number has one length.
                let modulus = decode(&n)?;
                let is_bare = modulus.first().is_some_and(|byte| *byte != 0);
                if !is_bare || !MODULUS.contains(&modulus.len()) {
                    return Err(KeyError::Size);
                }
                Ok(Self::Rsa { n, e })
            }
            _ => Err(KeyError::Unsupported),
        }
    }

    /// The JWS algorithm that its signatures have (RFC 7518 section 3.1).
    pub fn algorithm(&self) -> &'static str {
        match self {
            Self::P256 { .. } => "ES256",
            Self::Rsa { .. } => "RS256",
        }
    }

    /// The JWK thumbprint with SHA-256 in base64url (RFC 7638): the key's name in records.
    pub fn thumbprint(&self) -> String {
        // Members in lexicographic order, without spaces (section 3.3). Base64url needs no escapes.
        let members = match self {
            Self::P256 { x, y } => format!(r#"{{"crv":"P-256","kty":"EC","x":"{x}","y":"{y}"}}"#),
            Self::Rsa { n, e } => format!(r#"{{"e":"{e}","kty":"RSA","n":"{n}"}}"#),
        };
        BASE64URL.encode(digest(&SHA256, members.as_bytes()))
    }

    /// Whether the key signed `message`.
    pub fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        match self {
            Self::P256 { x, y } => {
                let (Ok(x), Ok(y)) = (decode(x), decode(y)) else {
                    return false;
                };
                // SEC 1 section 2.3.3, uncompressed.
                let point = [&[4], x.as_slice(), &y].concat();
                let key = UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point);
                key.verify(message, signature).is_ok()
            }
            Self::Rsa { n, e } => {
                let (Ok(n), Ok(e)) = (decode(n), decode(e)) else {
                    return false;
                };
                let key = RsaPublicKeyComponents { n, e };
                let algorithm = &RSA_PKCS1_2048_8192_SHA256;
                key.verify(algorithm, message, signature).is_ok()
            }
        }
    }
}

/// A member in its one spelling, of a fitting size in bytes.
fn canonical(member: Option<&str>, fits: impl Fn(usize) -> bool) -> Result<String, KeyError> {
    let text = member.ok_or(KeyError::Unsupported)?;
    let bytes = decode(text)?;
    match !bytes.is_empty() && fits(bytes.len()) {
        true => Ok(BASE64URL.encode(bytes)),
        false => Err(KeyError::Unsupported),
    }
}

fn decode(text: &str) -> Result<Vec<u8>, KeyError> {
    BASE64URL.decode(text).map_err(|_| KeyError::Unsupported)
}

/// The bytes of a coordinate on P-256.
const COORDINATE: usize = 32;
/// The bytes of an RSA modulus: 2048 to 4096 bits.
const MODULUS: std::ops::RangeInclusive<usize> = 256..=512;
/// The most bytes of an RSA exponent.
const EXPONENT: usize = 4;

#[cfg(test)]
mod tests {
    use super::*;

    fn read(jwk: &serde_json::Value) -> Result<DeviceKey, KeyError> {
        DeviceKey::new(serde_json::from_value(jwk.clone()).unwrap())
    }

    /// RFC 7638 section 3.1 has the key and its thumbprint.
    #[test]
    fn a_thumbprint_is_that_of_the_rfc() {
        let n = "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_\
                 BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_\
                 FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4\
                 vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw";
        let jwk = serde_json::json!({"kty": "RSA", "n": n, "e": "AQAB", "alg": "RS256", "kid": "2011-04-29"});
        let key = read(&jwk).unwrap();
        assert_eq!(
            key.thumbprint(),
            "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"
        );
        let stored: DeviceKey =
            serde_json::from_str(&serde_json::to_string(&key).unwrap()).unwrap();
        assert_eq!(stored, key);
    }

    #[test]
    fn a_key_of_another_kind_or_size_is_refused() {
        let coordinate = BASE64URL.encode([1; 32]);
        let point =
            serde_json::json!({"kty": "EC", "crv": "P-256", "x": coordinate, "y": coordinate});
        read(&point).unwrap();
        for (member, value, error) in [
            ("kty", "OKP", KeyError::Unsupported),
            ("crv", "P-384", KeyError::Unsupported),
            ("x", "AQ", KeyError::Unsupported),
            ("y", "!", KeyError::Unsupported),
        ] {
            let mut other = point.clone();
            other[member] = value.into();
            assert_eq!(read(&other), Err(error), "{member}");
        }
        let rsa = |bytes: usize, first: u8| {
            let mut modulus = vec![0xff; bytes];
            modulus[0] = first;
            read(&serde_json::json!({"kty": "RSA", "n": BASE64URL.encode(modulus), "e": "AQAB"}))
        };
        rsa(256, 0xff).unwrap();
        rsa(512, 0xff).unwrap();
        for (bytes, first) in [(255, 0xff), (513, 0xff), (257, 0)] {
            assert_eq!(rsa(bytes, first), Err(KeyError::Size), "{bytes}");
        }
    }
}
