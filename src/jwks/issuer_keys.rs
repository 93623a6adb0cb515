//! The keys of one issuer as requests see them.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use arc_swap::{ArcSwap, ArcSwapOption, Guard};
use tokio::sync::{Notify, watch};
use tokio::time::Instant;
use url::Url;

use super::events::JwksEvents;
use super::key::VerifyingKey;
use super::last_good::StoredKeySet;
use super::set::KeySet;
use super::status::{FetchCounts, KeyRow, KeysStatus};
use super::unknown_kid::UnknownKids;
use super::wanted_kids::WantedKids;
use crate::clock::UnixTime;
use crate::clock::other_clock::OtherClock;
use crate::issuer::{JwksSettings, KeyFormat, KeySettings, KeySource, SecretEncoding};

mod waiting;

pub(super) use waiting::Progress;
pub use waiting::{NamedKey, Wanted};

/// A snapshot that requests read, and the way to ask for one more fetch. Nothing here does I/O:
/// the issuer's task of [`super::JwksService`] fetches and publishes.
pub struct IssuerKeys {
    set: ArcSwap<KeySet>,
    /// What was in force before nothing was any more, with which the next set is compared.
    former: ArcSwapOption<KeySet>,
    generation: AtomicU64,
    secret: Option<Arc<VerifyingKey>>,
    settings: KeySettings,
    source: String,
    progress: watch::Sender<Progress>,
    pub(super) asked_for_refresh: Notify,
    /// A key that came because a token named it has verified one.
    pub(super) proven: Notify,
    unknown: UnknownKids,
    /// What is fetched where each key has an address of its own.
    wanted_kids: Option<Arc<WantedKids>>,
    fetch_state: Mutex<FetchState>,
    events: OnceLock<Arc<dyn JwksEvents>>,
    /// Where browsers log out at the provider, as far as discovery has found it.
    pub(super) end_session: Arc<ArcSwapOption<Url>>,
    /// The clock of the machine that answered the latest fetch.
    pub clock: Arc<OtherClock>,
}

/// What only operators read.
#[derive(Debug, Default)]
pub(super) struct FetchState {
    pub(super) fetched_at: Option<UnixTime>,
    pub(super) next_refresh: Option<Instant>,
    pub(super) last_error: Option<String>,
    pub(super) fetches: FetchCounts,
}

impl IssuerKeys {
    /// The keys of an issuer before the first fetch; inline keys are there at once.
    pub fn new(settings: KeySettings) -> Self {
        let set = match &settings.source {
            KeySource::Inline(text) => {
                let set = KeySet::parse_as(KeyFormat::Jwks, text.as_bytes(), usize::MAX);
                set.unwrap_or_default()
            }
            KeySource::SecretOnly => KeySet::empty(),
            KeySource::Url(_)
            | KeySource::ByKid(_)
            | KeySource::Discovery(_)
            | KeySource::File(_) => KeySet::unknown(),
        };
        Self::of(settings, set)
    }

    /// A set that nobody fetches: for tests, benchmarks and tools.
    pub fn fixed(set: KeySet) -> Self {
        let settings = KeySettings {
            name: String::new(),
            source: KeySource::SecretOnly,
            discovered_iss: Vec::new(),
            key_format: KeyFormat::default(),
            insecure_http: false,
            deny_private_networks: false,
            allow_private_jwks_uri: false,
            hs256_secret: None,
            hs256_secret_encoding: SecretEncoding::default(),
            revoke_on_key_removal: false,
            try_all_keys: false,
            jwks: JwksSettings::default(),
        };
        Self::of(settings, set)
    }

    fn of(settings: KeySettings, set: KeySet) -> Self {
        Self {
            set: ArcSwap::from_pointee(set),
            former: ArcSwapOption::empty(),
            generation: AtomicU64::new(0),
            secret: settings
                .hs256_key()
                .map(|secret| Arc::new(VerifyingKey::from_secret(&secret))),
            source: settings.source.label(),
            wanted_kids: matches!(settings.source, KeySource::ByKid(_)).then(Arc::default),
            unknown: UnknownKids::new(settings.jwks.unknown_kid_memory),
            settings,
            progress: watch::Sender::default(),
            asked_for_refresh: Notify::new(),
            proven: Notify::new(),
            fetch_state: Mutex::default(),
            events: OnceLock::new(),
            end_session: Arc::default(),
            clock: Arc::default(),
        }
    }

    /// Where browsers log out at the provider, as far as discovery has found it.
    pub fn end_session_endpoint(&self) -> Option<Arc<Url>> {
        self.end_session.load_full()
    }

    /// The current key set.
    pub fn snapshot(&self) -> Guard<Arc<KeySet>> {
        self.set.load()
    }

    /// The shared secret for HS256, if this issuer has one.
    pub fn secret(&self) -> Option<&Arc<VerifyingKey>> {
        self.secret.as_ref()
    }

    /// Grows with each set that takes effect. A refusal by signature is void under another
    /// generation.
    pub fn generation(&self) -> u64 {
        self.generation.load(Ordering::Acquire)
    }

    /// The keys and their state for operators.
    pub fn status(&self) -> KeysStatus {
        let set = self.snapshot();
        let fetch_state = self.fetch_state();
        let now = UnixTime::now();
        let row = |key: &Arc<VerifyingKey>| KeyRow {
            kid: key.kid().map(str::to_owned),
            kind: key.kind(),
            algorithms: key.algorithms().map(|it| it.name()).collect(),
        };
        KeysStatus {
            source: self.source.clone(),
            // Where each key has an address, the first token brings the first key.
            has_keys: !set.is_empty()
                || (self.settings.try_all_keys && set.has_rivals())
                || self.secret.is_some()
                || (self.wanted_kids.is_some() && set.is_known()),
            degraded: fetch_state.last_error.is_some(),
            generation: self.generation(),
            fetched_at: fetch_state.fetched_at,
            age: fetch_state.fetched_at.map(|at| at.until(now).as_secs()),
            next_refresh: fetch_state
                .next_refresh
                .map(|at| at.saturating_duration_since(Instant::now()).as_secs_f64()),
            last_error: fetch_state.last_error.clone(),
            fetches: fetch_state.fetches,
            skipped: set
                .skipped()
                .iter()
                .map(|(reason, count)| (reason.code(), *count))
                .collect(),
            keys: set.iter().chain(&self.secret).map(row).collect(),
        }
    }

    /// What is fetched where each key has an address of its own.
    pub(super) fn wanted_kids(&self) -> Arc<WantedKids> {
        self.wanted_kids.clone().unwrap_or_default()
    }

    /// The issuer's name.
    pub fn issuer_name(&self) -> &str {
        &self.settings.name
    }

    /// What they depend on.
    pub fn key_settings(&self) -> &KeySettings {
        &self.settings
    }

    pub(super) fn source(&self) -> &str {
        &self.source
    }

    pub(super) fn settings(&self) -> &JwksSettings {
        &self.settings.jwks
    }

    pub(super) fn progress(&self) -> &watch::Sender<Progress> {
        &self.progress
    }

    /// Frees those who wait for a fetch that will not come.
    pub(super) fn no_longer_fetched(&self) {
        self.progress.send_modify(|now| now.over = true);
    }

    pub(super) fn report_to(&self, events: Arc<dyn JwksEvents>) {
        // The first one who listens stays.
        let _ = self.events.set(events);
    }

    pub(super) fn events(&self) -> Option<&Arc<dyn JwksEvents>> {
        self.events.get()
    }

    pub(super) fn fetch_state(&self) -> MutexGuard<'_, FetchState> {
        self.fetch_state
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts another set in force, as a fetch does.
    #[cfg(test)]
    pub(crate) fn turn_over(&self, set: KeySet) {
        self.publish(set);
    }

    #[cfg(test)]
    pub(super) fn unknown_kid_memory(&self) -> usize {
        self.unknown.capacity()
    }

    /// Puts a fetched set in force. Keys that it lacks are distrusted before this returns. Only
    /// the issuer's task calls it.
    pub(super) fn publish(&self, set: KeySet) {
        let former = self.former.swap(None);
        let earlier = self.set.load_full();
        let set = self.replace(&earlier, set);
        let (name, revokes) = (self.issuer_name(), self.settings.revoke_on_key_removal);
        let former = former.iter().flat_map(|former| former.missing_in(&set));
        if let Some(events) = self.events.get() {
            for key in earlier.missing_in(&set).chain(former) {
                if self.was_taken_back(key, &set) {
                    events.key_removed(name, key.kid(), key.key_validity(), revokes);
                }
            }
        }
    }

    /// Whether the issuer took back a key that is not in the set any more. Where tokens name the keys that
    /// are fetched, one may also have made room for another.
    fn was_taken_back(&self, key: &VerifyingKey, set: &KeySet) -> bool {
        match (&self.wanted_kids, key.kid()) {
            (Some(kids), Some(kid)) => set.has_kid(kid) || kids.was_taken_back(kid),
            _ => true,
        }
    }

    /// A key has verified a token that is this issuer's by all that its header says. Where keys come because
    /// tokens name them, it is in force from now on.
    pub fn has_verified(&self, key: &VerifyingKey) {
        if let (Some(kids), Some(kid)) = (&self.wanted_kids, key.kid())
            && kids.prove(kid)
        {
            self.proven.notify_one();
        }
    }

    /// Takes up what was kept before a restart, and is good for so long. Where tokens name the keys that are
    /// fetched, these are fetched again, too.
    pub(super) fn recall(&self, set: KeySet, body: &[u8], good_for: Duration) {
        if let Some(kids) = &self.wanted_kids {
            kids.recall(body, good_for);
        }
        self.publish(set);
    }

    /// What is worth keeping over a restart of a body that was confirmed then: keys that anybody can have
    /// fetched are not.
    pub(super) fn worth_keeping(&self, body: Vec<u8>, fetched_at: UnixTime) -> StoredKeySet {
        let Some(kids) = &self.wanted_kids else {
            return StoredKeySet { body, fetched_at };
        };
        let (body, age) = kids.kept(self.settings().max_stale);
        let fetched_at = UnixTime::now().minus(age);
        StoredKeySet { body, fetched_at }
    }

    /// How many keys a set may have.
    pub(super) fn max_keys(&self) -> usize {
        match self.wanted_kids {
            Some(_) => WantedKids::MOST_KEYS,
            None => self.settings().max_keys,
        }
    }

    /// Drops keys that are too old to serve. Their sessions stay: nobody took the keys back, until the issuer says
    /// otherwise.
    pub(super) fn expire(&self) {
        let earlier = self.set.load_full();
        self.replace(&earlier, KeySet::unknown());
        self.former.store(Some(earlier));
    }

    /// Remembers what was in force before a restart, and is too old to serve, as [`Self::expire`] does.
    pub(super) fn recall_former(&self, set: KeySet) {
        self.former.store(Some(Arc::new(set)));
    }

    fn replace(&self, earlier: &KeySet, set: KeySet) -> Arc<KeySet> {
        let set = Arc::new(set.succeeding(earlier));
        self.set.store(Arc::clone(&set));
        for key in earlier.missing_in(&set) {
            key.key_validity().revoke();
        }
        self.generation.fetch_add(1, Ordering::AcqRel);
        if let Some(events) = self.events.get() {
            events.published(&self.settings.name, &set);
        }
        set
    }
}

impl fmt::Debug for IssuerKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IssuerKeys")
            .field("source", &self.source)
            .finish_non_exhaustive()
    }
}
