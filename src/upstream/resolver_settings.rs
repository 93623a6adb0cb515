//! How servers' names are resolved.

use std::net::SocketAddr;
use std::time::Duration;

use schemars::JsonSchema;
use serde::Deserialize;

use super::settings::{positive, positive_or_none};
use crate::text_schema::DurationText;

/// How servers' names are resolved.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[schemars(rename = "Resolver")]
pub struct ResolverSettings {
    /// The name servers to use, as `IP:PORT`; if empty, those of the system with its search
    /// domains. The hosts file takes precedence in both cases.
    pub nameservers: Vec<SocketAddr>,
    /// The minimum time to live of a record.
    #[serde(deserialize_with = "positive")]
    #[schemars(with = "DurationText")]
    pub min_ttl: Duration,
    /// The maximum time to live of a record.
    #[serde(deserialize_with = "positive")]
    #[schemars(with = "DurationText")]
    pub max_ttl: Duration,
    /// How long the last addresses of a name that no longer resolves stay in use; `~` for as long as
    /// it does not.
    #[serde(deserialize_with = "positive_or_none")]
    #[schemars(with = "Option<DurationText>")]
    pub expire_after: Option<Duration>,
    /// Time limit of one look-up as a whole.
    #[serde(deserialize_with = "positive")]
    #[schemars(with = "DurationText")]
    pub timeout: Duration,
}

impl Default for ResolverSettings {
    fn default() -> Self {
        Self {
            nameservers: Vec::new(),
            min_ttl: Duration::from_secs(1),
            max_ttl: Duration::from_secs(300),
            expire_after: None,
            timeout: Duration::from_secs(5),
        }
    }
}
