//! Programs that the gateway knows by credentials of their own.

use serde::Deserialize;

use super::secret::Secret;

/// One OAuth client (RFC 6749 section 2): it may ask about session tokens and give them back.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Client {
    /// Its `client_id`.
    pub id: String,
    /// Its `client_secret`.
    pub secret: Secret,
}
