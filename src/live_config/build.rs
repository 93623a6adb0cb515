//! From a configuration to everything that requests read of it, all or nothing.

use std::sync::Arc;

use crate::api::oauth::MetadataClients;
use crate::api::{self, ApiState};
use crate::config::Config;
use crate::exchange::Exchange;
use crate::jwks::SourceError;
use crate::jwt::{Issuers, IssuersError};
use crate::metrics::Metrics;
use crate::proxy::{ProxySettings, Snapshot, SnapshotError, forward_auth};

/// Why a configuration cannot be put in force.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// Two issuers contradict each other.
    #[error(transparent)]
    Issuers(#[from] IssuersError),
    /// Fetching of key sets.
    #[error("key sets cannot be fetched: {0}")]
    Jwks(#[from] SourceError),
    /// Fetching of clients' metadata.
    #[error("clients' metadata cannot be fetched: {0}")]
    ClientMetadata(SourceError),
    /// Routes, upstreams, header rules.
    #[error(transparent)]
    Snapshot(#[from] SnapshotError),
}

/// What stays the same under every configuration.
pub struct Lasting<'a> {
    /// What the endpoints answer from in addition to the configuration.
    pub api: &'a api::Lasting,
    /// Everything counted.
    pub metrics: &'a Metrics,
}

/// Whose tokens a configuration trusts. Issuers that are the same in `earlier` are taken from there.
///
/// # Errors
///
/// What only building finds.
pub fn issuers(config: &Config, earlier: Option<&Issuers>) -> Result<Issuers, IssuersError> {
    let token_size = usize::try_from(config.limits.token_size.as_u64()).unwrap_or(usize::MAX);
    let issuers = match earlier {
        Some(earlier) => Issuers::succeeding(&config.issuers, earlier)?,
        None => Issuers::build(&config.issuers)?,
    };
    Ok(issuers.with_max_token_size(token_size))
}

/// Everything that requests read of a configuration, all or nothing. Upstreams that are the same in
/// `earlier` are taken from there.
///
/// # Errors
///
/// What only building finds.
pub fn snapshot(
    config: &Config,
    exchange: Arc<Exchange>,
    lasting: &Lasting<'_>,
    earlier: Option<&Snapshot>,
) -> Result<Snapshot, BuildError> {
    let state = ApiState {
        exchange: Arc::clone(&exchange),
        settings: Arc::new(config.api()),
        metadata_clients: metadata_clients(config)?.map(Arc::new),
        limits: Arc::clone(&lasting.api.limits),
        nonces: Arc::clone(&lasting.api.nonces),
    };
    let earlier = earlier.map(|earlier| &earlier.proxy);
    let sharing = exchange.rates().sharing();
    Ok(Snapshot {
        proxy: ProxySettings::succeeding(
            &config.proxy(),
            &exchange.derived_secret("sticky cookie"),
            lasting.metrics,
            sharing,
            earlier,
        )?,
        api: api::router(config.api_prefix.as_str(), state, forward_auth::openapi()),
        exchange,
    })
}

/// Finds what only building finds, without a store.
///
/// # Errors
///
/// As for [`issuers`] and [`snapshot`].
pub fn check(config: &Config, metrics: &Metrics) -> Result<(), BuildError> {
    issuers(config, None)?;
    metadata_clients(config)?;
    ProxySettings::succeeding(&config.proxy(), &[0; 32], metrics, None, None)?;
    Ok(())
}

fn metadata_clients(config: &Config) -> Result<Option<MetadataClients>, BuildError> {
    MetadataClients::new(&config.client_metadata).map_err(BuildError::ClientMetadata)
}
