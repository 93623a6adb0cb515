//! Tickets by which clients resume TLS sessions.

use std::time::Duration;

use schemars::JsonSchema;
use serde::Deserialize;

use crate::text_schema::DurationText;

/// The keys of the tickets by which clients resume TLS sessions.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct TlsTickets {
    /// Keep the keys in the store, encrypted, so that clients can resume at all gateways on it, and
    /// after a restart. Each gateway has keys of its own with `false`, and where they could not be
    /// encrypted in a database.
    pub shared: bool,
    /// How long a key seals new tickets; for as long again it only opens those that there are.
    #[serde(with = "humantime_serde")]
    #[schemars(with = "DurationText")]
    pub rotate_every: Duration,
}

impl TlsTickets {
    /// Tickets last twice as long, and a week at most (RFC 8446 section 4.6.1).
    pub const LONGEST_ROTATION: Duration = Duration::from_secs(84 * 3600);
    /// Gateways need a while to learn of another key.
    pub const SHORTEST_ROTATION: Duration = Duration::from_secs(60);
}

impl Default for TlsTickets {
    fn default() -> Self {
        Self {
            shared: true,
            rotate_every: Duration::from_secs(12 * 3600),
        }
    }
}
