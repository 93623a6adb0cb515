//! What operators see of an issuer's keys.

use std::collections::BTreeMap;

use serde::Serialize;
use utoipa::ToSchema;

use crate::clock::UnixTime;

/// The state of one issuer's keys, for readiness, metrics and `jwks show`.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = Keys)]
pub struct KeysStatus {
    /// Where the keys come from.
    pub source: String,
    /// Whether there are usable keys.
    pub has_keys: bool,
    /// Whether the last fetch failed, so that older keys serve or none.
    pub degraded: bool,
    /// Grows with each set that took effect.
    pub generation: u64,
    /// When the issuer last confirmed the keys.
    pub fetched_at: Option<UnixTime>,
    /// Seconds since the last successful fetch.
    pub age: Option<u64>,
    /// Seconds until the next background fetch.
    pub next_refresh: Option<f64>,
    /// Why the last fetch failed; absent after a successful one.
    pub last_error: Option<String>,
    /// Counts of fetches by result.
    pub fetches: FetchCounts,
    /// Skipped entries of the set, by reason.
    #[schema(value_type = std::collections::BTreeMap<String, u32>)]
    pub skipped: BTreeMap<&'static str, u32>,
    /// The usable keys.
    pub keys: Vec<KeyRow>,
}

/// Fetches since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, ToSchema)]
pub struct FetchCounts {
    /// Fetches that brought another key set than the one before.
    pub changed: u64,
    /// Fetches that brought the same one, or were answered with 304 (Not Modified).
    pub unchanged: u64,
    /// Fetches that failed.
    pub failed: u64,
}

/// A usable key, as the API shows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = VerifyingKey)]
pub struct KeyRow {
    /// The key's id, if it has one.
    pub kid: Option<String>,
    /// The key type (`kty`).
    pub kind: &'static str,
    /// The algorithms that it may verify.
    pub algorithms: Vec<&'static str>,
}

impl KeyRow {
    /// Whether it is the shared secret, which is never part of a key set.
    pub fn is_secret(&self) -> bool {
        self.kind == "oct"
    }
}
