//! Everything that lives as long as the process.

use std::sync::Arc;

use arc_swap::ArcSwap;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use tokio::runtime::Handle;
use tracing::info;
use uuid::Uuid;

use super::key_events::KeyEvents;
use super::last_good::StoredKeySets;
use crate::admin::health::Health;
use crate::admin::switches::Switches;
use crate::api::sdk::nonce::Nonces;
use crate::api::{ApiSettings, ApiState, Browsers};
use crate::config::{self, Config};
use crate::exchange::{self, Exchange};
use crate::identity::Policy;
use crate::jwks::{JwksService, SourceError};
use crate::jwt::{Issuers, IssuersError};
use crate::metrics::Metrics;
use crate::proxy::{Site, SiteError};
use crate::session::keys::{KeyRules, KeysError};
use crate::session::{Minter, SidKey, SigningKeys};
use crate::store::{
    ConnectError, Embedded, OpenError, Postgres, PostgresSettings, Store, StoreError,
};

/// The parts that services share.
#[derive(Clone)]
pub struct State {
    /// Everything counted.
    pub metrics: Arc<Metrics>,
    /// Whether requests can be served.
    pub health: Arc<Health>,
    /// Records.
    pub store: Arc<dyn Store>,
    /// Tokens to sessions.
    pub exchange: Arc<Exchange>,
    /// Issuers that operators turned on or off.
    pub switches: Switches,
    /// What a reload replaces.
    pub site: Arc<ArcSwap<Site>>,
    /// What the gateway's own endpoints answer from.
    pub api: ApiState,
}

/// Why the state can not be built.
#[derive(Debug, thiserror::Error)]
pub enum StateError {
    /// The metrics' descriptions contradict each other.
    #[error("metrics: {0}")]
    Metrics(#[from] prometheus::Error),
    /// The embedded store.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The database.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// The store did not answer.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A setting in the store is damaged.
    #[error("the setting `{0}` in the store can not be read")]
    Setting(&'static str),
    /// The gateway's signing keys.
    #[error(transparent)]
    Keys(#[from] KeysError),
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

impl State {
    /// Opens the store and builds what stands on it, beside the service that fetches key sets.
    pub async fn build(config: &Config) -> Result<(Self, JwksService), StateError> {
        let metrics = Arc::new(Metrics::new()?);
        let site = Site::new(config, &metrics)?;
        let store = open_store(&config.store).await?;
        let environment_id = environment_id(&*store, config).await?;
        let keys = SigningKeys::load(&*store, KeyRules::new(config, environment_id)?).await?;
        let public_url = &config.public_url;
        let minter = Minter {
            keys: Arc::new(keys),
            iss: format!("{public_url}{}", config.api_prefix),
            audience: config
                .session
                .audience
                .clone()
                .unwrap_or_else(|| public_url.to_string()),
            environment_id,
            token_ttl: config.session.token_ttl,
            claims: config.session.claims,
        };
        let token_size = usize::try_from(config.limits.token_size.as_u64()).unwrap_or(usize::MAX);
        let issuers = Arc::new(Issuers::build(&config.issuers)?.with_max_token_size(token_size));
        let exchange = Exchange::new(
            Arc::clone(&issuers),
            Arc::clone(&store),
            minter,
            SidKey::new(&secret(&*store, "sid_key").await?),
            exchange::Settings {
                policy: Policy::new(config),
                session_cookie: config.session.cookie,
                forward: config.forward.clone(),
                keep_claims: config.reads_claims(),
                cached_sessions: config.limits.token_cache,
                cached_refusals: config.limits.refused_cache,
            },
            Arc::clone(&metrics),
        );
        let exchange = Arc::new(exchange);
        let runtime = Handle::current();
        let events = KeyEvents::new(Arc::clone(&metrics), Arc::clone(&exchange), runtime.clone());
        let last_good = StoredKeySets::new(Arc::clone(&store), runtime);
        let key_sets = issuers.key_sets();
        let jwks = JwksService::new(key_sets, Arc::new(events), Some(Arc::new(last_good)))?;
        let switches = Switches::new(Arc::clone(&store), Arc::clone(&exchange));
        switches.apply().await?;
        let api = ApiState {
            exchange: Arc::clone(&exchange),
            browsers: Arc::new(Browsers::new(config).map_err(SiteError::from)?),
            settings: Arc::new(ApiSettings::new(config).map_err(SiteError::from)?),
            nonces: Arc::new(Nonces::new(&secret(&*store, "nonce_key").await?)),
        };
        let state = Self {
            api,
            metrics,
            health: Arc::new(Health::default()),
            store,
            exchange,
            switches,
            site: Arc::new(ArcSwap::from_pointee(site)),
        };
        Ok((state, jwks))
    }

    /// Waits until each enabled issuer's first fetch has come to something, good or bad.
    pub async fn first_keys(&self) {
        let issuers = self.exchange.issuers().clone();
        for issuer in issuers.iter().filter(|issuer| issuer.enabled()) {
            issuer.keys().first_fetch().await;
        }
    }
}

/// Builds what needs no store, to find what only building finds.
pub fn check(config: &Config) -> Result<(), StateError> {
    Site::new(config, &Metrics::new()?)?;
    Issuers::build(&config.issuers)?;
    Ok(())
}

async fn open_store(settings: &config::Store) -> Result<Arc<dyn Store>, StateError> {
    let Some(url) = &settings.postgres else {
        return Ok(Arc::new(Embedded::open(settings)?));
    };
    let settings = PostgresSettings {
        url: url.expose().to_owned(),
        root_certificates: settings.postgres_authorities.clone(),
        connections: settings.postgres_connections,
    };
    Ok(Arc::new(Postgres::connect(&settings).await?))
}

/// From the configuration, else made once and kept.
async fn environment_id(store: &dyn Store, config: &Config) -> Result<Uuid, StateError> {
    if let Some(id) = config.environment_id {
        return Ok(id);
    }
    let fresh = Uuid::new_v4().to_string();
    let kept = store.setting_or_insert("environment_id", &fresh).await?;
    let id = kept
        .parse()
        .map_err(|_| StateError::Setting("environment_id"))?;
    info!(environment_id = %id, "environment");
    Ok(id)
}

/// 32 random bytes, made once and kept for all gateways on the store: what is derived from them
/// must be the same for ever.
async fn secret(store: &dyn Store, name: &'static str) -> Result<[u8; 32], StateError> {
    let unreadable = || StateError::Setting(name);
    let mut fresh = [0; 32];
    aws_lc_rs::rand::fill(&mut fresh).map_err(|_| unreadable())?;
    let kept = store.setting_or_insert(name, &BASE64.encode(fresh)).await?;
    let secret = BASE64.decode(kept).map_err(|_| unreadable())?;
    secret.try_into().map_err(|_| unreadable())
}
