//! Which certificate a client is shown: by the name that it asks for (SNI).

use std::fmt;
use std::sync::Arc;

use rustls::crypto::CryptoProvider;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use webpki::EndEntityCert;

use super::files::{CertificateError, Files};
use super::validity::NotX509;
use super::{ACME_TLS, TlsError};
use crate::acme::Challenges;
use crate::proxy::connection::server_name::CertificateNames;

/// Certificates by the names in them. Several of one name differ in the kind of key.
pub(super) struct ByName {
    names: Arc<CertificateNames>,
    certificates: Vec<Arc<CertifiedKey>>,
    /// What an authority is shown that looks for a proof, where certificates are ordered.
    challenges: Option<Arc<Challenges>>,
}

impl ByName {
    pub(super) fn new(
        files: &Files,
        challenges: Option<Arc<Challenges>>,
        provider: &CryptoProvider,
    ) -> Result<Self, TlsError> {
        let mut names = CertificateNames::default();
        let mut certificates = Vec::with_capacity(files.certificates.len());
        for file in &files.certificates {
            let wrong = |error| TlsError::Certificate(file.name.clone(), error);
            let certified =
                CertifiedKey::from_der(file.chain.clone(), file.key.clone_key(), provider)
                    .map_err(|error| wrong(CertificateError::Mismatch(error)))?;
            let own = certified.end_entity_cert()?;
            let own = EndEntityCert::try_from(own)
                .map_err(|error| wrong(NotX509(error.to_string()).into()))?;
            for name in own.valid_dns_names() {
                names.add(certificates.len(), name);
            }
            certificates.push(Arc::new(certified));
        }
        Ok(Self {
            names: Arc::new(names),
            certificates,
            challenges,
        })
    }

    /// Whether there is no certificate yet.
    pub(super) fn is_empty(&self) -> bool {
        self.certificates.is_empty()
    }

    /// Which certificates are for which names.
    pub(super) fn names(&self) -> Arc<CertificateNames> {
        Arc::clone(&self.names)
    }
}

impl fmt::Debug for ByName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ByName").field(&self.names).finish()
    }
}

impl ResolvesServerCert for ByName {
    /// The first certificate is shown to those who ask for no name, or for one in none; who looks for
    /// the proof of a name gets that or nothing.
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        if let Some(challenges) = &self.challenges
            && hello
                .alpn()
                .is_some_and(|mut protocols| protocols.any(|one| one == ACME_TLS))
        {
            return challenges.certificate(hello.server_name()?);
        }
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
