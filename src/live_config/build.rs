//! From a configuration to everything that requests read of it, all or nothing.

use crate::api::ApiSettings;
use crate::config::Config;
use crate::credential::TokenSourcesError;
use crate::exchange;
use crate::jwks::SourceError;
use crate::jwt::{Issuers, IssuersError};
use crate::metrics::Metrics;
use crate::proxy::{Snapshot, SnapshotError};

/// What a configuration means to requests.
pub struct Built {
    /// The trusted issuers.
    pub issuers: Issuers,
    /// Routes, upstreams, header rules.
    pub snapshot: Snapshot,
    /// How tokens become sessions.
    pub settings: exchange::Settings,
    /// What the endpoints answer from.
    pub api: ApiSettings,
}

/// Why a configuration cannot be put in force.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// The issuers.
    #[error(transparent)]
    Issuers(#[from] IssuersError),
    /// Fetching of key sets.
    #[error("key sets cannot be fetched: {0}")]
    Jwks(#[from] SourceError),
    /// Routes, upstreams, header rules.
    #[error(transparent)]
    Snapshot(#[from] SnapshotError),
}

impl From<TokenSourcesError> for BuildError {
    fn from(error: TokenSourcesError) -> Self {
        Self::Snapshot(error.into())
    }
}

/// Builds it. Issuers and upstreams that are the same in `earlier` are taken from there.
///
/// # Errors
///
/// What only building finds.
pub fn build(
    config: &Config,
    metrics: &Metrics,
    earlier: Option<(&Issuers, &Snapshot)>,
) -> Result<Built, BuildError> {
    let token_size = usize::try_from(config.limits.token_size.as_u64()).unwrap_or(usize::MAX);
    let issuers = match earlier {
        Some((issuers, _)) => Issuers::succeeding(&config.issuers, issuers)?,
        None => Issuers::build(&config.issuers)?,
    };
    Ok(Built {
        issuers: issuers.with_max_token_size(token_size),
        snapshot: Snapshot::succeeding(config, metrics, earlier.map(|(_, snapshot)| snapshot))?,
        settings: exchange::Settings::new(config),
        api: ApiSettings::new(config)?,
    })
}
