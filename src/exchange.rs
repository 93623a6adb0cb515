//! The heart: from a token to a session.
//!
//! A token is known by its digest. The digest is looked up in the cache, which costs half a
//! microsecond; else the token is verified, its user found or created, its session opened or
//! continued, a session token minted, and all of it cached. One flight per digest: a herd of
//! first requests verifies once.
//!
//! A cached [`Session`] is checked on each hit: its key is still vouched for, its issuer is in force
//! under the request's configuration, the session has not ended, the time has not come.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwapOption;
use tokio::sync::watch;
use tracing::warn;

mod activity;
mod addressees;
mod assertion;
mod audience;
mod authenticate;
mod backchannel;
pub mod cache;
mod configure;
mod cookie;
mod device;
pub mod digest;
#[cfg(test)]
mod doors;
#[cfg(test)]
pub(crate) mod fixture;
mod follow;
pub mod forward;
mod freshness;
#[cfg(test)]
mod interleavings;
mod outlived;
pub mod rates;
mod revocation;
mod self_issued;
pub mod session;
mod session_end;
pub mod session_handle;
mod settings;
pub mod sign_in;
mod signing_keys;
pub mod single_flight;
mod standing;
mod step_up;
mod version;
mod whose;

pub use assertion::Assertion;
pub use audience::Recipient;
use authenticate::{Authenticated, Durable, Purpose};
use cache::{RefusedTokens, SessionCache};
pub use device::{BoundCookie, RefreshRefusal};
use digest::TokenDigest;
pub use forward::Forward;
use freshness::Freshness;
use rates::Rates;
use session::Provenance;
pub use session::Session;
use session_handle::Lease;
pub use session_handle::{SessionHandle, SessionRegistry};
pub use settings::Settings;
pub use sign_in::{Account, Granted};
use single_flight::{Join, SingleFlight};
pub use standing::Standing;
pub use version::ConfigVersion;

use crate::clock::UnixTime;
use crate::credential::Credential;
use crate::device_bound::Challenges;
use crate::identity::Client;
use crate::jwt::{self, Issuers, Refusal, Unverified, Verified};
use crate::metrics::{Metrics, OTHER};
use crate::rejection::{Code, Rejection};
use crate::session::signer::SignerError;
use crate::session::{Minter, SidKey};
use crate::store::{Position, SignedIn, Store, StoreError};

/// Turns tokens into sessions, under one configuration, which never changes: a request that has an
/// exchange is served by the same issuers and settings to its end. What outlives a configuration is
/// shared by all exchanges of a process.
pub struct Exchange {
    shared: Arc<Shared>,
    issuers: Arc<Issuers>,
    settings: Arc<Settings>,
    version: ConfigVersion,
}

impl fmt::Debug for Exchange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Exchange")
            .field("version", &self.version)
            .finish_non_exhaustive()
    }
}

/// What is the same under every configuration: what is remembered, and where it is kept.
struct Shared {
    store: Arc<dyn Store>,
    minter: Minter,
    sid_key: SidKey,
    challenges: Challenges,
    sessions: SessionCache,
    refused: RefusedTokens,
    single_flight: SingleFlight,
    registry: SessionRegistry,
    rates: Rates,
    /// The store's changes up to this one happened before anything was held in memory.
    changes_from: Position,
    freshness: Freshness,
    setting_changes: watch::Sender<u64>,
    /// How long sessions are trusted while the store cannot be followed, by the latest configuration.
    max_staleness: ArcSwapOption<Duration>,
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
        metrics: Arc<Metrics>,
    ) -> Self {
        let shared = Shared {
            changes_from: (*store.latest_change().borrow()).into(),
            freshness: Freshness::new(),
            setting_changes: watch::Sender::new(0),
            store,
            minter,
            challenges: Challenges::new(&sid_key.derived("device challenges")),
            sid_key,
            sessions: SessionCache::new(settings.cached_sessions, settings.cached_bytes, &metrics),
            refused: RefusedTokens::new(settings.cached_refusals),
            single_flight: SingleFlight::default(),
            registry: SessionRegistry::new(settings.policy.idle_timeout),
            rates: Rates::new(&settings.rates),
            max_staleness: ArcSwapOption::from_pointee(settings.max_staleness),
            metrics,
        };
        Self {
            shared: Arc::new(shared),
            issuers,
            settings: Arc::new(settings),
            version: ConfigVersion::FIRST,
        }
    }

    /// The session of a presented token.
    ///
    /// # Errors
    ///
    /// A [`Rejection`] that says why, in public and in private.
    pub async fn session(&self, credential: &Credential<'_>) -> Result<Arc<Session>, Rejection> {
        self.session_of(credential, Recipient::Gateway, Client::default)
            .await
    }

    /// The session of a token that is presented to `recipient`. Should it open a session, `client`
    /// says what is written down about the client.
    ///
    /// # Errors
    ///
    /// As [`Self::session`] has them.
    pub async fn session_of(
        &self,
        credential: &Credential<'_>,
        recipient: Recipient<'_>,
        client: impl FnOnce() -> Client + Send,
    ) -> Result<Arc<Session>, Rejection> {
        let token = credential.token.expose();
        let digest = match self.is_cookie(credential) {
            true => TokenDigest::of_cookie(token),
            false => TokenDigest::of(token),
        };
        self.check_freshness();
        let now = UnixTime::now();
        let session = match self.shared.sessions.get(&digest, now, self.version) {
            Some(session) => session,
            None => {
                let client = client();
                let address = client.address;
                // Who shows something else than a token tries nothing.
                let attempt = address.filter(|_| credential.is_attempt());
                self.shared.rates.may_try(attempt)?;
                self.on_miss(credential, digest, client, now)
                    .await
                    .inspect_err(|rejection| self.shared.rates.count(attempt, rejection))?
            }
        };
        session.handle().touch(now);
        // The digest says neither where the token was nor for what, so both are checked on every
        // hit, too.
        if !self.is_for(&session, credential, recipient) {
            return Err(Self::wrong_audience());
        }
        match session.issuer() {
            Some(issuer) if !credential.admits(issuer) => return Err(wrong_place()),
            _ => {}
        }
        match session.alone_until() {
            Some(end) if end <= now => {
                self.check_cookie_of(session.sid(), credential, now).await?;
            }
            _ => {}
        }
        Ok(session)
    }

    /// The configured issuer that a refused token names, as a label. Verified or not, it is the
    /// issuer whose operators need to know.
    pub fn issuer_label(&self, credential: &Credential<'_>) -> Arc<str> {
        let named = jwt::unverified_issuer(credential.token.expose());
        let issuers = &self.issuers;
        match named.and_then(|iss| issuers.get(&iss).map(|issuer| Arc::clone(issuer.name()))) {
            Some(name) => name,
            None => OTHER.into(),
        }
    }

    /// The issuers in force.
    pub fn issuers(&self) -> &Arc<Issuers> {
        &self.issuers
    }

    /// What mints session tokens.
    pub fn minter(&self) -> &Minter {
        &self.shared.minter
    }

    /// Whether this text is a token whose session is remembered, dead or alive: cheaper to know than
    /// what the token says.
    pub fn remembers(&self, token: &str) -> bool {
        self.shared.sessions.holds(&TokenDigest::of(token))
    }

    /// Whether `iss` is the gateway's own.
    pub fn is_self_issued(&self, iss: &str) -> bool {
        iss == self.shared.minter.iss
    }

    /// Whether a text is a token that an upstream must not see: remembered, or, verified or not, of a
    /// configured issuer or our own.
    pub fn knows(&self, text: &str) -> bool {
        text.len() >= SHORTEST_TOKEN && (self.remembers(text) || self.is_of_known_issuer(text))
    }

    /// Whether a text is a token, verified or not, of a configured issuer or our own.
    pub fn is_of_known_issuer(&self, token: &str) -> bool {
        jwt::unverified_issuer(token)
            .is_some_and(|iss| self.is_self_issued(&iss) || self.issuers.get(&iss).is_some())
    }

    /// How often clients may fail.
    pub fn rates(&self) -> &Rates {
        &self.shared.rates
    }

    /// Forgets what no longer lives. Called at intervals.
    pub fn sweep(&self) {
        self.shared.registry.sweep();
        self.measure();
    }

    /// Measures what is held in memory, and the signing keys.
    pub fn measure(&self) {
        let metrics = &self.shared.metrics;
        metrics
            .sessions_live
            .set(as_gauge(self.shared.registry.count()));
        metrics
            .users_live
            .set(as_gauge(self.shared.registry.users()));
        let cached = self.shared.sessions.count();
        metrics.token_cache_entries.set(as_gauge(cached));
        self.measure_keys();
    }

    async fn on_miss(
        &self,
        credential: &Credential<'_>,
        digest: TokenDigest,
        client: Client,
        now: UnixTime,
    ) -> Result<Arc<Session>, Rejection> {
        if let Some(rejection) = self.shared.refused.get(&digest, now, self.version) {
            self.shared
                .metrics
                .token_cache
                .with_label_values(&["refused"])
                .inc();
            return Err(rejection);
        }
        let token = credential.token.expose();
        // Once, for all that is asked of it below.
        let unverified = Unverified::parse(token, self.issuers.max_token_size());
        let iss = unverified.as_ref().ok().and_then(Unverified::issuer);
        let iss = iss.as_deref().unwrap_or_default();
        self.check_place(credential, iss)?;
        loop {
            match self.shared.single_flight.join(digest) {
                Join::Leader(leader) => {
                    // Another flight may have landed between the look-up and this one's start.
                    let completed = self.shared.sessions.get(&digest, now, self.version).map(Ok);
                    if let Some(outcome) = completed
                        .or_else(|| self.shared.refused.get(&digest, now, self.version).map(Err))
                    {
                        leader.complete(outcome.clone());
                        return outcome;
                    }
                    self.shared
                        .metrics
                        .token_cache
                        .with_label_values(&["miss"])
                        .inc();
                    let epoch = self.shared.sessions.epoch();
                    let timer = self.shared.metrics.exchange_duration.start_timer();
                    let outcome = if self.is_cookie(credential) {
                        self.exchange_cookie(token, digest, now).await
                    } else if self.is_self_issued(iss) {
                        self.exchange_self_issued(token, now).await
                    } else {
                        self.exchange_token(&unverified, digest, client.clone(), now)
                            .await
                    };
                    timer.observe_duration();
                    if let Ok(session) = &outcome {
                        self.shared
                            .sessions
                            .insert(digest, Arc::clone(session), epoch);
                    }
                    leader.complete(outcome.clone());
                    return outcome;
                }
                Join::Follower(follower) => {
                    self.shared
                        .metrics
                        .token_cache
                        .with_label_values(&["joined"])
                        .inc();
                    // A leader whose client went away leaves no outcome, and a session that it
                    // opened may have ended since: fly again.
                    match follower.outcome().await {
                        Some(Ok(session)) if !session.is_valid(now, self.version) => {}
                        Some(outcome) => return outcome,
                        None => {}
                    }
                }
            }
        }
    }

    /// Opens or continues the session of an external token and mints what is forwarded.
    async fn exchange_token(
        &self,
        unverified: &Result<Unverified<'_>, Refusal>,
        digest: TokenDigest,
        client: Client,
        now: UnixTime,
    ) -> Result<Arc<Session>, Rejection> {
        let purpose = Purpose {
            durable: Durable::User,
            nonce: None,
            // The next recipient may be another.
            recipient: Recipient::Anyone,
            ends_at: None,
        };
        let authenticated = self
            .authenticate(unverified, digest, client, now, purpose)
            .await?;
        let Authenticated {
            verified,
            signed_in,
            lease,
            token_end,
            accepted_until,
        } = authenticated;
        let SignedIn {
            user,
            session: record,
            ..
        } = signed_in;
        let mut minted = self
            .shared
            .minter
            .mint(&user, &record, now, token_end)
            .map_err(mint_failed)?;
        // Where the session outlives the token, the token does not.
        minted.expires_at = minted.expires_at.min(accepted_until);
        let provenance = Provenance::Issuer {
            generation: verified.generations().settings,
            issuer: Arc::clone(verified.issuer()),
            key_validity: verified.key_validity().clone(),
        };
        let made_for = (&*self.settings, self.version);
        let addressees = self.addressees(&verified);
        Session::new(provenance, &user, &record, minted, lease, made_for)
            .map(|session| Arc::new(session.addressed_to(addressees)))
            .ok_or_else(|| Rejection::new(Code::Internal, "header_unfit"))
    }

    /// A token that claims to be of one issuer is not looked at in another one's place.
    fn check_place(&self, credential: &Credential<'_>, iss: &str) -> Result<(), Rejection> {
        match self.issuers.get(iss) {
            Some(issuer) if !credential.admits(issuer.name()) => Err(wrong_place()),
            _ => Ok(()),
        }
    }

    async fn verify(
        &self,
        unverified: &Result<Unverified<'_>, Refusal>,
        now: UnixTime,
    ) -> Result<Verified, Refusal> {
        let unverified = unverified.as_ref().map_err(Refusal::clone)?;
        let verify = |issuers: &Issuers| {
            let _timer = self.shared.metrics.verify_duration.start_timer();
            unverified.verify(issuers, now)
        };
        self.with_keys(unverified.text(), verify).await
    }

    /// Tries, and once more when no key verified the token and a fetch brought other keys.
    async fn with_keys<T>(
        &self,
        token: &str,
        attempt: impl Fn(&Issuers) -> Result<T, Refusal>,
    ) -> Result<T, Refusal> {
        let refusal = match attempt(&self.issuers) {
            Err(refusal) if refusal.is_by_keys() => refusal,
            decided => return decided,
        };
        let wanted = refusal.wanted_key(token);
        let Some((issuer, wanted)) = refusal.issuer().cloned().zip(wanted) else {
            return Err(refusal);
        };
        match issuer.keys().refetch_for(&wanted).await {
            true => attempt(&self.issuers),
            false => Err(refusal),
        }
    }

    /// The refusal of a request for which the store was needed, logged.
    pub(crate) fn store_failed(&self, error: &StoreError) -> Rejection {
        warn!(%error, "store failed");
        Rejection::unavailable("store_unavailable", RETRY_STORE)
    }
}

/// No header and payload that name an issuer are shorter.
pub const SHORTEST_TOKEN: usize = 24;

/// The `Retry-After` of responses while the store does not respond.
const RETRY_STORE: Duration = Duration::from_secs(5);

/// How often the store is asked again because sessions were being ended meanwhile.
const SIGN_IN_ATTEMPTS: usize = 8;

fn mint_failed(error: SignerError) -> Rejection {
    warn!(%error, "no session token");
    Rejection::new(Code::Internal, "mint_failed")
}

fn wrong_place() -> Rejection {
    Rejection::new(Code::TokenInvalid, "issuer_mismatch")
}

fn as_gauge(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}
