//! Keeps every issuer's keys fresh in the background.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::task::AbortHandle;
use tokio::time::{Instant, sleep_until};

use super::configured;
use super::error::{FetchError, SourceError};
use super::events::JwksEvents;
use super::fetch::Clients;
use super::issuer_keys::IssuerKeys;
use super::last_good::LastGood;
use super::set::KeySet;
use super::source::{Answer, Basis, Source, Validators};
use crate::clock::UnixTime;
use crate::issuer::KeySettings;

mod keeping;
mod stale;

use stale::Stale;

/// One task per issuer that fetches, so that an issuer that hangs delays nobody else. Issuers come
/// and go while it runs.
pub struct JwksService {
    clients: Clients,
    events: Arc<dyn JwksEvents>,
    last_good: Option<Arc<dyn LastGood>>,
    running: Mutex<Vec<Running>>,
}

/// The task of one issuer's keys.
struct Running {
    keys: Arc<IssuerKeys>,
    task: AbortHandle,
}

impl JwksService {
    /// A service that fetches for nobody yet. `last_good` is where answers are kept over a
    /// restart.
    pub fn new(events: Arc<dyn JwksEvents>, last_good: Option<Arc<dyn LastGood>>) -> Self {
        Self {
            clients: Clients::default(),
            events,
            last_good,
            running: Mutex::default(),
        }
    }

    /// Starts fetching and refreshing keys for these issuers as well, if their keys are fetched at
    /// all. Issuers that are already served are not disturbed. Must be called within a runtime.
    ///
    /// # Errors
    ///
    /// There is no way to fetch for one of them; then nothing new is fetched.
    pub fn start<'a>(
        &self,
        issuers: impl IntoIterator<Item = &'a Arc<IssuerKeys>>,
    ) -> Result<(), SourceError> {
        let mut running = self.running();
        let mut tasks = Vec::new();
        for keys in issuers {
            if running.iter().any(|one| Arc::ptr_eq(&one.keys, keys)) {
                continue;
            }
            keys.report_to(Arc::clone(&self.events));
            if let Some(source) = configured::source(keys, &keys.wanted_kids(), &self.clients)? {
                let keys = Arc::clone(keys);
                tasks.push(Task::new(keys, source, self.last_good.clone()));
            }
        }
        running.extend(tasks.into_iter().map(|task| Running {
            keys: Arc::clone(&task.keys),
            task: tokio::spawn(task.run()).abort_handle(),
        }));
        Ok(())
    }

    /// Fetches for no others any more.
    pub fn keep_only<'a>(&self, keys: impl IntoIterator<Item = &'a Arc<IssuerKeys>>) {
        let kept: Vec<_> = keys.into_iter().collect();
        self.running().retain(|one| {
            let stays = kept.iter().any(|kept| Arc::ptr_eq(kept, &one.keys));
            if !stays {
                one.task.abort();
                one.keys.no_longer_fetched();
            }
            stays
        });
    }

    /// The keys of an issuer that is only being tested: fetched once, without events, and not
    /// stored.
    ///
    /// # Errors
    ///
    /// There is no way to fetch. A fetch that failed is in the keys' status.
    pub async fn try_out(&self, settings: KeySettings) -> Result<Arc<IssuerKeys>, SourceError> {
        let keys = Arc::new(IssuerKeys::new(settings));
        if let Some(source) = configured::source(&keys, &keys.wanted_kids(), &self.clients)? {
            let mut task = Task::new(Arc::clone(&keys), source, None);
            task.fetch(&Wake::Operator).await;
            keys.no_longer_fetched();
        }
        Ok(keys)
    }

    /// Fetches once by these settings, keeps nothing, and says what went wrong.
    ///
    /// # Errors
    ///
    /// There is no way to fetch.
    pub async fn probe(
        &self,
        settings: KeySettings,
    ) -> Result<Result<(), FetchError>, SourceError> {
        let keys = IssuerKeys::new(settings);
        let source = configured::source(&keys, &keys.wanted_kids(), &self.clients)?;
        Ok(match source {
            Some(source) => source.fetch(Basis::Nothing).await.map(drop),
            None => Ok(()),
        })
    }

    fn running(&self) -> MutexGuard<'_, Vec<Running>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for JwksService {
    fn drop(&mut self) {
        self.keep_only([]);
    }
}

/// The fetching of one issuer.
pub(super) struct Task {
    keys: Arc<IssuerKeys>,
    source: Arc<dyn Source>,
    last_good: Option<Arc<dyn LastGood>>,
    validators: Validators,
    /// The body in force, kept to be confirmed by a 304.
    body: Option<Vec<u8>>,
    failures: u32,
    /// When the keys in force become too old to serve.
    stale: Option<Stale>,
}

/// What woke the task.
enum Wake {
    Schedule,
    /// A request found no key for its token.
    Request,
    Operator,
    Stale,
    /// A key that came because a token named it is in force.
    Proven,
}

impl Task {
    pub(super) fn new(
        keys: Arc<IssuerKeys>,
        source: Arc<dyn Source>,
        last_good: Option<Arc<dyn LastGood>>,
    ) -> Self {
        let validators = Validators::default();
        Self {
            keys,
            source,
            last_good,
            validators,
            body: None,
            failures: 0,
            stale: None,
        }
    }

    pub(super) async fn run(mut self) {
        self.restore().await;
        let mut due = Instant::now();
        loop {
            self.keys.fetch_state().next_refresh = Some(due);
            match self.next_wake(due).await {
                Wake::Stale => self.drop_stale(),
                Wake::Proven => self.keep_proven(),
                wake => due = Instant::now() + self.fetch(&wake).await,
            }
        }
    }

    async fn next_wake(&self, due: Instant) -> Wake {
        let asked = async {
            let mut changes = self.keys.progress().subscribe();
            // The sender lives as long as the keys, so this cannot fail.
            let permitted_at = match changes.wait_for(|now| now.asked).await {
                Ok(now) => now.permitted_at(),
                Err(_) => None,
            };
            if let Some(permitted_at) = permitted_at {
                sleep_until(permitted_at).await;
            }
        };
        let stale = async {
            match &self.stale {
                Some(stale) => stale.reached().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            () = stale => Wake::Stale,
            () = self.keys.asked_for_refresh.notified() => Wake::Operator,
            () = self.keys.proven.notified() => Wake::Proven,
            () = sleep_until(due) => Wake::Schedule,
            () = asked => Wake::Request,
        }
    }

    /// Fetches once, publishes what came, and says when to fetch again.
    async fn fetch(&mut self, wake: &Wake) -> Duration {
        let cooldown = self.keys.settings().unknown_kid_cooldown;
        let cooled_at = matches!(wake, Wake::Request).then(|| Instant::now() + cooldown);
        self.keys.progress().send_modify(|now| {
            now.started += 1;
            // Whoever asked so far is served by this fetch.
            now.asked = false;
            now.cooled_at = cooled_at.or(now.cooled_at);
        });
        let begun = Instant::now();
        let outcome = self.fetch_and_publish(wake).await;
        let (word, pause, asked_for) = match outcome {
            Ok((word, fresh_for)) => (word, self.note_success(fresh_for), None),
            Err(error) => {
                let pause = self.note_failure(&error);
                (error.code(), pause, self.pause_asked_for(&error))
            }
        };
        let good = self.failures == 0;
        self.keys.progress().send_modify(|now| {
            now.finished = now.started;
            now.deferred_until = asked_for.map(|pause| Instant::now() + pause);
            if good {
                now.last_good = now.started;
            }
        });
        if let Some(events) = self.keys.events() {
            events.fetched(self.keys.issuer_name(), word, begun.elapsed());
        }
        asked_for.map_or(pause, |asked_for| pause.max(asked_for))
    }

    async fn fetch_and_publish(
        &mut self,
        wake: &Wake,
    ) -> Result<(&'static str, Option<Duration>), FetchError> {
        let basis = match wake {
            Wake::Request | Wake::Operator => Basis::Nothing,
            Wake::Schedule | Wake::Stale | Wake::Proven => Basis::Earlier(&self.validators),
        };
        match self.source.fetch(basis).await? {
            Answer::Body {
                body,
                validators,
                fresh_for,
            } => {
                let set = self.parse(&body)?;
                self.validators = validators;
                // An equal body leaves the set as it is, and every refusal under it valid. Providers that know
                // no conditions answer with it each time.
                if self.body.as_ref() == Some(&body) {
                    return Ok((self.unchanged(), fresh_for));
                }
                self.publish(set);
                self.body = Some(body);
                self.keys.fetch_state().fetches.changed += 1;
                Ok(("changed", fresh_for))
            }
            Answer::Unchanged { fresh_for } => Ok((self.unchanged(), fresh_for)),
        }
    }

    /// Counts an answer that says nothing new; the word for it.
    fn unchanged(&self) -> &'static str {
        self.keys.fetch_state().fetches.unchanged += 1;
        "unchanged"
    }

    fn publish(&self, set: KeySet) {
        for (reason, count) in set.skipped() {
            tracing::warn!(
                issuer = self.keys.issuer_name(),
                reason = reason.code(),
                count,
                "entries of the key set are unusable and were skipped"
            );
        }
        tracing::info!(
            issuer = self.keys.issuer_name(),
            keys = set.len(),
            "new keys are in use"
        );
        self.keys.publish(set);
    }

    fn note_success(&mut self, fresh_for: Option<Duration>) -> Duration {
        self.failures = 0;
        let settings = self.keys.settings();
        self.stale = Some(Stale::after(settings.max_stale));
        let fetched_at = UnixTime::now();
        {
            let mut fetch_state = self.keys.fetch_state();
            fetch_state.fetched_at = Some(fetched_at);
            fetch_state.last_error = None;
        }
        self.keep(fetched_at);
        let interval = match fresh_for {
            None => settings.refresh_interval,
            Some(wanted) => {
                wanted.clamp(settings.min_refresh_interval, settings.longest_interval())
            }
        };
        // Up to a tenth earlier, so that gateways started together spread out.
        interval.mul_f64(1.0 - fastrand::f64() * 0.1)
    }

    fn note_failure(&mut self, error: &FetchError) -> Duration {
        let settings = self.keys.settings();
        let doublings = self.failures.min(16);
        self.failures = self.failures.saturating_add(1);
        let longest = if self.keys.snapshot().is_known() {
            settings.max_retry_interval
        } else {
            settings.max_retry_interval_without_keys
        };
        let pause = settings
            .min_retry_interval
            .saturating_mul(1 << doublings)
            .min(longest);
        tracing::warn!(
            issuer = self.keys.issuer_name(),
            source = self.keys.source(),
            error = %error,
            failures = self.failures,
            "the key set could not be fetched"
        );
        {
            let mut fetch_state = self.keys.fetch_state();
            fetch_state.last_error = Some(error.to_string());
            fetch_state.fetches.failed += 1;
        }
        // Anything from half of it on, so that gateways do not retry in step.
        pause.mul_f64(1.0 - fastrand::f64() * 0.5)
    }

    /// How long the issuer's server wants to be left alone, up to the longest interval that an answer may ask
    /// for, and up to a tenth more, so that gateways do not come back in step. Without keys nobody can sign in,
    /// so that is a minute then: what answers may be a page of maintenance, and not the server.
    fn pause_asked_for(&self, error: &FetchError) -> Option<Duration> {
        let settings = self.keys.settings();
        let longest = match self.keys.snapshot().is_known() {
            true => settings.longest_interval(),
            false => settings
                .max_retry_interval_without_keys
                .max(LONGEST_WITHOUT_KEYS),
        };
        let pause = error.retry_after()?.min(longest);
        Some(pause.mul_f64(1.0 + fastrand::f64() * 0.1))
    }

    fn drop_stale(&mut self) {
        tracing::error!(
            issuer = self.keys.issuer_name(),
            "the last valid keys are too old to be used"
        );
        self.stale = None;
        self.body = None;
        self.validators = Validators::default();
        self.keys.expire();
    }

    fn parse(&self, body: &[u8]) -> Result<KeySet, FetchError> {
        Ok(KeySet::parse_as(
            self.keys.key_settings().key_format,
            body,
            self.keys.max_keys(),
        )?)
    }
}

/// How long an answer may have the gateway wait while an issuer has no keys, if retries may not be further apart.
const LONGEST_WITHOUT_KEYS: Duration = Duration::from_secs(60);
