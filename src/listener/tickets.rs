//! Tickets by which clients resume TLS sessions.

use std::path::PathBuf;
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
    /// Files with the keys, in place of those in the store, each with 48 or 80 random bytes: the first
    /// key seals new tickets, and all of them open. Whoever distributes the files rotates them; they
    /// are read again every 10 seconds, and upon a reload.
    pub key_files: Vec<PathBuf>,
    /// How long a key seals new tickets; for as long again it only opens those that there are. With
    /// `key_files`, how long clients may keep a ticket.
    #[serde(with = "humantime_serde")]
    #[schemars(with = "DurationText")]
    pub rotate_every: Duration,
}

impl TlsTickets {
    /// Tickets last twice as long, and a week at most (RFC 8446 section 4.6.1).
    pub const LONGEST_ROTATION: Duration = Duration::from_secs(84 * 3600);
    /// Gateways need a while to learn of another key.
    pub const SHORTEST_ROTATION: Duration = Duration::from_secs(60);
    /// Each ticket is looked for among all keys.
    pub const MOST_FILES: usize = 16;
}

impl Default for TlsTickets {
    fn default() -> Self {
        Self {
            shared: true,
            key_files: Vec::new(),
            rotate_every: Duration::from_secs(12 * 3600),
        }
    }
}
