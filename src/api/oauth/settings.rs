//! Programs that the gateway knows by credentials of their own.

use std::path::PathBuf;
use std::time::Duration;

use bytesize::ByteSize;
use schemars::JsonSchema;
use serde::Deserialize;

use crate::secret::Secret;
use crate::text_schema::{DurationText, SizeText};

/// An OAuth client (RFC 6749 section 2) that can introspect and revoke session tokens.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(rename = "Client", deny_unknown_fields)]
pub struct ClientSettings {
    /// Its `client_id`.
    pub id: String,
    /// Its `client_secret`.
    pub secret: Secret,
}

/// Clients of `grants.identity_assertion` that nobody has registered: their `client_id` is the `https`
/// address of a document that describes them (OAuth Client ID Metadata Document, a draft).
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(rename = "ClientMetadata", deny_unknown_fields, default)]
pub struct ClientMetadataSettings {
    /// The hosts on which the documents, and the key sets that they name, can be: `agents.example.com`,
    /// or `agents.example.com:8443` for another port than 443. Without any, there are no such clients.
    pub hosts: Vec<String>,
    /// Accept clients that do not authenticate, if their document says so
    /// (`token_endpoint_auth_method: none`).
    #[schemars(extend("x-unsafe" = "whoever copies an identity assertion about a client that does not authenticate can use it first; `private_key_jwt` in the client's document proves who presents it"))]
    pub public_clients: bool,
    /// Let the hosts be in private networks.
    #[schemars(extend("x-unsafe" = "whoever controls the names of these hosts can send the gateway's requests for documents to any address in its own network"))]
    pub allow_private_networks: bool,
    /// The authorities, as a PEM file, that vouch for the certificates of the hosts; those of the system
    /// by default.
    pub ca: Option<PathBuf>,
    /// Time limit of one fetch.
    #[serde(with = "humantime_serde")]
    #[schemars(with = "DurationText")]
    pub timeout: Duration,
    /// The maximum size of a document.
    #[schemars(with = "SizeText")]
    pub document_size: ByteSize,
    /// The maximum size of a key set that a document names.
    #[schemars(with = "SizeText")]
    pub key_set_size: ByteSize,
    /// How long a document and its keys are used before they are fetched again; less if the response says
    /// so, but at least 10s.
    #[serde(with = "humantime_serde")]
    #[schemars(with = "DurationText")]
    pub cache_time: Duration,
    /// How many documents are kept.
    pub cached: usize,
}

impl Default for ClientMetadataSettings {
    fn default() -> Self {
        Self {
            hosts: Vec::new(),
            public_clients: false,
            allow_private_networks: false,
            ca: None,
            timeout: Duration::from_secs(5),
            document_size: ByteSize::kib(5),
            key_set_size: ByteSize::kib(64),
            cache_time: Duration::from_secs(600),
            cached: 1000,
        }
    }
}
