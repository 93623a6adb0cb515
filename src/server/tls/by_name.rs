//! Which certificate a client is shown: by the name that it asks for (SNI).

use std::collections::HashMap;
use std::sync::Arc;

use rustls::crypto::CryptoProvider;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use webpki::EndEntityCert;

use super::TlsError;
use super::files::{CertificateError, Files};

/// Certificates by the names in them.
#[derive(Debug)]
pub(super) struct ByName {
    /// Names in lower case, `*.example.com` for a wildcard. Several certificates of one name
    /// differ in the kind of key.
    names: HashMap<Box<str>, Vec<Arc<CertifiedKey>>>,
    default: Arc<CertifiedKey>,
}

impl ByName {
    pub(super) fn new(files: &Files, provider: &CryptoProvider) -> Result<Self, TlsError> {
        let mut names: HashMap<Box<str>, Vec<_>> = HashMap::new();
        let mut default = None;
        for file in &files.certificates {
            let wrong = |error| TlsError::Certificate(file.name.clone(), error);
            let certified =
                CertifiedKey::from_der(file.chain.clone(), file.key.clone_key(), provider)
                    .map_err(|error| wrong(CertificateError::Mismatch(error)))?;
            let certified = Arc::new(certified);
            let own = certified.end_entity_cert()?;
            let own = EndEntityCert::try_from(own)
                .map_err(|error| wrong(CertificateError::NotX509(error.to_string())))?;
            for name in own.valid_dns_names() {
                let same = names.entry(name.to_ascii_lowercase().into()).or_default();
                same.push(Arc::clone(&certified));
            }
            default.get_or_insert(certified);
        }
        let none = || rustls::Error::General("no certificate".to_owned());
        let default = default.ok_or_else(none)?;
        Ok(Self { names, default })
    }

    fn named(&self, name: &str) -> Option<&[Arc<CertifiedKey>]> {
        let name = name.to_ascii_lowercase();
        let exact = self.names.get(name.as_str());
        // RFC 6125 section 6.4.3: a wildcard stands for one label.
        let wildcard = || {
            let (_, parent) = name.split_once('.')?;
            self.names.get(format!("*.{parent}").as_str())
        };
        exact.or_else(wildcard).map(Vec::as_slice)
    }
}

impl ResolvesServerCert for ByName {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let named = hello.server_name().and_then(|name| self.named(name));
        let usable =
            |one: &&Arc<CertifiedKey>| one.key.choose_scheme(hello.signature_schemes()).is_some();
        let chosen = named.and_then(|named| named.iter().find(usable));
        Some(Arc::clone(chosen.unwrap_or(&self.default)))
    }
}
