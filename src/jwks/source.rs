//! One way of getting an issuer's key set: what is asked, and what is answered.

use std::time::Duration;

use async_trait::async_trait;
use http::{HeaderMap, HeaderValue, header};
use url::Url;

use super::error::FetchError;

/// One way of getting a key set.
#[async_trait]
pub(super) trait Source: Send + Sync {
    /// Gets it once.
    async fn fetch(&self, basis: Basis<'_>) -> Result<Answer, FetchError>;
}

/// What of earlier fetches a fetch may rely on.
#[derive(Clone, Copy, Debug)]
pub(super) enum Basis<'a> {
    /// All of it: where discovery led, and the answer whose keys are in force, which has these
    /// validators and may be confirmed.
    Earlier(&'a Validators),
    /// Nothing: somebody doubts what is known.
    Nothing,
}

/// A valid response: a key set, or that it has not changed.
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

/// What makes the next fetch conditional (RFC 9110 section 13.1). Validators are of one resource
/// (section 8.8.1), so they are sent to the address that was asked, and believed of the address that
/// answered, after redirects.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Validators {
    of: Option<Box<Addresses>>,
    etag: Option<HeaderValue>,
    last_modified: Option<HeaderValue>,
}

/// The address that was asked for an answer, and the one that gave it.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Addresses {
    asked: Url,
    answered: Url,
}

impl Validators {
    /// The validators of the answer to a request for the address `asked`.
    pub(super) fn of(asked: &Url, answered: &Url, headers: &HeaderMap) -> Self {
        Self {
            of: Some(Box::new(Addresses {
                asked: asked.clone(),
                answered: answered.clone(),
            })),
            etag: headers.get(header::ETAG).cloned(),
            last_modified: headers.get(header::LAST_MODIFIED).cloned(),
        }
    }

    /// Whether they came from this address.
    pub(super) fn are_of(&self, answered: &Url) -> bool {
        self.of.as_ref().is_some_and(|of| of.answered == *answered)
    }

    /// The fields of a request that asks this address for what is newer.
    pub(super) fn conditions(&self, asked: &Url) -> HeaderMap {
        let mut conditions = HeaderMap::new();
        if self.of.as_ref().is_none_or(|of| of.asked != *asked) {
            return conditions;
        }
        // RFC 9110 section 13.1.3: a date is only looked at without an entity tag.
        if let Some(etag) = &self.etag {
            conditions.insert(header::IF_NONE_MATCH, etag.clone());
        } else if let Some(date) = &self.last_modified {
            conditions.insert(header::IF_MODIFIED_SINCE, date.clone());
        }
        conditions
    }
}
