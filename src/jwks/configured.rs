//! Which source an issuer's settings ask for.

use std::sync::Arc;

use super::error::SourceError;
use super::fetch::{Clients, Discovered, HttpSource};
use super::file::FileSource;
use super::source::Source;
use crate::config;
use crate::config::issuer::KeySource;

/// The source of an issuer; `None` when nothing is fetched.
pub(super) fn source(
    issuer: &config::Issuer,
    clients: &Clients,
) -> Result<Option<Arc<dyn Source>>, SourceError> {
    let max_body = usize::try_from(issuer.jwks.max_body.as_u64()).unwrap_or(usize::MAX);
    let http = |discovery, url| -> Result<Option<Arc<dyn Source>>, SourceError> {
        Ok(Some(Arc::new(HttpSource::new(
            issuer, clients, discovery, url, max_body,
        )?)))
    };
    match &issuer.source {
        KeySource::Url(url) => http(None, url),
        KeySource::Discovery(url) => {
            http(Some(Discovered::new(issuer.jwks.rediscover_interval)), url)
        }
        KeySource::File(path) => Ok(Some(Arc::new(FileSource {
            path: path.clone(),
            max_body,
        }))),
        KeySource::Inline(_) | KeySource::SecretOnly => Ok(None),
    }
}
