//! The files of a listener's certificates, read and parsed.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use aws_lc_rs::digest::{Context, SHA256};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use zeroize::Zeroizing;

use super::TlsError;
use super::validity::{NotX509, Validity};
use crate::acme::Issued;
use crate::listener::Tls;

/// Everything that was read at one time.
pub(super) struct Files {
    pub(super) certificates: Vec<CertificateFile>,
    /// Who vouches for clients.
    pub(super) authorities: Vec<CertificateDer<'static>>,
    digest: Box<[u8]>,
}

/// A certificate with its key, from files or issued to the gateway.
pub(super) struct CertificateFile {
    pub(super) name: String,
    /// Never empty.
    pub(super) chain: Vec<CertificateDer<'static>>,
    pub(super) key: PrivateKeyDer<'static>,
    pub(super) validity: Validity,
}

/// Why a certificate cannot be shown.
#[derive(Debug, thiserror::Error)]
pub enum CertificateError {
    /// A file cannot be read.
    #[error("`{path}` cannot be read: {cause}", path = .0.display(), cause = .1)]
    Read(PathBuf, io::Error),
    /// No certificate in PEM.
    #[error("`{}` contains no PEM certificate", .0.display())]
    NoCertificate(PathBuf),
    /// No private key in PEM.
    #[error("`{}` contains no PEM private key", .0.display())]
    NoKey(PathBuf),
    /// Not X.509.
    #[error(transparent)]
    NotX509(#[from] NotX509),
    /// The key is not the certificate's, or of no use.
    #[error("the key does not match the certificate: {0}")]
    Mismatch(rustls::Error),
}

impl Files {
    /// Reads all of them.
    pub(super) fn read(settings: &Tls, issued: Option<Arc<Issued>>) -> Result<Self, TlsError> {
        let mut seen = Context::new(&SHA256);
        let mut certificates = Vec::with_capacity(settings.certificates.len());
        for certificate in &settings.certificates {
            let name = certificate.name();
            let read =
                certificate_file(name.clone(), &certificate.cert, &certificate.key, &mut seen)
                    .map_err(|error| TlsError::Certificate(name, error))?;
            certificates.push(read);
        }
        if let Some(issued) = issued {
            issued.chain.iter().for_each(|one| seen.update(one));
            certificates.push(CertificateFile {
                name: issued.name.clone(),
                chain: issued.chain.clone(),
                key: issued.key.clone_key(),
                validity: Validity::renewed(issued.not_before, issued.not_after),
            });
        }
        let authorities = match &settings.client_auth {
            Some(auth) => read(&auth.authorities, &mut seen)
                .and_then(|pem| chain(&auth.authorities, &pem))
                .map_err(TlsError::ClientAuthorities)?,
            None => Vec::new(),
        };
        let digest = seen.finish().as_ref().into();
        Ok(Self {
            certificates,
            authorities,
            digest,
        })
    }

    /// By which a change is seen.
    pub(super) fn digest(&self) -> Box<[u8]> {
        self.digest.clone()
    }
}

fn certificate_file(
    name: String,
    cert: &Path,
    key: &Path,
    seen: &mut Context,
) -> Result<CertificateFile, CertificateError> {
    let cert_pem = read(cert, seen)?;
    let key_pem = read(key, seen)?;
    let chain = chain(cert, &cert_pem)?;
    let first = chain
        .first()
        .ok_or_else(|| CertificateError::NoCertificate(cert.to_owned()))?;
    let key = PrivateKeyDer::from_pem_slice(&key_pem)
        .map_err(|_| CertificateError::NoKey(key.to_owned()))?;
    let validity = Validity::of(first)?;
    Ok(CertificateFile {
        name,
        chain,
        key,
        validity,
    })
}

/// The certificates of one file, at least one.
fn chain(path: &Path, pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, CertificateError> {
    let none = || CertificateError::NoCertificate(path.to_owned());
    let chain: Vec<_> = CertificateDer::pem_slice_iter(pem)
        .collect::<Result<_, _>>()
        .map_err(|_| none())?;
    match chain.is_empty() {
        true => Err(none()),
        false => Ok(chain),
    }
}

fn read(path: &Path, seen: &mut Context) -> Result<Zeroizing<Vec<u8>>, CertificateError> {
    let bytes = std::fs::read(path)
        .map(Zeroizing::new)
        .map_err(|error| CertificateError::Read(path.to_owned(), error))?;
    seen.update(&(bytes.len() as u64).to_be_bytes());
    seen.update(&bytes);
    Ok(bytes)
}
