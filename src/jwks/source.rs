//! Where an issuer's task gets its key set from.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tokio::io::AsyncReadExt;

use super::fetch::{Clients, Discovered, FetchError, HttpSource, Validators};
use crate::config;
use crate::config::issuer::KeySource;

/// One way of getting a key set.
#[async_trait]
pub(super) trait Source: Send + Sync {
    /// Gets it once. `validators` are those of the answer whose keys are in force.
    async fn fetch(&self, validators: &Validators) -> Result<Answer, FetchError>;
}

/// A good answer.
#[derive(Debug)]
pub(super) enum Answer {
    /// A body, not yet parsed.
    Body {
        body: Vec<u8>,
        validators: Validators,
        /// How long the answer says it is fresh; `None` when it says nothing.
        fresh_for: Option<Duration>,
    },
    /// The body is still that of the validators.
    Unchanged { fresh_for: Option<Duration> },
}

/// Why nothing can be fetched for an issuer, ever.
#[derive(Debug, thiserror::Error)]
#[error("the HTTP client for key sets can not be made: {0}")]
pub struct SourceError(#[from] reqwest::Error);

/// The source of an issuer; `None` when nothing is fetched.
pub(super) fn of(
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

/// A file, read anew at each refresh.
struct FileSource {
    path: PathBuf,
    max_body: usize,
}

#[async_trait]
impl Source for FileSource {
    async fn fetch(&self, _: &Validators) -> Result<Answer, FetchError> {
        let file = tokio::fs::File::open(&self.path)
            .await
            .map_err(FetchError::File)?;
        let mut body = Vec::new();
        let bound = self.max_body as u64 + 1;
        file.take(bound)
            .read_to_end(&mut body)
            .await
            .map_err(FetchError::File)?;
        if body.len() > self.max_body {
            return Err(FetchError::TooLarge(self.max_body));
        }
        Ok(Answer::Body {
            body,
            validators: Validators::default(),
            fresh_for: None,
        })
    }
}
