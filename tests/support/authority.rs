//! Who signs certificates under test, for unit tests and black-box tests.

use std::path::{Path, PathBuf};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use rustls::pki_types::CertificateDer;
use tempfile::TempDir;

/// A certificate authority, with a folder for what it signs.
pub struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
    folder: TempDir,
}

/// A certificate with its key.
pub struct Identity {
    pub certificate: CertificateDer<'static>,
    pub certificate_pem: String,
    pub key: KeyPair,
}

impl Authority {
    pub fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params
            .distinguished_name
            .push(DnType::CommonName, "authority of the tests");
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        Self {
            issuer,
            folder: TempDir::new().unwrap(),
        }
    }

    /// A certificate that vouches for itself, and is an authority's as well: what
    /// `openssl req -x509` makes.
    pub fn self_signed(names: &[&str]) -> Identity {
        let key = KeyPair::generate().unwrap();
        let mut params = params(names);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let certificate = params.self_signed(&key).unwrap();
        Identity {
            certificate_pem: certificate.pem(),
            certificate: certificate.der().clone(),
            key,
        }
    }

    /// A certificate for these names and addresses.
    pub fn identity(&self, names: &[&str]) -> Identity {
        self.sign(params(names))
    }

    /// A certificate by these parameters.
    pub fn sign(&self, params: CertificateParams) -> Identity {
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        Identity {
            certificate_pem: certificate.pem(),
            certificate: certificate.der().clone(),
            key,
        }
    }

    /// The authority's own certificate.
    pub fn pem(&self) -> String {
        self.issuer.pem()
    }

    /// The same in DER.
    pub fn der(&self) -> CertificateDer<'static> {
        self.issuer.der().clone()
    }

    /// The same as a file in the authority's folder.
    pub fn file(&self) -> PathBuf {
        self.file_in(self.folder.path(), "authority.pem")
    }

    /// The same as a file in another folder.
    pub fn file_in(&self, folder: &Path, name: &str) -> PathBuf {
        let path = folder.join(name);
        std::fs::write(&path, self.pem()).unwrap();
        path
    }

    /// Where files of what it signs are.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }
}

impl Identity {
    /// Files with the certificate and the key.
    pub fn files(&self, folder: &Path, name: &str) -> (PathBuf, PathBuf) {
        let (certificate, key) = (
            folder.join(format!("{name}.pem")),
            folder.join(format!("{name}.key")),
        );
        std::fs::write(&certificate, &self.certificate_pem).unwrap();
        std::fs::write(&key, self.key.serialize_pem()).unwrap();
        (certificate, key)
    }
}

/// The parameters of a certificate for these names and addresses.
pub fn params(names: &[&str]) -> CertificateParams {
    let names = names.iter().map(|name| (*name).to_owned());
    CertificateParams::new(names.collect::<Vec<_>>()).unwrap()
}
