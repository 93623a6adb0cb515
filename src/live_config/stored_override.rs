//! What the store has of what operators say of servers.

use std::num::NonZeroU8;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::clock::UnixTime;
use crate::upstream::{ServerOverride, Upstream};

/// What an operator says of one server for a while.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredOverride {
    /// The name of the upstream.
    pub upstream: String,
    /// The server's address as the configuration writes it.
    pub server: String,
    /// What holds of the server.
    pub kind: OverrideKind,
    /// Since when.
    pub since: UnixTime,
    /// Until when.
    pub until: UnixTime,
    /// The operator who said so.
    pub by: String,
}

/// What can be said of a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OverrideKind {
    /// It gets no new requests.
    Drained,
    /// Its share of the requests relative to the others'.
    Weight(NonZeroU8),
}

impl OverrideKind {
    /// Where the store keeps what is of this kind.
    pub(super) fn setting_of(self, upstream: &str, server: &str) -> String {
        let kind = match self {
            Self::Drained => "drained",
            Self::Weight(_) => "weight",
        };
        format!("{SERVER_OVERRIDE}{kind}/{upstream}/{server}")
    }
}

/// A row of the store, and what it says.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct OverrideRow {
    pub(super) setting: String,
    pub(super) text: String,
    pub(super) says: StoredOverride,
}

/// Puts in force what rows say of these upstreams' servers now.
pub(super) fn put_in_force<'a>(
    rows: &[OverrideRow],
    upstreams: impl Iterator<Item = &'a Arc<Upstream>>,
) {
    let now = UnixTime::now();
    for upstream in upstreams {
        upstream.override_servers(|server| {
            let mut wanted = ServerOverride::default();
            for OverrideRow { says, .. } in rows {
                let is_meant = says.server == server && *says.upstream == **upstream.name();
                if !is_meant || says.until <= now {
                    continue;
                }
                match says.kind {
                    OverrideKind::Drained => wanted.is_drained = true,
                    OverrideKind::Weight(weight) => wanted.weight = Some(weight),
                }
            }
            wanted
        });
    }
}

/// What the names of settings start with that say something of servers.
pub(super) const SERVER_OVERRIDE: &str = "server_override/";
