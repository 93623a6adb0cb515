//! Which source an issuer's settings ask for.

use std::sync::Arc;

use super::error::SourceError;
use super::fetch::{Clients, Discovered, HttpSource};
use super::file::FileSource;
use super::source::Source;
use crate::config::issuer::{KeySettings, KeySource};

/// The source of an issuer; `None` when nothing is fetched.
pub(super) fn source(
    settings: &KeySettings,
    clients: &Clients,
) -> Result<Option<Arc<dyn Source>>, SourceError> {
    let max_body = usize::try_from(settings.jwks.max_body.as_u64()).unwrap_or(usize::MAX);
    let http = |discovery, url| -> Result<Option<Arc<dyn Source>>, SourceError> {
        Ok(Some(Arc::new(HttpSource::new(
            settings, clients, discovery, url, max_body,
        )?)))
    };
    match &settings.source {
        KeySource::Url(url) => http(None, url),
        KeySource::Discovery(url) => {
            let iss = settings.discovered_iss.clone();
            let discovered = Discovered::new(iss, settings.jwks.rediscover_interval);
            http(Some(discovered), url)
        }
        KeySource::File(path) => Ok(Some(Arc::new(FileSource {
            path: path.clone(),
            max_body,
        }))),
        KeySource::Inline(_) | KeySource::SecretOnly => Ok(None),
    }
}
