//! One bounded HTTP fetch of a key set.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use http::{HeaderMap, Method, StatusCode, header};
use http_cache_semantics::{CacheOptions, CachePolicy};
use serde::Deserialize;
use tokio::time::{Instant, timeout};
use url::Url;

use super::error::{FetchError, SourceError};
use super::source::{Answer, Source, Validators};
use crate::config;

mod client;

pub(super) use client::Clients;

/// An issuer's address, its bounds and, with discovery, what it led to.
pub(super) struct HttpSource {
    client: reqwest::Client,
    url: Url,
    /// What discovery may name as the issuer.
    iss: Vec<String>,
    discovered: Option<Discovered>,
    policy: client::Policy,
    timeout: Duration,
    max_body: usize,
}

/// The `jwks_uri` that discovery led to, and when.
#[derive(Debug)]
pub(super) struct Discovered {
    address: Mutex<Option<(Url, Instant)>>,
    /// How long it is used before it is looked up again.
    good_for: Duration,
}

impl HttpSource {
    pub(super) fn new(
        issuer: &config::Issuer,
        clients: &Clients,
        discovered: Option<Discovered>,
        url: &Url,
        max_body: usize,
    ) -> Result<Self, SourceError> {
        let policy = client::Policy {
            insecure_http: issuer.insecure_http,
            deny_private_networks: issuer.deny_private_networks,
        };
        Ok(Self {
            client: clients.get(policy, url)?,
            url: url.clone(),
            iss: issuer.accepted_iss().into_iter().map(|it| it.iss).collect(),
            discovered,
            policy,
            timeout: issuer.jwks.timeout,
            max_body,
        })
    }

    async fn fetch_unbounded(&self, validators: &Validators) -> Result<Answer, FetchError> {
        let url = match &self.discovered {
            None => self.url.clone(),
            Some(discovered) => match discovered.fresh() {
                Some(url) => url,
                None => {
                    let url = self.discover().await?;
                    discovered.remember(&url);
                    url
                }
            },
        };
        let answer = self.get(url, validators).await;
        if let (Err(_), Some(discovered)) = (&answer, &self.discovered) {
            // The keys may have moved.
            discovered.forget();
        }
        answer
    }

    async fn discover(&self) -> Result<Url, FetchError> {
        #[derive(Deserialize)]
        struct Document {
            issuer: String,
            jwks_uri: String,
        }
        let answer = self.get(self.url.clone(), &Validators::default()).await?;
        let Answer::Body { body, .. } = answer else {
            return Err(FetchError::DiscoveryInvalid);
        };
        let document: Document =
            serde_json::from_slice(&body).map_err(|_| FetchError::DiscoveryInvalid)?;
        if !self.iss.contains(&document.issuer) {
            return Err(FetchError::DiscoveryIssuer(document.issuer));
        }
        let url = Url::parse(&document.jwks_uri).map_err(|_| FetchError::DiscoveryUri)?;
        if self.policy.allows_scheme(&url) {
            Ok(url)
        } else {
            Err(FetchError::DiscoveryUri)
        }
    }

    async fn get(&self, url: Url, validators: &Validators) -> Result<Answer, FetchError> {
        self.policy.check_address(&url)?;
        let conditions = validators.conditions();
        let request = self.client.get(url).headers(conditions.clone());
        let mut response = request.send().await.map_err(client::error)?;
        let fresh_for = freshness(response.headers());
        match response.status() {
            StatusCode::OK => {}
            StatusCode::NOT_MODIFIED if !conditions.is_empty() => {
                return Ok(Answer::Unchanged { fresh_for });
            }
            status => return Err(FetchError::Status(status.as_u16())),
        }
        let validators = Validators::of(response.headers());
        if response
            .content_length()
            .is_some_and(|length| length > self.max_body as u64)
        {
            return Err(FetchError::TooLarge(self.max_body));
        }
        let mut body = Vec::new();
        // Chunks come decompressed, a little at a time, so the bound holds for what is kept.
        while let Some(chunk) = response.chunk().await.map_err(client::error)? {
            if body.len() + chunk.len() > self.max_body {
                return Err(FetchError::TooLarge(self.max_body));
            }
            body.extend_from_slice(&chunk);
        }
        Ok(Answer::Body {
            body,
            validators,
            fresh_for,
        })
    }
}

#[async_trait]
impl Source for HttpSource {
    async fn fetch(&self, validators: &Validators) -> Result<Answer, FetchError> {
        let bounded = timeout(self.timeout, self.fetch_unbounded(validators)).await;
        bounded.unwrap_or(Err(FetchError::Timeout(self.timeout)))
    }
}

impl Discovered {
    pub(super) fn new(good_for: Duration) -> Self {
        Self {
            address: Mutex::new(None),
            good_for,
        }
    }

    fn fresh(&self) -> Option<Url> {
        self.known()
            .as_ref()
            .filter(|(_, at)| at.elapsed() < self.good_for)
            .map(|(url, _)| url.clone())
    }

    fn remember(&self, url: &Url) {
        *self.known() = Some((url.clone(), Instant::now()));
    }

    fn forget(&self) {
        *self.known() = None;
    }

    fn known(&self) -> MutexGuard<'_, Option<(Url, Instant)>> {
        self.address.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How long an answer says it is fresh (RFC 9111 section 4.2); `None` when it says nothing.
fn freshness(headers: &HeaderMap) -> Option<Duration> {
    if !headers.contains_key(header::CACHE_CONTROL) && !headers.contains_key(header::EXPIRES) {
        return None;
    }
    let mut request = http::Request::new(());
    *request.method_mut() = Method::GET;
    let mut response = http::Response::new(());
    *response.headers_mut() = headers.clone();
    let options = CacheOptions {
        shared: false,
        cache_heuristic: 0.0,
        ..CacheOptions::default()
    };
    let now = SystemTime::now();
    let policy = CachePolicy::new_options(&request, &response, now, options);
    // Asked at the time of the answer itself: a later time would be added to whatever the answer
    // says of its age, which an issuer could make overflow.
    Some(policy.time_to_live(now))
}
