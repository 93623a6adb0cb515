//! Documents that clients name by their address: fetched within bounds, from public networks, and without
//! redirects.

use std::path::PathBuf;
use std::time::Duration;

use http::{StatusCode, header};
use reqwest::redirect;
use tokio::time::timeout;
use url::Url;

use super::client::{self, Networks, Policy};
use super::retry_after::refusal;
use super::{body_of, freshness, trust};
use crate::jwks::error::{FetchError, SourceError};
use crate::public_network::is_loopback;

/// How documents are fetched.
#[derive(Clone, Debug)]
pub struct DocumentSettings {
    /// The authorities, as a PEM file; those of the system by default.
    pub ca: Option<PathBuf>,
    /// Whether their hosts may be in private networks.
    pub allow_private_networks: bool,
    /// How long a fetch can take.
    pub timeout: Duration,
}

/// Fetches documents.
#[derive(Debug)]
pub struct Documents {
    /// For hosts beyond this machine.
    far: reqwest::Client,
    /// For this machine, which no proxy of the environment can reach.
    near: reqwest::Client,
    policy: Policy,
    timeout: Duration,
}

/// A document.
#[derive(Debug)]
pub struct Fetched {
    /// Its content.
    pub body: Vec<u8>,
    /// Its `Content-Type`, without parameters and in lower case.
    pub media_type: String,
    /// How long the answer says it is fresh; `None` when it says nothing.
    pub fresh_for: Option<Duration>,
}

impl Documents {
    /// Reads the file of authorities that the key `ca` names.
    ///
    /// # Errors
    ///
    /// The file has none, or there is no client.
    pub fn new(key: &'static str, settings: &DocumentSettings) -> Result<Self, SourceError> {
        let authorities = match &settings.ca {
            Some(path) => Some(trust::authorities(key, path)?),
            None => None,
        };
        let builder = || {
            // A redirect would lead to where the address does not say.
            let builder = client::builder().redirect(redirect::Policy::none());
            match &authorities {
                Some(authorities) => builder.tls_certs_only(authorities.clone()),
                None => builder,
            }
        };
        let (networks, far) = match settings.allow_private_networks {
            true => (Networks::All, builder()),
            false => (
                Networks::PublicOrProxied,
                client::public_or_proxied(builder()),
            ),
        };
        Ok(Self {
            far: far.build()?,
            near: builder().no_proxy().build()?,
            policy: Policy {
                insecure_http: false,
                networks,
            },
            timeout: settings.timeout,
        })
    }

    /// The document at an `https` address, of at most `max` bytes.
    ///
    /// # Errors
    ///
    /// It is not to be had there, or not within the bounds.
    pub async fn get(&self, url: &Url, max: usize) -> Result<Fetched, FetchError> {
        let bounded = timeout(self.timeout, self.get_unbounded(url, max)).await;
        bounded.unwrap_or(Err(FetchError::Timeout(self.timeout)))
    }

    async fn get_unbounded(&self, url: &Url, max: usize) -> Result<Fetched, FetchError> {
        if url.scheme() != "https" {
            return Err(FetchError::Redirect(None));
        }
        self.policy.check_address(url)?;
        let client = match self.policy.networks {
            Networks::All if is_loopback(url) => &self.near,
            _ => &self.far,
        };
        let request = client
            .get(url.clone())
            .header(header::ACCEPT, "application/json");
        let response = request.send().await;
        let mut response = response.map_err(|error| client::error(error, self.policy))?;
        if response.status() != StatusCode::OK {
            return Err(refusal(response.status(), response.headers()));
        }
        let body = body_of(&mut response, max, self.policy).await?;
        let media_type = response.headers().get(header::CONTENT_TYPE);
        let media_type = media_type.and_then(|value| value.to_str().ok());
        let media_type = media_type.and_then(|value| value.split(';').next());
        Ok(Fetched {
            body,
            media_type: media_type.unwrap_or_default().trim().to_ascii_lowercase(),
            fresh_for: freshness(response.headers()),
        })
    }
}
