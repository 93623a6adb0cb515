//! Whose word on a key set's server counts.

use std::path::Path;
use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, aws_lc_rs, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, Error, SignatureScheme};

use crate::certificate_pin::digest_of;
use crate::issuer::JwksSettings;
use crate::jwks::error::SourceError;

/// Who vouches for the server.
pub(super) enum Trust {
    /// The system's authorities.
    Default,
    /// These authorities and no others.
    Authorities(Vec<reqwest::Certificate>),
    /// Nobody has to: it shows the one certificate.
    Pinned(Box<ClientConfig>),
}

impl Trust {
    /// What the settings of one issuer say. Reads files.
    pub(super) fn of(settings: &JwksSettings) -> Result<Self, SourceError> {
        if let Some(path) = &settings.ca {
            return authorities("jwks.ca", path).map(Self::Authorities);
        }
        let Some(pin) = &settings.pinned_certificate else {
            return Ok(Self::Default);
        };
        let provider = Arc::new(aws_lc_rs::default_provider());
        let verifier = Arc::new(Pinned {
            digest: pin.digest()?,
            provider: Arc::clone(&provider),
        });
        let tls = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .dangerous()
            .with_custom_certificate_verifier(verifier)
            .with_no_client_auth();
        Ok(Self::Pinned(Box::new(tls)))
    }
}

/// The authorities in a file that a key of the configuration names.
pub(super) fn authorities(
    key: &'static str,
    path: &Path,
) -> Result<Vec<reqwest::Certificate>, SourceError> {
    let unreadable = || SourceError::Authorities {
        key,
        path: path.to_owned(),
    };
    let pem = std::fs::read(path).map_err(|_| unreadable())?;
    let bundle = reqwest::Certificate::from_pem_bundle(&pem).map_err(|_| unreadable())?;
    match bundle.is_empty() {
        true => Err(unreadable()),
        false => Ok(bundle),
    }
}

/// Accepts one certificate, and only from a server that has its key.
#[derive(Debug)]
struct Pinned {
    digest: [u8; 32],
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for Pinned {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        match digest_of(end_entity) == self.digest {
            true => Ok(ServerCertVerified::assertion()),
            false => Err(CertificateError::ApplicationVerificationFailure.into()),
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signed, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signed, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider
            .signature_verification_algorithms
            .supported_schemes()
    }
}
