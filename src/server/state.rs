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
use super::tls::TicketRotation;
use crate::acme::{self, Orders};
use crate::admin::health::Health;
use crate::api::sdk::nonce::Nonces;
use crate::api::{self, ApiLimits};
use crate::clock::other_clock::OtherClock;
use crate::config::Config;
use crate::exchange::Exchange;
use crate::exchange::rates::Rates;
use crate::jwks::JwksService;
use crate::jwt::IssuersError;
use crate::limit::Sharing;
use crate::live_config::{self, BuildError, LiveConfig, Parts};
use crate::metrics::Metrics;
use crate::proxy::Snapshot;
use crate::proxy::request_log::recent_refusals::RecentRefusals;
use crate::resources::Admission;
use crate::session::claims::CopiedClaims;
use crate::session::keys::key_encryption::KeyEncryption;
use crate::session::keys::{KeyRules, KeysError, files as key_files};
use crate::session::{Minter, Scopes, SidKey, SigningKeys};
use crate::store::{
    ConnectError, Embedded, Metered, OpenError, Postgres, PostgresSettings, Store, StoreError,
    StoreSettings, transfer,
};
use crate::webhooks::Webhooks;

/// The parts that services share.
#[derive(Clone)]
pub struct State {
    /// The metrics of this process.
    pub metrics: Arc<Metrics>,
    /// Whether requests can be served.
    pub health: Arc<Health>,
    /// The store with all records.
    pub store: Arc<dyn Store>,
    /// What requests read of the configuration. A reload replaces it.
    pub snapshot: Arc<ArcSwap<Snapshot>>,
    /// The configuration in force.
    pub live_config: Arc<LiveConfig>,
    /// The latest refusals.
    pub refusals: Arc<RecentRefusals>,
    /// Who may come in, and how much may be spent on them.
    pub admission: Arc<Admission>,
    /// The clock of the database, if there is one.
    pub database_clock: Arc<OtherClock>,
    /// Seals the dashboard's cookies; the same at all gateways on one store.
    pub dashboard_key: [u8; 32],
}

/// Why the state cannot be built.
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
    /// The store holds a part of what it is to hold.
    #[error("{}", transfer::UNFINISHED_IMPORT)]
    UnfinishedImport,
    /// A setting in the store is damaged.
    #[error("the setting `{0}` in the store cannot be read")]
    Setting(&'static str),
    /// The gateway's signing keys.
    #[error(transparent)]
    Keys(#[from] KeysError),
    /// Issuers, routes, upstreams, header rules.
    #[error(transparent)]
    Build(#[from] BuildError),
}

impl From<IssuersError> for StateError {
    fn from(error: IssuersError) -> Self {
        Self::Build(error.into())
    }
}

impl State {
    /// Opens the store, builds what stands on it, and starts what fetches keys and looks after
    /// upstreams.
    pub async fn build(config: &Config) -> Result<Self, StateError> {
        let metrics = Arc::new(Metrics::new()?);
        // What is wrong with the file is found before a store is touched.
        check(config)?;
        let store = open_store(&config.store).await?;
        if transfer::is_unfinished(&*store).await? {
            return Err(StateError::UnfinishedImport);
        }
        let store: Arc<dyn Store> = Arc::new(Metered::new(store, config.store.engine(), &metrics));
        let environment_id = environment_id(&*store, config).await?;
        let keys =
            SigningKeys::load(&*store, KeyRules::new(&config.session, environment_id)?).await?;
        let public_url = &config.public_url;
        let minter = Minter {
            keys: Arc::new(keys),
            iss: config.own_iss(),
            audience: config
                .session
                .audience
                .clone()
                .unwrap_or_else(|| public_url.to_string()),
            scopes: Arc::new(Scopes::all(
                config.session.scopes.iter().map(String::as_str),
            )),
            environment_id,
            token_ttl: config.session.token_ttl,
            claims: config.session.claims,
            copied: CopiedClaims::new(
                &config.session.claims_from,
                usize::try_from(config.limits.session_token_claims.as_u64()).unwrap_or(usize::MAX),
            ),
        };
        let start = live_config::Start::read(config, &*store).await?;
        let issuers = live_config::issuers(start.config(), None)?;
        issuers.refuse_own(&minter.iss)?;
        start.switch(&issuers);
        let sid_key = SidKey::new(&secret(&*store, "sid_key").await?);
        let rates = &config.limits.rates;
        // Nobody shares the embedded store.
        let is_shared = rates.shared && config.store.postgres.is_some();
        let sharing = || Arc::new(Sharing::new(&sid_key.derived("shared rates")));
        let sharing = is_shared.then(sharing);
        let limits = ApiLimits::new(rates, sharing.as_ref());
        let exchange = Exchange::new(
            Arc::new(issuers),
            Arc::clone(&store),
            minter,
            sid_key,
            start.exchange_settings(),
            Rates::new(rates, sharing),
            Arc::clone(&metrics),
        );
        let api = api::Lasting {
            limits: Arc::new(limits),
            nonces: Arc::new(Nonces::new(&secret(&*store, "nonce_key").await?)),
        };
        let lasting = live_config::Lasting {
            api: &api,
            metrics: &metrics,
        };
        let snapshot = live_config::snapshot(start.config(), Arc::new(exchange), &lasting, None)?;
        let snapshot = Arc::new(ArcSwap::from_pointee(snapshot));
        let runtime = Handle::current();
        let events = KeyEvents::new(Arc::clone(&metrics), Arc::clone(&snapshot), runtime.clone());
        let last_good = StoredKeySets::new(Arc::clone(&store), runtime);
        let parts = Parts {
            store: Arc::clone(&store),
            snapshot: Arc::clone(&snapshot),
            api,
            jwks: JwksService::new(Arc::new(events), Some(Arc::new(last_good))),
            metrics: Arc::clone(&metrics),
        };
        let key_encryption =
            KeyEncryption::new(&config.session.key_encryption_keys, environment_id);
        let key_encryption = key_encryption.map_err(KeysError::from)?;
        // A backup alone makes nobody an operator.
        let dashboard_key = secret(&*store, "dashboard_key").await?;
        let dashboard_key = key_encryption.bound("dashboard_key", &dashboard_key);
        let descriptors = config.descriptors();
        let admission = Admission::new(&config.limits, &descriptors, &metrics);
        Ok(Self {
            admission: Arc::new(admission),
            database_clock: Arc::default(),
            dashboard_key,
            metrics,
            health: Arc::new(Health::default()),
            refusals: Arc::default(),
            store,
            snapshot,
            live_config: Arc::new(LiveConfig::start(parts, start).await?),
        })
    }

    /// The exchange of the configuration in force.
    pub fn exchange(&self) -> Arc<Exchange> {
        Arc::clone(&self.snapshot.load().exchange)
    }

    /// What orders the certificates of listeners.
    ///
    /// # Errors
    ///
    /// The store does not answer, or a key-encryption key is of no use.
    pub async fn orders(&self, config: &Config) -> Result<Orders, StateError> {
        let parts = acme::Parts {
            store: Arc::clone(&self.store),
            key_encryption: self.key_encryption(config)?,
            metrics: Arc::clone(&self.metrics),
        };
        Ok(Orders::load(&config.listeners, &parts).await?)
    }

    /// The keys of TLS tickets that gateways share by the store; none if each has its own, or those of
    /// files.
    ///
    /// # Errors
    ///
    /// A key-encryption key is of no use.
    pub async fn tickets(
        &self,
        config: &Config,
    ) -> Result<Option<Arc<TicketRotation>>, StateError> {
        let settings = &config.server.tls_tickets;
        let is_used = config
            .listeners
            .iter()
            .any(|listener| listener.tls.is_some());
        let is_plain = config.session.key_encryption_keys.is_empty();
        let is_elsewhere = !settings.shared || !settings.key_files.is_empty();
        if is_elsewhere || !is_used || config.store.postgres.is_some() && is_plain {
            return Ok(None);
        }
        let (store, key_encryption) = (Arc::clone(&self.store), self.key_encryption(config)?);
        let rotation = TicketRotation::start(store, key_encryption, settings.rotate_every);
        Ok(Some(Arc::new(rotation.await)))
    }

    fn key_encryption(&self, config: &Config) -> Result<Arc<KeyEncryption>, StateError> {
        let environment_id = self.exchange().minter().environment_id;
        let keys = &config.session.key_encryption_keys;
        let keys = KeyEncryption::new(keys, environment_id).map_err(KeysError::from)?;
        Ok(Arc::new(keys))
    }

    /// What delivers events.
    pub fn webhooks(&self) -> Webhooks {
        Webhooks {
            store: Arc::clone(&self.store),
            metrics: Arc::clone(&self.metrics),
            environment_id: self.exchange().minter().environment_id,
        }
    }
}

/// Builds what needs no store, to find what only building finds.
pub fn check(config: &Config) -> Result<(), StateError> {
    live_config::check(config, &Metrics::new()?)?;
    let keys = &config.session.signing_keys.files;
    key_files::read(keys, config.session.algorithm).map_err(KeysError::from)?;
    Ok(())
}

/// Opens the store that is configured.
///
/// # Errors
///
/// The file or the database cannot be used.
pub async fn open_store(settings: &StoreSettings) -> Result<Arc<dyn Store>, StateError> {
    match postgres_settings(settings) {
        Some(settings) => Ok(Arc::new(Postgres::connect(&settings).await?)),
        None => Ok(Arc::new(Embedded::open(settings)?)),
    }
}

/// How the database is reached; `None` when the store is embedded.
pub(super) fn postgres_settings(settings: &StoreSettings) -> Option<PostgresSettings> {
    Some(PostgresSettings {
        url: settings.postgres.as_ref()?.expose().to_owned(),
        root_certificates: settings.postgres_authorities.clone(),
        connections: settings.postgres_connections,
    })
}

/// From the configuration, or created once and stored.
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

/// 32 random bytes, created once and stored for all gateways: what is derived from them must never
/// change.
async fn secret(store: &dyn Store, name: &'static str) -> Result<[u8; 32], StateError> {
    let unreadable = || StateError::Setting(name);
    let mut fresh = [0; 32];
    aws_lc_rs::rand::fill(&mut fresh).map_err(|_| unreadable())?;
    let kept = store.setting_or_insert(name, &BASE64.encode(fresh)).await?;
    let secret = BASE64.decode(kept).map_err(|_| unreadable())?;
    secret.try_into().map_err(|_| unreadable())
}

#[cfg(test)]
mod tests;
