//! Why there is no key set.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use super::set::KeySetError;
use crate::certificate_pin::PinError;

/// Why a fetch failed.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// It took longer than `jwks.timeout`.
    #[error("no response within {0:?}")]
    Timeout(Duration),
    /// The connection failed or broke.
    #[error("{0}")]
    Connection(String),
    /// The address, or what its name resolves to, is not one that may be asked.
    #[error("the address is in a private network, which `deny_private_networks` forbids")]
    PrivateNetwork,
    /// Another status than 200, or 304 where it was asked for.
    #[error("the response has status {status}")]
    Status {
        /// The status.
        status: u16,
        /// How long the server wants to be left alone.
        retry_after: Option<Duration>,
    },
    /// A redirect to another host or scheme, which is named if it is known.
    #[error(
        "a redirect leads to another host or scheme{}: set `jwks_url` to the address there",
        .0.as_ref().map(|origin| format!(" ({origin})")).unwrap_or_default()
    )]
    Redirect(Option<String>),
    /// A body beyond the bound.
    #[error("the body is larger than {0} bytes")]
    TooLarge(usize),
    /// The discovery document is not one.
    #[error("the discovery document is not a JSON object with `issuer` and `jwks_uri`")]
    DiscoveryInvalid,
    /// The discovery document is another issuer's (OpenID Connect Discovery section 4.3).
    #[error(
        "the discovery document's `issuer` is {0:?}, which is neither `iss` nor in `iss_aliases`"
    )]
    DiscoveryIssuer(String),
    /// `jwks_uri` is plaintext beyond loopback, or no URL.
    #[error("the discovery document's `jwks_uri` is not an https URL")]
    DiscoveryUri,
    /// `jwks_uri` is plaintext, and the document came by https.
    #[error("the discovery document came by https, and its `jwks_uri` is not an https URL")]
    DiscoveryDowngrade,
    /// `jwks_uri` is another host in a private network.
    #[error(
        "the discovery document's `jwks_uri` leads to another host in a private network, which \
         `allow_private_jwks_uri: true` allows"
    )]
    DiscoveryPrivate,
    /// The body is not a key set.
    #[error(transparent)]
    KeySet(#[from] KeySetError),
    /// The body is not a key, where each has an address of its own.
    #[error("the response is no key in PEM")]
    NoPem,
    /// The file cannot be read.
    #[error("the file cannot be read: {0}")]
    File(io::Error),
}

impl FetchError {
    /// How long the server that answered wants to be left alone.
    pub(super) fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Status { retry_after, .. } => *retry_after,
            _ => None,
        }
    }

    /// Whether whoever was asked did not answer, or not with what was asked for. Other errors say what it did
    /// answer, and that it cannot be so.
    pub(super) fn is_outage(&self) -> bool {
        matches!(
            self,
            Self::Timeout(_)
                | Self::Connection(_)
                | Self::Status { .. }
                | Self::Redirect(_)
                | Self::TooLarge(_)
                | Self::DiscoveryInvalid
        )
    }

    /// An answer with this status.
    #[cfg(test)]
    pub(super) fn status(status: u16, retry_after: Option<Duration>) -> Self {
        Self::Status {
            status,
            retry_after,
        }
    }

    /// A stable word for metrics.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Timeout(_) => "timeout",
            Self::Connection(_) => "connection",
            Self::PrivateNetwork => "private_network",
            Self::Status { .. } => "status",
            Self::Redirect(_) => "redirect",
            Self::TooLarge(_) => "too_large",
            Self::DiscoveryInvalid
            | Self::DiscoveryIssuer(_)
            | Self::DiscoveryUri
            | Self::DiscoveryDowngrade
            | Self::DiscoveryPrivate => "discovery",
            Self::KeySet(KeySetError::NotJson(_)) => "not_json",
            Self::KeySet(
                KeySetError::NotAKeySet | KeySetError::Discovery | KeySetError::PemMap,
            )
            | Self::NoPem => "not_a_key_set",
            Self::KeySet(KeySetError::TooManyKeys { .. }) => "too_many_keys",
            Self::File(_) => "file",
        }
    }
}

/// Why nothing can be fetched for an issuer, ever.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// No client.
    #[error("the HTTP client for key sets cannot be created: {0}")]
    Client(#[from] reqwest::Error),
    /// No protocol version that the client could speak.
    #[error("the HTTP client for key sets cannot be created: {0}")]
    Tls(#[from] rustls::Error),
    /// The file of a key `ca` cannot be read, or has no certificates in it.
    #[error("`{key}`: `{}` has no certificates in PEM", path.display())]
    Authorities {
        /// The configuration key.
        key: &'static str,
        /// The file.
        path: PathBuf,
    },
    /// The file of `jwks.pinned_certificate`.
    #[error("`jwks.pinned_certificate`: {0}")]
    Pin(#[from] PinError),
}
