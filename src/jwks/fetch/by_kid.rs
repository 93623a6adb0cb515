//! Keys that have an address each, as those of AWS load balancers.

use std::sync::Arc;

use async_trait::async_trait;
use futures::future::join_all;
use serde_json::{Map, Value};
use tokio::time::timeout;
use url::Url;

use super::HttpSource;
use crate::issuer::KID_PLACEHOLDER;
use crate::jwks::error::FetchError;
use crate::jwks::source::{Answer, Basis, Source, Validators};
use crate::jwks::wanted_kids::WantedKids;

/// Fetches the keys that tokens name, and makes one map of them.
pub(in crate::jwks) struct ByKid {
    http: HttpSource,
    template: String,
    wanted: Arc<WantedKids>,
}

impl ByKid {
    pub(in crate::jwks) fn new(http: HttpSource, template: &str, wanted: Arc<WantedKids>) -> Self {
        Self {
            http,
            template: template.to_owned(),
            wanted,
        }
    }

    async fn fetch_all(&self) -> Result<Answer, FetchError> {
        let kids = self.wanted.all();
        let answers = join_all(kids.iter().map(|kid| self.fetch_one(kid))).await;
        let (mut pems, mut absent) = (Map::new(), Vec::new());
        for (kid, answer) in kids.into_iter().zip(answers) {
            match answer? {
                Some(pem) => drop(pems.insert(kid, Value::String(pem))),
                None => absent.push(kid),
            }
        }
        self.wanted.forget(&absent);
        Ok(Answer::Body {
            body: Value::Object(pems).to_string().into_bytes(),
            validators: Validators::default(),
            fresh_for: None,
        })
    }

    /// `None`: there is no such key.
    async fn fetch_one(&self, kid: &str) -> Result<Option<String>, FetchError> {
        let address = self.template.replace(KID_PLACEHOLDER, kid);
        let Ok(url) = Url::parse(&address) else {
            return Ok(None);
        };
        let nothing = Validators::default();
        match self.http.get(&url, self.http.policy, &nothing).await {
            Ok(Answer::Body { body, .. }) => Ok(String::from_utf8(body).ok()),
            Ok(Answer::Unchanged { .. }) | Err(FetchError::Status(400..=404 | 410)) => Ok(None),
            Err(error) => Err(error),
        }
    }
}

#[async_trait]
impl Source for ByKid {
    async fn fetch(&self, _: Basis<'_>) -> Result<Answer, FetchError> {
        let bounded = timeout(self.http.timeout, self.fetch_all()).await;
        bounded.unwrap_or(Err(FetchError::Timeout(self.http.timeout)))
    }
}
