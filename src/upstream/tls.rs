//! TLS to servers: what is trusted and what is shown, read from files once.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use pingora::protocols::tls::CaType;
use pingora::utils::tls::{CertKey, WrappedX509, parse_x509};
use rustls::RootCertStore;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;
use x509_parser::prelude::{FromDer, X509Certificate};

use super::settings;
use crate::certificate_pin::PinError;

/// How a connection to a server is secured.
#[derive(Debug)]
pub(super) struct Tls {
    /// Who vouches for servers; the system's authorities when `None`.
    pub(super) ca: Option<Arc<CaType>>,
    /// What servers are shown.
    pub(super) client: Option<Arc<CertKey>>,
    /// The name to ask for and to verify, in place of the server's own.
    pub(super) server_name: Option<String>,
    /// Whether somebody has to vouch for a server.
    pub(super) is_verified: bool,
    /// The digest of the one certificate that it may show.
    pub(super) pin: Option<[u8; 32]>,
}

/// Why TLS to servers cannot be set up.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum TlsError {
    /// A file cannot be read, or is not PEM.
    #[error("`{}` cannot be read as PEM", .0.display())]
    File(PathBuf),
    /// A file has no certificate in it.
    #[error("`{}` contains no certificate", .0.display())]
    Empty(PathBuf),
    /// A certificate is not X.509, or no authority.
    #[error("`{}` contains a certificate that cannot be used", .0.display())]
    Certificate(PathBuf),
    /// The key is of an unknown kind, or not that of the certificate.
    #[error("the key in `{}` does not match the certificate", .0.display())]
    Key(PathBuf),
}

impl TlsError {
    /// The file that it is about.
    pub fn file(&self) -> &Path {
        match self {
            Self::File(path) | Self::Empty(path) | Self::Certificate(path) | Self::Key(path) => {
                path
            }
        }
    }
}

impl Tls {
    /// Reads the files.
    pub(super) fn load(settings: &settings::Tls) -> Result<Self, TlsError> {
        let ca = settings.ca.as_deref().map(authorities).transpose()?;
        let client = match (&settings.client_certificate, &settings.client_key) {
            (Some(certificate), Some(key)) => Some(Arc::new(client(certificate, key)?)),
            _ => None,
        };
        Ok(Self {
            ca,
            client,
            server_name: settings.server_name.clone(),
            is_verified: !settings.insecure_skip_verification
                && settings.pinned_certificate.is_none(),
            pin: settings
                .pinned_certificate
                .as_ref()
                .map(|pin| pin.digest().map_err(|PinError(path)| TlsError::Empty(path)))
                .transpose()?,
        })
    }

    /// All certificates, for telling one set-up from another.
    pub(super) fn certificates(&self) -> impl Iterator<Item = &[u8]> {
        let authorities = self.ca.iter().flat_map(|ca| ca.iter());
        let shown = self.client.iter().flat_map(|client| {
            let chain = client.intermediates().into_iter();
            std::iter::once(client.leaf()).chain(chain)
        });
        authorities
            .chain(shown)
            .map(|certificate| certificate.borrow_raw_cert().as_slice())
    }
}

fn authorities(path: &Path) -> Result<Arc<CaType>, TlsError> {
    let unusable = |_| TlsError::Certificate(path.to_owned());
    let certificates = certificates(path)?;
    let mut roots = RootCertStore::empty();
    for certificate in &certificates {
        roots.add(certificate.clone()).map_err(unusable)?;
    }
    Ok(wrapped(certificates).collect())
}

fn client(certificate: &Path, key: &Path) -> Result<CertKey, TlsError> {
    let chain = certificates(certificate)?;
    let unreadable = |_| TlsError::File(key.to_owned());
    let private = PrivateKeyDer::from_pem_file(key).map_err(unreadable)?;
    let mismatched = |_| TlsError::Key(key.to_owned());
    let provider = rustls::crypto::aws_lc_rs::default_provider();
    let pair = CertifiedKey::from_der(chain.clone(), private.clone_key(), &provider);
    // Keys whose public part cannot be read are not refused here but by the handshake.
    pair.map_err(mismatched)?;
    let chain = chain.iter().map(|der| der.to_vec()).collect();
    Ok(CertKey::new(chain, private.secret_der().to_vec()))
}

/// At least one certificate, each of which parses: the framework panics on one that does not.
fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let certificates: Vec<CertificateDer<'static>> = CertificateDer::pem_file_iter(path)
        .and_then(Iterator::collect)
        .map_err(|_| TlsError::File(path.to_owned()))?;
    if certificates.is_empty() {
        return Err(TlsError::Empty(path.to_owned()));
    }
    let is_x509 = |der: &CertificateDer<'_>| X509Certificate::from_der(der).is_ok();
    if !certificates.iter().all(is_x509) {
        return Err(TlsError::Certificate(path.to_owned()));
    }
    Ok(certificates)
}

fn wrapped(certificates: Vec<CertificateDer<'static>>) -> impl Iterator<Item = WrappedX509> {
    certificates
        .into_iter()
        .map(|der| WrappedX509::new(der.to_vec(), parse_x509))
}

#[cfg(test)]
mod tests;
