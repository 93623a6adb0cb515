//! When keys are fetched, and how long they serve.

use std::path::PathBuf;
use std::time::Duration;

use crate::certificate_pin::CertificatePin;
use crate::text_schema::{DurationText, SizeText};
use bytesize::ByteSize;
use schemars::JsonSchema;
use serde::Deserialize;

/// Limits on fetching, and how long keys are used.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct JwksSettings {
    /// The authorities, as a PEM file, that vouch for the certificate of the key set's server; those of
    /// the system by default.
    pub ca: Option<PathBuf>,
    /// The one certificate that the key set's server shows, as a PEM file or as `sha256:` and its
    /// digest.
    pub pinned_certificate: Option<CertificatePin>,
    /// The interval between fetches if the response does not say how long it is fresh; varied by 10
    /// %.
    #[serde(with = "humantime_serde")]
    #[schemars(with = "DurationText")]
    pub refresh_interval: Duration,
    /// The minimum for an interval that the response asks for.
    #[serde(with = "humantime_serde")]
    #[schemars(with = "DurationText")]
    pub min_refresh_interval: Duration,
    /// The maximum for an interval that the response asks for, also by `Retry-After`; at most half of
    /// `max_stale`.
    #[serde(with = "humantime_serde")]
    #[schemars(with = "DurationText")]
    pub max_refresh_interval: Duration,
    /// The first delay after a failed fetch; it doubles with each further failure.
    #[serde(with = "humantime_serde")]
    #[schemars(with = "DurationText")]
    pub min_retry_interval: Duration,
    /// The longest delay after a failed fetch while there are valid keys.
    #[serde(with = "humantime_serde")]
    #[schemars(with = "DurationText")]
    pub max_retry_interval: Duration,
    /// The longest delay after a failed fetch while there are no keys.
    #[serde(with = "humantime_serde")]
    #[schemars(with = "DurationText")]
    pub max_retry_interval_without_keys: Duration,
    /// How long the address found by discovery is used before it is looked up again; a failed fetch
    /// looks it up at once.
    #[serde(with = "humantime_serde")]
    #[schemars(with = "DurationText")]
    pub rediscover_interval: Duration,
    /// The minimum interval between fetches for unknown `kid`s, including failed fetches.
    #[serde(with = "humantime_serde")]
    #[schemars(with = "DurationText")]
    pub unknown_kid_cooldown: Duration,
    /// How long a request waits for the next permitted fetch.
    #[serde(with = "humantime_serde")]
    #[schemars(with = "DurationText")]
    pub unknown_kid_wait: Duration,
    /// How many unknown `kid`s are remembered.
    pub unknown_kid_memory: usize,
    /// Time limit of one fetch, including discovery and redirects.
    #[serde(with = "humantime_serde")]
    #[schemars(with = "DurationText")]
    pub timeout: Duration,
    /// The maximum size of the response's body, after decompression.
    #[schemars(with = "SizeText")]
    pub max_body: ByteSize,
    /// The maximum number of entries of a key set; a response with more is refused as a whole.
    pub max_keys: usize,
    /// How long the last valid keys are used while fetches fail; longer than `refresh_interval`.
    #[serde(with = "humantime_serde")]
    #[schemars(with = "DurationText")]
    pub max_stale: Duration,
}

impl JwksSettings {
    /// The maximum that counts for an interval that a response asks for: keys are fetched again before they
    /// are too old to be used.
    pub fn longest_interval(&self) -> Duration {
        let longest = self.max_refresh_interval.min(self.max_stale / 2);
        longest.max(self.min_refresh_interval)
    }
}

impl Default for JwksSettings {
    fn default() -> Self {
        Self {
            ca: None,
            pinned_certificate: None,
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
