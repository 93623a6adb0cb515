//! Which certificate a client is shown: by the name that it asks for (SNI).

use std::sync::Arc;

use rustls::crypto::CryptoProvider;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use webpki::EndEntityCert;

use super::TlsError;
use super::files::{CertificateError, Files};
use crate::proxy::server_name::CertificateNames;

/// Certificates by the names in them. Several of one name differ in the kind of key.
#[derive(Debug)]
pub(super) struct ByName {
    names: Arc<CertificateNames>,
    certificates: Vec<Arc<CertifiedKey>>,
}

impl ByName {
    pub(super) fn new(files: &Files, provider: &CryptoProvider) -> Result<Self, TlsError> {
        let mut names = CertificateNames::default();
        let mut certificates = Vec::with_capacity(files.certificates.len());
        for file in &files.certificates {
            let wrong = |error| TlsError::Certificate(file.name.clone(), error);
            let certified =
                CertifiedKey::from_der(file.chain.clone(), file.key.clone_key(), provider)
                    .map_err(|error| wrong(CertificateError::Mismatch(error)))?;
            let own = certified.end_entity_cert()?;
            let own = EndEntityCert::try_from(own)
                .map_err(|error| wrong(CertificateError::NotX509(error.to_string())))?;
            for name in own.valid_dns_names() {
                names.add(certificates.len(), name);
            }
            certificates.push(Arc::new(certified));
        }
        if certificates.is_empty() {
            return Err(rustls::Error::General("no certificate".to_owned()).into());
        }
        Ok(Self {
            names: Arc::new(names),
            certificates,
        })
    }

    /// Which certificates are for which names.
    pub(super) fn names(&self) -> Arc<CertificateNames> {
        Arc::clone(&self.names)
    }
}

impl ResolvesServerCert for ByName {
    /// The first certificate is shown to those who ask for no name, or for one in none.
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let named = hello
            .server_name()
            .map_or(&[][..], |name| self.names.of(name));
        let usable =
            |one: &&Arc<CertifiedKey>| one.key.choose_scheme(hello.signature_schemes()).is_some();
        let mut named = named.iter().filter_map(|at| self.certificates.get(*at));
        let chosen = named.find(usable).or_else(|| self.certificates.first())?;
        Some(Arc::clone(chosen))
    }
}
