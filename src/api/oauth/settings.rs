//! Programs that the gateway knows by credentials of their own.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::secret::Secret;

/// An OAuth client (RFC 6749 section 2) that can introspect and revoke session tokens.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(rename = "Client", deny_unknown_fields)]
pub struct ClientSettings {
    /// Its `client_id`.
    pub id: String,
    /// Its `client_secret`.
    pub secret: Secret,
}
