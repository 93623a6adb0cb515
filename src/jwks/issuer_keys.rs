//! The keys of one issuer as requests see them.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use arc_swap::{ArcSwap, ArcSwapOption, Guard};
use tokio::sync::{Notify, watch};
use tokio::time::{Instant, timeout_at};
use url::Url;

use super::events::{JwksEvents, UnknownKidAction};
use super::key::VerifyingKey;
use super::set::KeySet;
use super::status::{FetchCounts, KeyRow, KeysStatus};
use super::unknown_kid::UnknownKids;
use super::wanted_kids::WantedKids;
use crate::clock::UnixTime;
use crate::clock::other_clock::OtherClock;
use crate::issuer::{JwksSettings, KeyFormat, KeySettings, KeySource, SecretEncoding};

/// A snapshot that requests read, and the way to ask for one more fetch. Nothing here does I/O:
/// the issuer's task of [`super::JwksService`] fetches and publishes.
pub struct IssuerKeys {
    set: ArcSwap<KeySet>,
    generation: AtomicU64,
    secret: Option<Arc<VerifyingKey>>,
    settings: KeySettings,
    source: String,
    progress: watch::Sender<Progress>,
    pub(super) asked_for_refresh: Notify,
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

/// What a request hopes that a fetch brings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// A key with this `kid`.
    Kid(String),
    /// Other keys than those of this generation: none of them verifies a token that may be good,
    /// because its issuer put a new key in the place of an old one.
    Change {
        /// The generation under which the token was judged.
        since: u64,
    },
}

/// How far fetching is. Fetches of one issuer never overlap.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Progress {
    /// The number of fetches that have started.
    pub(super) started: u64,
    /// The number of fetches that have finished.
    pub(super) finished: u64,
    /// The last fetch that succeeded, counted like `started`.
    pub(super) last_good: u64,
    /// When the next fetch for an unknown `kid` may begin; `None`: at any time.
    pub(super) permitted_at: Option<Instant>,
    /// A request has asked for one since the last fetch began.
    pub(super) asked: bool,
    /// Nobody fetches any more: there is nothing to wait for.
    pub(super) over: bool,
}

impl Progress {
    fn is_running(&self) -> bool {
        self.started > self.finished
    }
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
            jwks: JwksSettings::default(),
        };
        Self::of(settings, set)
    }

    fn of(settings: KeySettings, set: KeySet) -> Self {
        Self {
            set: ArcSwap::from_pointee(set),
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

    /// Asks for one more fetch because no key verifies a token, and waits for it, at most
    /// `unknown_kid_wait`. True: the keys have changed for this token, look again.
    ///
    /// All requests share one fetch, and there is at most one in `unknown_kid_cooldown`, failed
    /// ones counted, whatever they want. A request that could only wait in vain does not wait.
    pub async fn refetch_for(&self, wanted: &Wanted) -> bool {
        if !self.settings.is_fetched() {
            return false;
        }
        if let (Some(kids), Wanted::Kid(kid)) = (&self.wanted_kids, wanted) {
            kids.ask_for(kid);
        }
        let action = self.wait_for_key(wanted).await;
        if let Some(events) = self.events.get() {
            events.unknown_kid(&self.settings.name, action);
        }
        action == UnknownKidAction::Found
    }

    async fn wait_for_key(&self, wanted: &Wanted) -> UnknownKidAction {
        let settings = self.settings();
        let deadline = Instant::now() + settings.unknown_kid_wait;
        let mut changes = self.progress.subscribe();
        let mut asked_after = None;
        let kid = match wanted {
            Wanted::Kid(kid) => Some(kid.as_str()),
            Wanted::Change { .. } => None,
        };
        loop {
            let now = *changes.borrow_and_update();
            let found = match wanted {
                Wanted::Kid(kid) => self.snapshot().has_kid(kid),
                Wanted::Change { since } => self.generation() != *since,
            };
            if found {
                return UnknownKidAction::Found;
            }
            if now.over {
                return UnknownKidAction::Absent;
            }
            // A fetch that began before the question may have been answered before the key was
            // published; one that began after it settles the matter.
            if asked_after.is_some_and(|asked_after| now.finished > asked_after) {
                if let Some(kid) = kid
                    && now.last_good == now.finished
                {
                    let longest = settings.refresh_interval;
                    self.unknown
                        .absent(kid, settings.unknown_kid_cooldown, longest);
                }
                return UnknownKidAction::Absent;
            }
            if !now.is_running() && asked_after.is_none() {
                let remembered = kid.and_then(|kid| self.unknown.not_before(kid));
                let permitted_at = now.permitted_at.max(remembered);
                if permitted_at.is_some_and(|at| at > deadline) {
                    return UnknownKidAction::Refused;
                }
                // Under the channel's lock: a fetch that begins meanwhile is waited for instead.
                self.progress.send_if_modified(|now| {
                    if now.is_running() {
                        return false;
                    }
                    asked_after = Some(now.started);
                    !std::mem::replace(&mut now.asked, true)
                });
            }
            if timeout_at(deadline, changes.changed()).await.is_err() {
                return UnknownKidAction::TimedOut;
            }
        }
    }

    /// Fetches at once, whatever the cooldown, and waits for the end. True: it succeeded.
    pub async fn refresh(&self) -> bool {
        if !self.settings.is_fetched() {
            return false;
        }
        let mut changes = self.progress.subscribe();
        let begun = changes.borrow_and_update().started;
        self.asked_for_refresh.notify_one();
        let ended = changes
            .wait_for(|now| now.finished > begun || now.over)
            .await;
        ended.is_ok_and(|now| now.last_good > begun)
    }

    /// Waits until the first fetch has ended, well or badly; at once when nothing is fetched.
    pub async fn first_fetch(&self) {
        if self.settings.is_fetched() {
            // The sender lives as long as `self`, so this cannot fail.
            let _ = self
                .progress
                .subscribe()
                .wait_for(|now| now.finished > 0 || now.over)
                .await;
        }
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
        self.replace(set, self.settings.revoke_on_key_removal);
    }

    /// Drops keys that are too old to serve. Their sessions stay: nobody took the keys back.
    pub(super) fn expire(&self) {
        self.replace(KeySet::unknown(), false);
    }

    fn replace(&self, set: KeySet, revoke_sessions: bool) {
        let earlier = self.set.load_full();
        let set = Arc::new(set.succeeding(&earlier));
        if let Some(kids) = &self.wanted_kids {
            // Those of an earlier process are fetched again, too.
            set.iter()
                .filter_map(|key| key.kid())
                .for_each(|kid| kids.ask_for(kid));
        }
        self.set.store(Arc::clone(&set));
        for key in earlier.missing_in(&set) {
            key.key_validity().revoke();
        }
        self.generation.fetch_add(1, Ordering::AcqRel);
        let Some(events) = self.events.get() else {
            return;
        };
        let name = &self.settings.name;
        events.published(name, &set);
        for key in earlier.missing_in(&set) {
            events.key_removed(name, key.kid(), key.key_validity(), revoke_sessions);
        }
    }
}

impl fmt::Debug for IssuerKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IssuerKeys")
            .field("source", &self.source)
            .finish_non_exhaustive()
    }
}
