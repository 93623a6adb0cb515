//! How servers' names are resolved.

use std::net::SocketAddr;
use std::time::Duration;

use crate::text_schema::DurationText;
use schemars::JsonSchema;
use serde::Deserialize;

/// How servers' names are resolved.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Resolver {
    /// `IP:PORT` of the name servers to ask; empty for those of the system, with its search
    /// domains. The hosts file comes first either way.
    pub nameservers: Vec<SocketAddr>,
    /// A record's time to live counts as at least this.
    #[serde(with = "humantime_serde")]
    #[schemars(with = "DurationText")]
    pub min_ttl: Duration,
    /// And as at most this.
    #[serde(with = "humantime_serde")]
    #[schemars(with = "DurationText")]
    pub max_ttl: Duration,
    /// Bound on all of one look-up.
    #[serde(with = "humantime_serde")]
    #[schemars(with = "DurationText")]
    pub timeout: Duration,
}

impl Default for Resolver {
    fn default() -> Self {
        Self {
            nameservers: Vec::new(),
            min_ttl: Duration::from_secs(1),
            max_ttl: Duration::from_secs(300),
            timeout: Duration::from_secs(5),
        }
    }
}
