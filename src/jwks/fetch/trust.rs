//! Whose word on a key set's server counts.

use std::path::Path;
use std::sync::Arc;

use rustls::ClientConfig;
use rustls::crypto::aws_lc_rs;

use crate::certificate_pin::PinnedServer;
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
        let verifier = Arc::new(PinnedServer::new(vec![pin.digest()?], &provider));
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
