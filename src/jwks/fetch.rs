//! One bounded HTTP fetch of a key set.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use arc_swap::ArcSwapOption;
use async_trait::async_trait;
use http::{HeaderMap, Method, StatusCode, header};
use http_cache_semantics::{CacheOptions, CachePolicy};
use serde::Deserialize;
use tokio::time::{Instant, timeout};
use tracing::warn;
use url::Url;

use super::error::{FetchError, SourceError};
use super::set::without_mark;
use super::source::{Answer, Basis, Source, Validators};
use crate::clock::UnixTime;
use crate::clock::other_clock::OtherClock;
use crate::issuer::{JwksSettings, KeySettings};

pub(super) mod by_kid;
mod client;
mod document;
mod retry_after;
mod trust;

use client::{Networks, Policy};
use retry_after::refusal;
use trust::Trust;

pub(super) use client::Clients;
pub use document::{DocumentSettings, Documents, Fetched};

/// An issuer's address, its bounds and, with discovery, what it led to.
pub(super) struct HttpSource {
    clients: Clients,
    url: Url,
    discovered: Option<Discovered>,
    policy: Policy,
    trusted: JwksSettings,
    /// The policy's own word on where discovery may lead.
    allow_private_jwks_uri: bool,
    timeout: Duration,
    max_body: usize,
    clock: Arc<OtherClock>,
}

/// The `jwks_uri` that discovery led to, and when.
#[derive(Debug)]
pub(super) struct Discovered {
    /// What its document may name as the issuer.
    iss: Vec<String>,
    address: Mutex<Option<Address>>,
    /// The `end_session_endpoint` of its document.
    end_session: Arc<ArcSwapOption<Url>>,
    /// How long it is used before it is looked up again.
    good_for: Duration,
}

/// Where the keys were found.
#[derive(Clone, Debug)]
struct Address {
    url: Url,
    since: Instant,
    /// They may have moved. Until discovery has said where to, they are still looked for here.
    is_doubted: bool,
}

impl HttpSource {
    pub(super) fn new(
        settings: &KeySettings,
        clients: &Clients,
        discovered: Option<Discovered>,
        url: &Url,
        max_body: usize,
        clock: &Arc<OtherClock>,
    ) -> Result<Self, SourceError> {
        let policy = Policy {
            insecure_http: settings.insecure_http,
            networks: match settings.deny_private_networks {
                true => Networks::Public,
                false => Networks::All,
            },
        };
        // Were there no client, that should be known at once.
        let trust = Trust::of(&settings.jwks)?;
        clients.get(policy, url, &trust)?;
        Ok(Self {
            clients: clients.clone(),
            url: url.clone(),
            discovered,
            policy,
            trusted: settings.jwks.clone(),
            allow_private_jwks_uri: settings.allow_private_jwks_uri,
            timeout: settings.jwks.timeout,
            max_body,
            clock: Arc::clone(clock),
        })
    }

    async fn fetch_unbounded(&self, basis: Basis<'_>) -> Result<Answer, FetchError> {
        let nothing = Validators::default();
        let validators = match basis {
            Basis::Earlier(validators) => validators,
            Basis::Nothing => {
                if let Some(discovered) = &self.discovered {
                    discovered.doubt();
                }
                &nothing
            }
        };
        let Some(discovered) = &self.discovered else {
            return self.get(&self.url, self.policy, validators).await;
        };
        let known = discovered.address().clone();
        let is_fresh =
            |known: &Address| !known.is_doubted && known.since.elapsed() < discovered.good_for;
        let answer = match known {
            Some(known) if is_fresh(&known) => self.get_keys(&known.url, validators).await,
            Some(known) => {
                // The other half is for the keys.
                let asked = timeout(self.timeout / 2, self.rediscover(discovered)).await;
                let asked = asked.unwrap_or(Err(FetchError::Timeout(self.timeout / 2)));
                match asked {
                    Ok(url) => self.get_keys(&url, validators).await,
                    // Of its outage the keys know nothing.
                    Err(error) if error.is_outage() => {
                        warn!(%error, url = %self.url, "discovery failed, so keys come from where it led before");
                        let answer = self.get_keys(&known.url, validators).await;
                        answer.map_err(|_| error)
                    }
                    Err(error) => Err(error),
                }
            }
            None => {
                let url = self.rediscover(discovered).await?;
                self.get_keys(&url, validators).await
            }
        };
        if answer.is_err() {
            discovered.doubt();
        }
        answer
    }

    async fn rediscover(&self, discovered: &Discovered) -> Result<Url, FetchError> {
        let url = self.discover(&discovered.iss).await?;
        discovered.remember(&url);
        Ok(url)
    }

    /// The keys at an address that discovery has led to.
    async fn get_keys(&self, url: &Url, validators: &Validators) -> Result<Answer, FetchError> {
        let policy = self
            .policy
            .at(&self.url, url, self.allow_private_jwks_uri)?;
        self.get(url, policy, validators).await
    }

    async fn discover(&self, iss: &[String]) -> Result<Url, FetchError> {
        #[derive(Deserialize)]
        struct Document {
            issuer: String,
            jwks_uri: String,
            #[serde(default)]
            end_session_endpoint: Option<String>,
        }
        let none = Validators::default();
        let answer = self.get(&self.url, self.policy, &none).await?;
        let Answer::Body { body, .. } = answer else {
            return Err(FetchError::DiscoveryInvalid);
        };
        let document: Document = serde_json::from_slice(without_mark(&body))
            .map_err(|_| FetchError::DiscoveryInvalid)?;
        if !iss.contains(&document.issuer) {
            return Err(FetchError::DiscoveryIssuer(document.issuer));
        }
        if let Some(discovered) = &self.discovered {
            // Only browsers are sent there, and with nothing secret.
            let end = document.end_session_endpoint.as_deref();
            let end = end.and_then(|text| Url::parse(text).ok());
            let end = end.filter(|url| matches!(url.scheme(), "http" | "https"));
            discovered.end_session.store(end.map(Arc::new));
        }
        Url::parse(&document.jwks_uri).map_err(|_| FetchError::DiscoveryUri)
    }

    async fn get(
        &self,
        url: &Url,
        policy: Policy,
        validators: &Validators,
    ) -> Result<Answer, FetchError> {
        policy.check_address(url)?;
        // Its files are read each time, since a reload keeps what is configured alike.
        let trust = Trust::of(&self.trusted);
        let client = trust.and_then(|trust| self.clients.get(policy, url, &trust));
        let client = client.map_err(|error| FetchError::Connection(error.to_string()))?;
        let mut conditions = validators.conditions(url);
        let mut response = loop {
            let request = client.get(url.clone()).headers(conditions.clone());
            let asked = (SystemTime::now(), std::time::Instant::now());
            let response = request.send().await;
            let response = response.map_err(|error| client::error(error, policy))?;
            if let Some(theirs) = date(response.headers()) {
                self.clock.answered(asked, theirs);
            }
            match response.status() {
                StatusCode::OK => break response,
                StatusCode::NOT_MODIFIED if !conditions.is_empty() => {
                    if validators.are_of(response.url()) {
                        let fresh_for = freshness(response.headers());
                        return Ok(Answer::Unchanged { fresh_for });
                    }
                    // The redirect leads elsewhere by now, where these validators mean nothing.
                    conditions.clear();
                }
                status => return Err(refusal(status, response.headers())),
            }
        };
        let fresh_for = freshness(response.headers());
        let validators = Validators::of(url, response.url(), response.headers());
        let body = body_of(&mut response, self.max_body, policy).await?;
        Ok(Answer::Body {
            body,
            validators,
            fresh_for,
        })
    }
}

#[async_trait]
impl Source for HttpSource {
    async fn fetch(&self, basis: Basis<'_>) -> Result<Answer, FetchError> {
        let bounded = timeout(self.timeout, self.fetch_unbounded(basis)).await;
        bounded.unwrap_or(Err(FetchError::Timeout(self.timeout)))
    }
}

impl Discovered {
    /// Nothing yet, of an issuer with one of these `iss`.
    pub(super) fn new(
        iss: Vec<String>,
        good_for: Duration,
        end_session: &Arc<ArcSwapOption<Url>>,
    ) -> Self {
        Self {
            iss,
            end_session: Arc::clone(end_session),
            address: Mutex::new(None),
            good_for,
        }
    }

    fn remember(&self, url: &Url) {
        *self.address() = Some(Address {
            url: url.clone(),
            since: Instant::now(),
            is_doubted: false,
        });
    }

    /// Has the address looked up again before the next fetch.
    fn doubt(&self) {
        if let Some(address) = self.address().as_mut() {
            address.is_doubted = true;
        }
    }

    fn address(&self) -> MutexGuard<'_, Option<Address>> {
        self.address.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The body of a response, of at most `max` bytes.
async fn body_of(
    response: &mut reqwest::Response,
    max: usize,
    policy: Policy,
) -> Result<Vec<u8>, FetchError> {
    let announced = response.content_length();
    if announced.is_some_and(|length| length > max as u64) {
        return Err(FetchError::TooLarge(max));
    }
    let mut body = Vec::new();
    // Chunks come decompressed, a little at a time, so the bound holds for what is kept.
    loop {
        let chunk = response.chunk().await;
        let chunk = chunk.map_err(|error| client::error(error, policy))?;
        let Some(chunk) = chunk else {
            return Ok(body);
        };
        if body.len() + chunk.len() > max {
            return Err(FetchError::TooLarge(max));
        }
        body.extend_from_slice(&chunk);
    }
}

/// What time it is by the machine that wrote an answer (RFC 9110 section 6.6.1). What a cache kept says
/// what time it was (RFC 9111 section 5.1).
fn date(headers: &HeaderMap) -> Option<UnixTime> {
    if headers.contains_key(header::AGE) {
        return None;
    }
    let mut fields = headers.get_all(header::DATE).iter();
    let only = fields.next().filter(|_| fields.next().is_none())?;
    let date = httpdate::parse_http_date(only.to_str().ok()?).ok()?;
    Some(date.into())
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
