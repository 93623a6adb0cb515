//! What a client may ask of a token.

use std::sync::Arc;

use serde_json::Value;

use crate::clock::UnixTime;
use crate::session::Scopes;

/// What a client may ask of a token, within what its session allows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Terms {
    /// The latest time at which the token may expire.
    pub not_after: UnixTime,
    /// Its `aud`; the minter's when absent.
    pub audience: Option<String>,
    /// Its scopes; if absent, all scopes of sessions.
    pub scopes: Option<Arc<Scopes>>,
    /// Bound into the token.
    pub session_public_key: Option<String>,
    /// The user was created by this sign-in.
    pub new_user: bool,
    /// The client that the token is for (RFC 8693 section 4.3).
    pub client_id: Option<String>,
    /// Who acts for the user (RFC 8693 section 4.1).
    pub act: Option<Value>,
    /// The session was bound to a device before: another token for this one lasts no longer without the device's
    /// proof.
    pub device_bound: bool,
}

impl Terms {
    /// Nothing but an end.
    pub fn until(not_after: UnixTime) -> Self {
        Self {
            not_after,
            audience: None,
            scopes: None,
            session_public_key: None,
            new_user: false,
            client_id: None,
            act: None,
            device_bound: false,
        }
    }
}
