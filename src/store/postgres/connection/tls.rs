//! TLS to the database.

use std::sync::Arc;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};

use super::ConnectError;
use crate::store::PostgresSettings;

pub(super) fn tls_config(settings: &PostgresSettings) -> Result<ClientConfig, ConnectError> {
    let mut roots = RootCertStore::empty();
    match &settings.root_certificates {
        Some(path) => {
            let unreadable = |cause: String| {
                ConnectError::RootCertificates(format!("{}: {cause}", path.display()))
            };
            let certificates = CertificateDer::pem_file_iter(path)
                .map_err(|error| unreadable(error.to_string()))?;
            for certificate in certificates {
                let certificate = certificate.map_err(|error| unreadable(error.to_string()))?;
                roots
                    .add(certificate)
                    .map_err(|error| unreadable(error.to_string()))?;
            }
            if roots.is_empty() {
                return Err(unreadable("it contains no certificate".to_owned()));
            }
        }
        // None at all is no error here: whether there is TLS is decided when connecting.
        None => {
            roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        }
    }
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| ConnectError::RootCertificates(error.to_string()))?;
    Ok(config.with_root_certificates(roots).with_no_client_auth())
}
