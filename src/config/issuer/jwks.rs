//! When keys are fetched, and how long they serve.

use std::time::Duration;

use crate::text_schema::{DurationText, SizeText};
use bytesize::ByteSize;
use schemars::JsonSchema;
use serde::Deserialize;

/// Bounds on fetching, and how long keys serve.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct JwksSettings {
    /// Time between fetches when the answer says nothing of its freshness; jittered by a tenth.
    #[serde(with = "humantime_serde")]
    #[schemars(with = "DurationText")]
    pub refresh_interval: Duration,
    /// The least that the answer's freshness may ask for.
    #[serde(with = "humantime_serde")]
    #[schemars(with = "DurationText")]
    pub min_refresh_interval: Duration,
    /// The most that the answer's freshness may ask for.
    #[serde(with = "humantime_serde")]
    #[schemars(with = "DurationText")]
    pub max_refresh_interval: Duration,
    /// The first pause after a failed fetch; doubled with each further failure.
    #[serde(with = "humantime_serde")]
    #[schemars(with = "DurationText")]
    pub min_retry_interval: Duration,
    /// The longest pause after a failed fetch while good keys serve.
    #[serde(with = "humantime_serde")]
    #[schemars(with = "DurationText")]
    pub max_retry_interval: Duration,
    /// The longest pause after a failed fetch while there are no keys at all.
    #[serde(with = "humantime_serde")]
    #[schemars(with = "DurationText")]
    pub max_retry_interval_without_keys: Duration,
    /// How long the address that discovery led to is used before it is looked up again; a failed
    /// fetch looks it up at once.
    #[serde(with = "humantime_serde")]
    #[schemars(with = "DurationText")]
    pub rediscover_interval: Duration,
    /// The least time between fetches for unknown `kid`s, failed fetches counted.
    #[serde(with = "humantime_serde")]
    #[schemars(with = "DurationText")]
    pub unknown_kid_cooldown: Duration,
    /// How long a request waits for the next permitted fetch.
    #[serde(with = "humantime_serde")]
    #[schemars(with = "DurationText")]
    pub unknown_kid_wait: Duration,
    /// How many unknown `kid`s are remembered.
    pub unknown_kid_memory: usize,
    /// Bound on one fetch, discovery and redirects included.
    #[serde(with = "humantime_serde")]
    #[schemars(with = "DurationText")]
    pub timeout: Duration,
    /// Bound on the answer's body, after decompression.
    #[schemars(with = "SizeText")]
    pub max_body: ByteSize,
    /// Bound on the entries of a key set; an answer with more is refused whole.
    pub max_keys: usize,
    /// How long the last good keys serve while fetches fail.
    #[serde(with = "humantime_serde")]
    #[schemars(with = "DurationText")]
    pub max_stale: Duration,
}

impl Default for JwksSettings {
    fn default() -> Self {
        Self {
            refresh_interval: Duration::from_secs(600),
            min_refresh_interval: Duration::from_secs(60),
            max_refresh_interval: Duration::from_secs(3600),
            min_retry_interval: Duration::from_millis(500),
            max_retry_interval: Duration::from_secs(60),
            max_retry_interval_without_keys: Duration::from_secs(5),
            rediscover_interval: Duration::from_secs(3600),
            unknown_kid_cooldown: Duration::from_secs(10),
            unknown_kid_wait: Duration::from_secs(1),
            unknown_kid_memory: 1024,
            timeout: Duration::from_secs(5),
            max_body: ByteSize::kib(256),
            max_keys: 100,
            max_stale: Duration::from_secs(24 * 3600),
        }
    }
}
