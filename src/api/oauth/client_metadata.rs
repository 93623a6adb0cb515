//! Clients that describe themselves: the `client_id` is the address of a document with their keys
//! (draft-ietf-oauth-client-id-metadata-document-03). Documents come from few hosts, are fetched within
//! bounds, and are kept for a while.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use quick_cache::sync::Cache;
use tokio::sync::{Mutex, Semaphore};
use tokio::time::timeout;
use url::Url;

mod authenticate;
mod document;

use super::settings::ClientMetadataSettings;
use crate::clock::UnixTime;
use crate::issuer::Algorithm;
use crate::jwks::{DocumentSettings, Documents, FetchError, KeySet, SourceError};
use crate::rejection::{Code, Rejection};
pub use authenticate::{Authenticated, Presented, authenticate};
use document::{ClientId, Document, Fault, Method, key_set};

/// The clients by metadata, as the configuration admits them.
#[derive(Debug)]
pub struct MetadataClients {
    documents: Documents,
    hosts: BTreeSet<String>,
    public_clients: bool,
    document_size: usize,
    key_set_size: usize,
    cache_time: Duration,
    known: Cache<String, Arc<Known>>,
    /// How many documents can be waited for.
    waiting: Semaphore,
    /// How long one can be waited for: the document, its keys, and another caller's attempt.
    patience: Duration,
}

/// A client whose document was fetched.
#[derive(Debug)]
struct Known {
    /// Its keys; `None`: it does not authenticate.
    keys: Option<KeySet>,
    /// The algorithm of its assertions, if its document names one.
    algorithm: Option<Algorithm>,
    fetched: UnixTime,
    until: UnixTime,
    /// When it was asked for once more, for a key that is not in it.
    asked_again: Mutex<Option<UnixTime>>,
}

impl MetadataClients {
    /// Takes the settings from the configuration. `None`: there are no such clients.
    ///
    /// # Errors
    ///
    /// Nothing could be fetched.
    pub fn new(settings: &ClientMetadataSettings) -> Result<Option<Self>, SourceError> {
        if settings.hosts.is_empty() {
            return Ok(None);
        }
        let documents = DocumentSettings {
            ca: settings.ca.clone(),
            allow_private_networks: settings.allow_private_networks,
            timeout: settings.timeout,
        };
        let size = |size: bytesize::ByteSize| usize::try_from(size.as_u64()).unwrap_or(usize::MAX);
        Ok(Some(Self {
            documents: Documents::new("client_metadata.ca", &documents)?,
            hosts: settings.hosts.iter().cloned().collect(),
            public_clients: settings.public_clients,
            document_size: size(settings.document_size),
            key_set_size: size(settings.key_set_size),
            cache_time: settings.cache_time.max(LEAST_AGE),
            known: Cache::new(settings.cached),
            waiting: Semaphore::new(MOST_WAITING),
            patience: settings.timeout * 4,
        }))
    }

    /// What is known of a client.
    async fn client(&self, id: &ClientId) -> Result<Arc<Known>, Rejection> {
        if !self.admits(id.url()) {
            return Err(refused("client_host_not_allowed"));
        }
        let now = UnixTime::now();
        self.known
            .remove_if(id.as_str(), |known: &Arc<Known>| known.until <= now);
        if let Some(known) = self.known.get(id.as_str()) {
            return Ok(known);
        }
        let _waits = self.waiting.try_acquire().map_err(|_| busy())?;
        let fetched = self.known.get_or_insert_async(id.as_str(), self.fetch(id));
        match timeout(self.patience, fetched).await {
            Ok(known) => known.map_err(refused),
            Err(_) => Err(busy()),
        }
    }

    /// A client whose document lacks a key: as its host has it now, which is asked rarely. Anybody can name
    /// a key that there is not, so what is known stays until there is something newer.
    async fn again(&self, id: &ClientId, known: Arc<Known>) -> Result<Arc<Known>, Rejection> {
        let _waits = self.waiting.try_acquire().map_err(|_| busy())?;
        let mut asked_again = known.asked_again.lock().await;
        match self.known.get(id.as_str()) {
            Some(newer) if !Arc::ptr_eq(&newer, &known) => return Ok(newer),
            _ => {}
        }
        let now = UnixTime::now();
        if asked_again.unwrap_or(known.fetched).plus(LEAST_AGE) > now {
            drop(asked_again);
            return Ok(known);
        }
        *asked_again = Some(now);
        let fetched = timeout(self.patience, self.fetch(id)).await;
        let fetched = fetched.map_err(|_| busy())?.map_err(refused)?;
        self.known
            .insert(id.as_str().to_owned(), Arc::clone(&fetched));
        Ok(fetched)
    }

    async fn fetch(&self, id: &ClientId) -> Result<Arc<Known>, Fault> {
        let fetched = self.documents.get(id.url(), self.document_size).await;
        let fetched = fetched.map_err(|error| fault(&error))?;
        let Document { method, algorithm } = Document::read(id, &fetched)?;
        let mut fresh_for = fetched.fresh_for.unwrap_or(self.cache_time);
        let keys = match method {
            Method::Nothing if self.public_clients => None,
            Method::Nothing => return Err("client_not_confidential"),
            Method::Keys(keys) => Some(keys),
            Method::KeysAt(url) => {
                if !self.admits(&url) {
                    return Err("client_host_not_allowed");
                }
                let fetched = self.documents.get(&url, self.key_set_size).await;
                let fetched = fetched.map_err(|error| fault(&error))?;
                fresh_for = fresh_for.min(fetched.fresh_for.unwrap_or(self.cache_time));
                Some(key_set(&fetched.body)?)
            }
        };
        let now = UnixTime::now();
        Ok(Arc::new(Known {
            keys,
            algorithm,
            fetched: now,
            until: now.plus(fresh_for.clamp(LEAST_AGE, self.cache_time)),
            asked_again: Mutex::default(),
        }))
    }

    /// Whether documents and keys can be at an address.
    fn admits(&self, url: &Url) -> bool {
        let host = url.host_str().unwrap_or_default();
        let host = match url.port() {
            Some(port) => format!("{host}:{port}"),
            None => host.to_owned(),
        };
        url.scheme() == "https" && self.hosts.contains(&host)
    }
}

/// What a client has done wrong whose document cannot be had: nobody else names it.
fn fault(error: &FetchError) -> Fault {
    match error {
        FetchError::PrivateNetwork | FetchError::DiscoveryPrivate => "client_metadata_private",
        FetchError::TooLarge(_) => "client_metadata_too_large",
        _ => "client_metadata_unavailable",
    }
}

fn busy() -> Rejection {
    Rejection::unavailable("client_metadata_busy", RETRY)
}

fn refused(reason: &'static str) -> Rejection {
    Rejection::new(Code::TokenInvalid, reason)
}

/// A document is not fetched again earlier.
const LEAST_AGE: Duration = Duration::from_secs(10);
/// Each holds a connection.
const MOST_WAITING: usize = 32;
const RETRY: Duration = Duration::from_secs(5);
