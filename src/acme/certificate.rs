//! A certificate that was issued, read and checked.

use rustls::crypto::aws_lc_rs::default_provider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::sign::CertifiedKey;
use webpki::EndEntityCert;
use x509_cert::Certificate;
use x509_cert::der::Decode;

use crate::clock::UnixTime;

/// A certificate that was issued, with its key.
pub struct Issued {
    /// Its name in logs and metrics.
    pub name: String,
    /// Never empty; the server's own certificate first.
    pub chain: Vec<CertificateDer<'static>>,
    /// The private key, which matches.
    pub key: PrivateKeyDer<'static>,
    /// From when it counts.
    pub not_before: UnixTime,
    /// When it ends.
    pub not_after: UnixTime,
    domains: Vec<String>,
}

/// Why a certificate that was issued is of no use.
#[derive(Debug, thiserror::Error)]
pub enum IssuedError {
    /// Not PEM, or empty.
    #[error("the authority sent no certificate in PEM")]
    NoCertificate,
    /// Not X.509.
    #[error("the certificate cannot be read: {0}")]
    NotX509(String),
    /// It is of another key.
    #[error("the key does not match the certificate: {0}")]
    Mismatch(#[from] rustls::Error),
}

impl Issued {
    /// Reads a chain in PEM and a key as PKCS#8 DER, and checks that they belong together.
    ///
    /// # Errors
    ///
    /// One of them cannot be read, or they do not.
    pub fn parse(name: &str, chain: &str, key: &[u8]) -> Result<Self, IssuedError> {
        let chain: Vec<_> = CertificateDer::pem_slice_iter(chain.as_bytes())
            .collect::<Result<_, _>>()
            .map_err(|_| IssuedError::NoCertificate)?;
        let own = chain.first().ok_or(IssuedError::NoCertificate)?;
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.to_vec()));
        CertifiedKey::from_der(chain.clone(), key.clone_key(), &default_provider())?;
        let parsed =
            Certificate::from_der(own).map_err(|error| IssuedError::NotX509(error.to_string()))?;
        let names = EndEntityCert::try_from(own)
            .map_err(|error| IssuedError::NotX509(error.to_string()))?;
        let domains = names
            .valid_dns_names()
            .map(str::to_ascii_lowercase)
            .collect();
        let validity = parsed.tbs_certificate.validity;
        Ok(Self {
            name: name.to_owned(),
            not_before: UnixTime(validity.not_before.to_unix_duration().as_secs()),
            not_after: UnixTime(validity.not_after.to_unix_duration().as_secs()),
            chain,
            key,
            domains,
        })
    }

    /// Whether it has all of these names.
    pub fn is_for(&self, domains: &[String]) -> bool {
        domains.iter().all(|domain| self.domains.contains(domain))
    }
}
