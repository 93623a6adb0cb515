//! The way to the authority: the gateway's own HTTP client.

use std::future::Future;
use std::io;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::Request;
use instant_acme::{BodyWrapper, BytesResponse, Error, HttpClient};
use reqwest::redirect;
use url::Url;

use crate::listener::Acme;
use crate::public_network::{PrivateAddress, PublicResolver, is_loopback, names_private_address};

/// Asks one authority. The directory's host may be anywhere; the addresses that the directory names are
/// at that host or public, so that an authority cannot send the gateway around in its network.
#[derive(Clone)]
pub(super) struct Client {
    directory: Url,
    own: reqwest::Client,
    elsewhere: reqwest::Client,
}

/// Why an authority cannot be asked at all.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The file of authorities is of no use.
    #[error("`{}` contains no certificates in PEM, or cannot be read", .0.display())]
    Authorities(PathBuf),
    /// The client cannot be built.
    #[error("{0}")]
    Build(#[from] reqwest::Error),
}

impl Client {
    /// Reads the file of authorities.
    pub(super) fn new(settings: &Acme) -> Result<Self, ClientError> {
        let authorities = match &settings.authorities {
            Some(path) => {
                let unusable = || ClientError::Authorities(path.clone());
                let pem = std::fs::read(path).map_err(|_| unusable())?;
                let bundle = reqwest::Certificate::from_pem_bundle(&pem);
                let bundle = bundle.ok().filter(|bundle| !bundle.is_empty());
                Some(bundle.ok_or_else(unusable)?)
            }
            None => None,
        };
        let builder = || {
            let builder = reqwest::Client::builder()
                .user_agent(concat!("vestibule/", env!("CARGO_PKG_VERSION")))
                .timeout(TIMEOUT)
                .redirect(redirect::Policy::none());
            match &authorities {
                Some(authorities) => builder.tls_certs_only(authorities.clone()),
                None => builder,
            }
        };
        let own = match is_loopback(&settings.directory) {
            true => builder().no_proxy(),
            false => builder(),
        };
        let resolver = PublicResolver::but_proxies(|name| std::env::var(name).ok());
        Ok(Self {
            directory: settings.directory.clone(),
            own: own.build()?,
            elsewhere: builder().dns_resolver(Arc::new(resolver)).build()?,
        })
    }

    async fn send(self, request: Request<BodyWrapper<Bytes>>) -> Result<BytesResponse, Error> {
        let (parts, body) = request.into_parts();
        let url = Url::parse(&parts.uri.to_string()).map_err(other)?;
        if url.scheme() != "https" {
            return Err(other(io::Error::other(
                "the authority named an address without TLS",
            )));
        }
        let is_near = url.host() == self.directory.host() || is_loopback(&self.directory);
        let http = match is_near {
            true => self.own,
            false if names_private_address(&url) => return Err(other(PrivateAddress)),
            false => self.elsewhere,
        };
        let mut body = BytesResponse::from(http::Response::new(body)).body;
        let body = body.into_bytes().await.map_err(Error::Other)?;
        let request = http
            .request(parts.method, url)
            .headers(parts.headers)
            .body(body);
        let sent = request.send().await;
        let mut response = sent.map_err(|error| other(error.without_url()))?;
        let mut head = http::Response::new(());
        *head.status_mut() = response.status();
        *head.headers_mut() = std::mem::take(response.headers_mut());
        let mut read = BytesMut::new();
        while let Some(chunk) = response
            .chunk()
            .await
            .map_err(|error| other(error.without_url()))?
        {
            if read.len() + chunk.len() > LARGEST_BODY {
                return Err(other(io::Error::other(
                    "the authority's answer is too large",
                )));
            }
            read.extend_from_slice(&chunk);
        }
        Ok(BytesResponse {
            parts: head.into_parts().0,
            body: Box::new(read.freeze()),
        })
    }
}

impl HttpClient for Client {
    fn request(
        &self,
        request: Request<BodyWrapper<Bytes>>,
    ) -> Pin<Box<dyn Future<Output = Result<BytesResponse, Error>> + Send>> {
        Box::pin(self.clone().send(request))
    }
}

fn other(error: impl std::error::Error + Send + Sync + 'static) -> Error {
    Error::Other(Box::new(error))
}

const TIMEOUT: Duration = Duration::from_secs(30);
/// Directories, orders and chains of certificates are a few kilobytes.
const LARGEST_BODY: usize = 256 << 10;
