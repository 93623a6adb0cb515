//! The one certificate that a server may show: for certificates that nobody vouches for.

use std::path::PathBuf;
use std::str::FromStr;

use aws_lc_rs::digest::{self, SHA256, SHA256_OUTPUT_LEN};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, de};

mod pinned_server;

pub use pinned_server::PinnedServer;

/// A certificate as a PEM file, or its digest: `sha256:` and 64 hexadecimal digits.
#[derive(Clone, Debug, PartialEq, Eq, JsonSchema)]
#[schemars(with = "String")]
pub enum CertificatePin {
    /// The file whose first certificate it is.
    File(PathBuf),
    /// Its SHA-256 digest.
    Digest([u8; SHA256_OUTPUT_LEN]),
}

impl CertificatePin {
    /// The SHA-256 digest of the certificate. Reads the file.
    ///
    /// # Errors
    ///
    /// The file has no certificate in it; gives its path.
    pub fn digest(&self) -> Result<[u8; SHA256_OUTPUT_LEN], PinError> {
        match self {
            Self::Digest(digest) => Ok(*digest),
            Self::File(path) => CertificateDer::from_pem_file(path)
                .map(|der| digest_of(&der))
                .map_err(|_| PinError(path.clone())),
        }
    }
}

/// The SHA-256 digest of a certificate.
pub fn digest_of(der: &[u8]) -> [u8; SHA256_OUTPUT_LEN] {
    let mut bytes = [0; SHA256_OUTPUT_LEN];
    let digest = digest::digest(&SHA256, der);
    bytes
        .iter_mut()
        .zip(digest.as_ref())
        .for_each(|(to, byte)| *to = *byte);
    bytes
}

/// A file that no certificate can be read from.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{}` has no certificate in PEM", .0.display())]
pub struct PinError(pub PathBuf);

impl FromStr for CertificatePin {
    type Err = DigestError;

    fn from_str(text: &str) -> Result<Self, DigestError> {
        let Some(digits) = text.strip_prefix("sha256:") else {
            return Ok(Self::File(text.into()));
        };
        // As `openssl x509 -fingerprint -sha256` prints it, or without colons.
        let digits = digits.replace(':', "");
        let mut digest = [0; SHA256_OUTPUT_LEN];
        if digits.len() != 2 * digest.len() || !digits.bytes().all(|it| it.is_ascii_hexdigit()) {
            return Err(DigestError);
        }
        for (at, byte) in digest.iter_mut().enumerate() {
            let pair = digits.get(2 * at..2 * at + 2).ok_or(DigestError)?;
            *byte = u8::from_str_radix(pair, 16).map_err(|_| DigestError)?;
        }
        Ok(Self::Digest(digest))
    }
}

impl<'de> Deserialize<'de> for CertificatePin {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = String::deserialize(from)?;
        text.parse().map_err(de::Error::custom)
    }
}

/// `sha256:` without such a digest after it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`sha256:` is followed by 64 hexadecimal digits")]
pub struct DigestError;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pin_is_a_file_or_a_digest() {
        let digest = digest_of(b"certificate");
        let digits: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
        let colons: Vec<String> = digest.iter().map(|byte| format!("{byte:02X}")).collect();
        for text in [
            format!("sha256:{digits}"),
            format!("sha256:{}", colons.join(":")),
        ] {
            assert_eq!(text.parse(), Ok(CertificatePin::Digest(digest)), "{text}");
        }
        for text in ["sha256:", "sha256:abcd", &format!("sha256:{digits}00")] {
            assert_eq!(text.parse::<CertificatePin>(), Err(DigestError), "{text}");
        }
        let file: CertificatePin = "server.pem".parse().unwrap();
        assert_eq!(file, CertificatePin::File("server.pem".into()));
        assert!(file.digest().is_err());
    }
}
