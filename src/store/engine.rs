//! Which engine keeps the records, and where.

use std::path::PathBuf;

use bytesize::ByteSize;
use schemars::JsonSchema;
use serde::Deserialize;

use crate::secret::Secret;
use crate::text_schema::SizeText;

/// Where records are stored: in PostgreSQL if it is set, otherwise in the embedded store's file.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[schemars(rename = "Store")]
pub struct StoreSettings {
    /// A connection URI as for libpq. Without `sslmode` (`disable`, `prefer` or `require`, which
    /// also verifies the certificate), the connection is encrypted unless the host is this machine.
    /// Without `target_session_attrs`, only a server that accepts writes is used. Of several servers
    /// (`postgres://one,two/vestibule`), one that does not respond within `connect_timeout` (3 seconds by
    /// default, at most 5) is passed over.
    pub postgres: Option<Secret>,
    /// The certificate authorities that issue the database's certificate, as a PEM file; by default
    /// those of the system.
    pub postgres_authorities: Option<PathBuf>,
    /// The maximum number of connections to the database.
    pub postgres_connections: usize,
    /// The embedded store's file, created with mode 0600. Only one gateway can use it. A relative
    /// path starts at the folder in which the gateway, or a command, is started.
    pub path: PathBuf,
    /// The size of the embedded store's page cache.
    #[schemars(with = "SizeText")]
    pub cache_size: ByteSize,
}

impl StoreSettings {
    /// The store's engine, as metrics name it.
    pub fn engine(&self) -> &'static str {
        match self.postgres {
            Some(_) => "postgres",
            None => "embedded",
        }
    }
}

impl Default for StoreSettings {
    fn default() -> Self {
        Self {
            postgres: None,
            postgres_authorities: None,
            postgres_connections: 8,
            path: PathBuf::from("vestibule.redb"),
            cache_size: ByteSize::mib(64),
        }
    }
}
