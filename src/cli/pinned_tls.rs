//! TLS from a command to the gateway on the same machine.
//!
//! The configuration names the certificates that the admin listener shows, so that exactly those
//! are accepted, whatever name or authority is in them: the command goes to an address.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, Error};

use crate::certificate_pin::{PinnedServer, digest_of};
use crate::listener::Tls;

/// Why there is no such connection.
#[derive(Debug, thiserror::Error)]
pub(super) enum PinnedTlsError {
    /// No certificate, or no key, in a file.
    #[error("`{}` cannot be used: {cause}", file.display())]
    File {
        /// The path of the file.
        file: PathBuf,
        /// What went wrong.
        cause: rustls::pki_types::pem::Error,
    },
    /// The parts do not go together.
    #[error(transparent)]
    Config(#[from] Error),
}

/// Accepts the certificates of `tls` alone, and shows the one in `own`.
pub(super) fn config(tls: &Tls, own: Option<&Path>) -> Result<ClientConfig, PinnedTlsError> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let pinned = tls
        .certificates
        .iter()
        .map(|certificate| Ok(digest_of(&chain(&certificate.cert)?.swap_remove(0))))
        .collect::<Result<_, PinnedTlsError>>()?;
    let verifier = PinnedServer::new(pinned, &provider);
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier));
    Ok(match own {
        Some(file) => {
            let key = PrivateKeyDer::from_pem_file(file).map_err(|cause| of(file, cause))?;
            config.with_client_auth_cert(chain(file)?, key)?
        }
        None => config.with_no_client_auth(),
    })
}

/// The certificates in a file, at least one.
fn chain(file: &Path) -> Result<Vec<CertificateDer<'static>>, PinnedTlsError> {
    let read = CertificateDer::pem_file_iter(file).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    let chain = read.map_err(|cause| of(file, cause))?;
    match chain.is_empty() {
        true => Err(of(file, rustls::pki_types::pem::Error::NoItemsFound)),
        false => Ok(chain),
    }
}

fn of(file: &Path, cause: rustls::pki_types::pem::Error) -> PinnedTlsError {
    PinnedTlsError::File {
        file: file.to_owned(),
        cause,
    }
}
