//! Keys that have an address each, as those of AWS load balancers.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures::future::join_all;
use serde_json::Value;
use tokio::time::timeout;
use url::Url;

use super::HttpSource;
use crate::issuer::KID_PLACEHOLDER;
use crate::jwks::error::FetchError;
use crate::jwks::source::{Answer, Basis, Source, Validators};
use crate::jwks::wanted_kids::{Answered, WantedKids};

/// Fetches the keys that tokens name, and makes one map of them.
pub(in crate::jwks) struct ByKid {
    http: HttpSource,
    template: String,
    wanted: Arc<WantedKids>,
    /// How long a key serves that nobody confirms any more.
    max_stale: Duration,
}

impl ByKid {
    pub(in crate::jwks) fn new(
        http: HttpSource,
        template: &str,
        wanted: Arc<WantedKids>,
        max_stale: Duration,
    ) -> Self {
        Self {
            http,
            template: template.to_owned(),
            wanted,
            max_stale,
        }
    }

    /// Whoever is slow or out of order for one `kid`, which anybody may have made up, delays and spoils no
    /// other.
    async fn fetch_one(&self, kid: &str) -> Answered {
        let address = self.template.replace(KID_PLACEHOLDER, kid);
        let Ok(url) = Url::parse(&address) else {
            return Ok(None);
        };
        let bounded = timeout(self.http.timeout, self.get(&url)).await;
        let outcome = bounded.unwrap_or(Err(FetchError::Timeout(self.http.timeout)));
        if let Err(error) = &outcome {
            tracing::debug!(kid, %error, "a key that a token names could not be fetched");
        }
        outcome
    }

    async fn get(&self, url: &Url) -> Answered {
        let nothing = Validators::default();
        match self.http.get(url, self.http.policy, &nothing).await {
            Ok(Answer::Body { body, .. }) => pem(body).map(Some),
            Ok(Answer::Unchanged { .. })
            | Err(FetchError::Status {
                status: 400..=404 | 410,
                ..
            }) => Ok(None),
            Err(error) => Err(error),
        }
    }
}

/// A page that tells of an error, or of a login, is no word on a key.
fn pem(body: Vec<u8>) -> Result<String, FetchError> {
    let text = String::from_utf8(body).ok();
    text.filter(|text| text.contains("-----BEGIN "))
        .ok_or(FetchError::NoPem)
}

#[async_trait]
impl Source for ByKid {
    async fn fetch(&self, _: Basis<'_>) -> Result<Answer, FetchError> {
        let kids = self.wanted.take();
        let answers = join_all(kids.iter().map(|kid| self.fetch_one(kid))).await;
        let answers = kids.into_iter().zip(answers);
        let pems = self.wanted.settle(answers, self.max_stale)?;
        Ok(Answer::Body {
            body: Value::Object(pems).to_string().into_bytes(),
            validators: Validators::default(),
            fresh_for: None,
        })
    }
}

/// The size of one key, of which there are several: a certificate has 2 KiB.
pub(in crate::jwks) const LARGEST: usize = 16 << 10;
