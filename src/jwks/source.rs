//! One way of getting an issuer's key set: what is asked, and what is answered.

use std::time::Duration;

use async_trait::async_trait;
use http::{HeaderMap, HeaderValue, header};

use super::error::FetchError;

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

/// What makes the next fetch conditional (RFC 9110 section 13.1).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Validators {
    etag: Option<HeaderValue>,
    last_modified: Option<HeaderValue>,
}

impl Validators {
    /// Those of an answer.
    pub(super) fn of(headers: &HeaderMap) -> Self {
        Self {
            etag: headers.get(header::ETAG).cloned(),
            last_modified: headers.get(header::LAST_MODIFIED).cloned(),
        }
    }

    /// The fields of a request that asks for what is newer.
    pub(super) fn conditions(&self) -> HeaderMap {
        let mut conditions = HeaderMap::new();
        // RFC 9110 section 13.1.3: a date is only looked at without an entity tag.
        if let Some(etag) = &self.etag {
            conditions.insert(header::IF_NONE_MATCH, etag.clone());
        } else if let Some(date) = &self.last_modified {
            conditions.insert(header::IF_MODIFIED_SINCE, date.clone());
        }
        conditions
    }
}
