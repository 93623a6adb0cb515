//! From a configuration to everything that requests read of it, all or nothing.

use crate::api::{ApiSettings, Browsers};
use crate::config::Config;
use crate::credential::PlacesError;
use crate::exchange;
use crate::jwks::SourceError;
use crate::jwt::{Issuers, IssuersError};
use crate::metrics::Metrics;
use crate::proxy::{Site, SiteError};

/// What a configuration means to requests.
pub struct Built {
    /// Whose tokens are trusted.
    pub issuers: Issuers,
    /// Routes, upstreams, header rules.
    pub site: Site,
    /// How tokens become sessions.
    pub settings: exchange::Settings,
    /// What browsers' requests to the endpoints are judged by.
    pub browsers: Browsers,
    /// What the endpoints answer from.
    pub api: ApiSettings,
}

/// Why a configuration can not be put in force.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// The issuers.
    #[error(transparent)]
    Issuers(#[from] IssuersError),
    /// Fetching of key sets.
    #[error("key sets can not be fetched: {0}")]
    Jwks(#[from] SourceError),
    /// Routes, upstreams, header rules.
    #[error(transparent)]
    Site(#[from] SiteError),
}

impl From<PlacesError> for BuildError {
    fn from(error: PlacesError) -> Self {
        Self::Site(error.into())
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
    earlier: Option<(&Issuers, &Site)>,
) -> Result<Built, BuildError> {
    let token_size = usize::try_from(config.limits.token_size.as_u64()).unwrap_or(usize::MAX);
    let issuers = match earlier {
        Some((issuers, _)) => Issuers::succeeding(&config.issuers, issuers)?,
        None => Issuers::build(&config.issuers)?,
    };
    Ok(Built {
        issuers: issuers.with_max_token_size(token_size),
        site: Site::succeeding(config, metrics, earlier.map(|(_, site)| site))?,
        settings: exchange::Settings::new(config),
        browsers: Browsers::new(config)?,
        api: ApiSettings::new(config)?,
    })
}
