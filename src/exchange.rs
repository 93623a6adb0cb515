//! The heart: from a token to a session.
//!
//! A token is known by its digest. The digest is looked up in the cache, which costs half a
//! microsecond; else the token is verified, its user found or created, its session opened or
//! continued, a session token minted, and all of it cached. One exchange per digest: a herd
//! of first requests verifies once.
//!
//! A cached [`Session`] is checked on each hit: its key is still vouched for, its issuer is in force
//! under the request's configuration, the session has not ended, the time has not come.
//!
//! [`Exchange`] composes parts, each of which can be read alone: the token cache (`cache`), one
//! exchange per token at a time (`single_flight`), the verification of external tokens
//! ([`TokenVerifier`]), signing users in (`authenticator`), the sessions of store and memory
//! ([`SessionDirectory`], with the handles of `session_handle`), for whom a token is
//! ([`Audiences`]), sessions bound to devices ([`DeviceSessions`]), what counts once
//! ([`OneTimeUse`]), the signing keys ([`KeyRotation`]), and the store's feed ([`ChangeFollower`]).
//!
//! What an [`Exchange`] is asked has a file for each question:
//!
//! - the session of what is presented: `present`; of one of our own tokens `self_issued`, of the session
//!   cookie `cookie`;
//! - which of several credentials decides: `choice`, by what is known of cookies past their end (`lapsed`) and
//!   of sessions that outlive them (`outlived`);
//! - a sign-in by the API: `grant`, or `assertion`; the tokens that it is answered with: `mint`;
//! - a session by its id: `live_account`; the one that a refused credential still names: `named`;
//! - a logout by the issuer: `backchannel`, `login_index`;
//! - whether a text is a token (`recognize`), whose (`whose`), and what stands against it (`standing`), without a
//!   session;
//! - the next configuration: `configure`, `version`.

use std::fmt;
use std::sync::Arc;

mod addressees;
mod assertion;
mod audience;
mod authenticator;
mod backchannel;
mod cache;
mod change_follower;
mod choice;
mod configure;
mod cookie;
mod device_sessions;
mod digest;
#[cfg(test)]
pub(crate) mod fixture;
mod forward;
mod freshness;
mod grant;
mod key_rotation;
mod lapsed;
mod live_account;
mod login_index;
mod mint;
mod named;
mod one_time_use;
mod outlived;
mod present;
pub mod rates;
mod recipient;
mod recognize;
mod resource_name;
mod scope_demand;
mod self_issued;
mod session;
mod session_directory;
mod session_handle;
mod settings;
mod single_flight;
mod standing;
mod store_failure;
mod verifier;
mod version;
mod whose;

pub use assertion::Assertion;
pub use audience::Audiences;
pub use change_follower::ChangeFollower;
pub use choice::{Judged, Shown};
pub use cookie::lacks_proof;
pub use device_sessions::{BoundCookie, DeviceSessions, RefreshRefusal};
pub use forward::Forward;
pub use grant::Granted;
pub use key_rotation::KeyRotation;
pub use lapsed::is_over;
pub use mint::mint_failed;
pub use named::Named;
pub use one_time_use::{OneTimeUse, asks_only_for};
pub use recipient::{OPERATORS, Recipient};
pub use recognize::{SHORTEST_TOKEN, may_be_claims};
pub use scope_demand::ScopeDemand;
pub use session::{KeptCookie, Session};
pub use session_directory::{Account, SessionDirectory};
pub use session_handle::{SessionHandle, SessionRegistry};
pub use settings::Settings;
pub use standing::Standing;
pub use store_failure::store_failed;
pub use verifier::TokenVerifier;
pub use version::ConfigVersion;

use authenticator::Authenticator;
use cache::TokenCache;
use rates::Rates;
use single_flight::SingleFlight;

use crate::device_bound::Challenges;
use crate::identity::AccessLists;
use crate::jwt::Issuers;
use crate::metrics::Metrics;
use crate::session::{Minter, Scopes, SidKey};
use crate::store::Store;

/// Turns tokens into sessions, under one configuration, which never changes: a request that has an
/// exchange is served by the same issuers and settings to its end. What outlives a configuration is
/// shared by all exchanges of a process.
pub struct Exchange {
    verifier: Arc<TokenVerifier>,
    audiences: Arc<Audiences>,
    authenticator: Authenticator,
    devices: DeviceSessions,
    settings: Arc<Settings>,
    version: ConfigVersion,
    shared: Shared,
}

impl fmt::Debug for Exchange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Exchange")
            .field("version", &self.version)
            .finish_non_exhaustive()
    }
}

/// What is the same under every configuration: what is remembered, and where it is kept.
#[derive(Clone)]
struct Shared {
    cache: Arc<TokenCache>,
    single_flight: Arc<SingleFlight>,
    sessions: Arc<SessionDirectory>,
    signing_keys: Arc<KeyRotation>,
    changes: Arc<ChangeFollower>,
    one_time_use: Arc<OneTimeUse>,
    rates: Arc<Rates>,
    minter: Arc<Minter>,
    sid_key: Arc<SidKey>,
    challenges: Arc<Challenges>,
    metrics: Arc<Metrics>,
}

impl Exchange {
    /// The exchange of the first configuration, with an empty cache.
    pub fn new(
        issuers: Arc<Issuers>,
        store: Arc<dyn Store>,
        minter: Minter,
        sid_key: SidKey,
        settings: Settings,
        rates: Rates,
        metrics: Arc<Metrics>,
    ) -> Self {
        let idle_timeout = settings.policy.idle_timeout;
        let sessions = SessionDirectory::new(Arc::clone(&store), idle_timeout, metrics.clone());
        let sessions = Arc::new(sessions);
        let keys = Arc::clone(&minter.keys);
        let signing_keys = KeyRotation::new(keys, Arc::clone(&sessions), metrics.clone());
        let signing_keys = Arc::new(signing_keys);
        let changes = ChangeFollower::new(
            Arc::clone(&sessions),
            Arc::clone(&signing_keys),
            settings.max_staleness,
            metrics.clone(),
        );
        let cache = TokenCache::new(
            settings.cached_sessions,
            settings.cached_bytes,
            settings.cached_refusals,
            metrics.clone(),
        );
        let challenges = Challenges::new(&sid_key.derived("device challenges"));
        let shared = Shared {
            cache: Arc::new(cache),
            single_flight: Arc::default(),
            sessions,
            signing_keys,
            changes: Arc::new(changes),
            one_time_use: Arc::new(OneTimeUse::new(store)),
            rates: Arc::new(rates),
            minter: Arc::new(minter),
            sid_key: Arc::new(sid_key),
            challenges: Arc::new(challenges),
            metrics,
        };
        Self::under(shared, issuers, settings, ConfigVersion::FIRST)
    }

    /// 32 secret bytes for a purpose, the same at all gateways of the store.
    pub fn derived_secret(&self, purpose: &str) -> [u8; 32] {
        self.shared.sid_key.derived(purpose)
    }

    /// The exchange of one configuration.
    fn under(
        shared: Shared,
        issuers: Arc<Issuers>,
        settings: Settings,
        version: ConfigVersion,
    ) -> Self {
        let settings = Arc::new(settings);
        let verifier = TokenVerifier::new(issuers, settings.clone(), shared.metrics.clone());
        let verifier = Arc::new(verifier);
        let audiences = Audiences::new(shared.minter.clone(), settings.clone());
        let audiences = Arc::new(audiences);
        let authenticator = Authenticator {
            verifier: verifier.clone(),
            audiences: audiences.clone(),
            cache: shared.cache.clone(),
            sessions: shared.sessions.clone(),
            rates: shared.rates.clone(),
            sid_key: shared.sid_key.clone(),
            settings: settings.clone(),
            version,
        };
        let devices = DeviceSessions {
            challenges: shared.challenges.clone(),
            verifier: verifier.clone(),
            sessions: shared.sessions.clone(),
            one_time_use: shared.one_time_use.clone(),
            settings: settings.clone(),
            metrics: shared.metrics.clone(),
        };
        Self {
            verifier,
            audiences,
            authenticator,
            devices,
            settings,
            version,
            shared,
        }
    }

    /// The issuers in force.
    pub fn issuers(&self) -> &Arc<Issuers> {
        self.verifier.issuers()
    }

    /// What verifies tokens by them.
    pub fn verifier(&self) -> &TokenVerifier {
        &self.verifier
    }

    /// For whom tokens are.
    pub fn audiences(&self) -> &Audiences {
        &self.audiences
    }

    /// Sessions that are bound to devices.
    pub fn devices(&self) -> &DeviceSessions {
        &self.devices
    }

    /// The sessions of store and memory.
    pub fn sessions(&self) -> &SessionDirectory {
        &self.shared.sessions
    }

    /// What counts once.
    pub fn one_time_use(&self) -> &OneTimeUse {
        &self.shared.one_time_use
    }

    /// What mints session tokens.
    pub fn minter(&self) -> &Minter {
        &self.shared.minter
    }

    /// All that the token of any session can allow: what every session has, and what access lists add.
    pub fn all_scopes(&self) -> Arc<Scopes> {
        let added = self.settings.policy.access.scopes();
        Arc::new(self.minter().scopes.with(added))
    }

    /// The lists of who may sign in.
    pub fn access_lists(&self) -> &AccessLists {
        &self.settings.policy.access
    }

    /// The keys that sign them.
    pub fn signing_keys(&self) -> &KeyRotation {
        &self.shared.signing_keys
    }

    /// What follows the store's feed.
    pub fn changes(&self) -> &Arc<ChangeFollower> {
        &self.shared.changes
    }

    /// How often clients may fail.
    pub fn rates(&self) -> &Rates {
        &self.shared.rates
    }

    /// Forgets what no longer lives. Called at intervals.
    pub fn sweep(&self) {
        self.shared.sessions.sweep();
        self.measure();
    }

    /// Measures what is held in memory, and the signing keys.
    pub fn measure(&self) {
        self.shared.sessions.measure();
        self.shared.cache.measure();
        self.shared.signing_keys.measure();
    }
}

#[cfg(test)]
mod tests;
