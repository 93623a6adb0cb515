//! The configuration in force: the file together with the issuers created by operators.
//!
//! A change is built completely first and then swapped in; if it is invalid, the last valid
//! configuration stays in force. Unchanged parts keep their state: an issuer keeps its keys and the
//! sessions that it vouches for, an upstream its health. All changes are applied one at a time,
//! wherever they come from: the file ([`LiveConfig::reload`]), an operator ([`LiveConfig::create`]
//! and the like), another gateway on the same store ([`LiveConfig::follow`]).

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use arc_swap::{ArcSwap, ArcSwapOption, Guard};
use futures::future::join_all;
use tokio::sync::{Mutex, watch};
use tracing::warn;

mod access_lists;
mod build;
mod issuer_document;
mod issuer_ends;
mod look;
mod off_here;
mod operators;
mod origins;
mod reload;
mod restart;
mod server_overrides;
mod set_aside;
mod stored;
mod stored_override;
mod upstream_tasks;
mod version;
mod watch_file;
mod writers;

pub use build::{BuildError, Lasting, check, issuers, snapshot};
pub use issuer_document::{cost_of_issuer_key, issuer_document};
pub use operators::{ChangeError, Replaced};
pub use reload::{Attempt, Trigger};
pub use set_aside::ConflictingIssuer;
pub use stored::{Document, StoredOrigin};
pub use stored_override::{OverrideKind, StoredOverride};
pub use version::{BasedOn, issuer_version};
pub use watch_file::{Reload, on_hangup, watch_file};

use crate::api;
use crate::config::Config;
use crate::exchange::{self, Exchange};
use crate::jwks::JwksService;
use crate::jwt::Issuers;
use crate::metrics::Metrics;
use crate::proxy::Snapshot;
use crate::store::{Store, StoreError};
use look::Look;
use off_here::OffHere;
use set_aside::Spared;
use stored::{Joined, Stored};
use stored_override::{OverrideRow, put_in_force};
use upstream_tasks::UpstreamTasks;

/// The configuration of a running gateway. One per process.
pub struct LiveConfig {
    parts: Parts,
    changes: Mutex<InForce>,
    view: ArcSwap<View>,
    last_attempt: ArcSwapOption<Attempt>,
    /// What operators say of servers, over or not, to be looked at.
    server_overrides: ArcSwap<Vec<OverrideRow>>,
    /// The file as it was when it was last read.
    looked: ArcSwapOption<Look>,
    /// The `iss` of the issuers that were in force here at the latest look.
    /// `None` until the first look.
    issuers_before: Mutex<Option<BTreeSet<String>>>,
    /// Sessions of issuers that are not in force are still to be ended.
    ends_are_left: AtomicBool,
    /// Issuers that an operator turned off, where that is not written down yet.
    off_here: OffHere,
    /// Held while a switch is written down, so that the last one that was asked for is the last one written.
    switching: Mutex<()>,
}

/// What a configuration is put in force at.
pub struct Parts {
    /// Where operators' settings are kept.
    pub store: Arc<dyn Store>,
    /// What requests read: each takes it once and keeps it.
    pub snapshot: Arc<ArcSwap<Snapshot>>,
    /// What the gateway's own endpoints keep from one configuration to the next.
    pub api: api::Lasting,
    /// What fetches issuers' keys.
    pub jwks: JwksService,
    /// The metrics, which count reloads.
    pub metrics: Arc<Metrics>,
}

impl Parts {
    /// The exchange of the configuration in force.
    fn exchange(&self) -> Arc<Exchange> {
        Arc::clone(&self.snapshot.load().exchange)
    }
}

/// What the next change starts from.
struct InForce {
    file: Config,
    stored: Stored,
    upstreams: UpstreamTasks,
}

/// What is in force, to be looked at.
pub struct View {
    /// The file's settings, with the issuers created by operators after those of the file.
    pub config: Config,
    /// The issuers created by operators, by name, as they were written.
    pub made: BTreeMap<String, Document>,
    /// Made issuers that are not in force.
    pub conflicting: Vec<ConflictingIssuer>,
    /// Whose sessions do not end with that.
    spared: Spared,
    /// The origins that operators allowed, the oldest first.
    pub origins: Vec<StoredOrigin>,
    /// What the file says otherwise than it is until a restart.
    pub needs_restart: Vec<&'static str>,
}

/// The file and the changes of operators, before anything is built.
pub struct Start {
    file: Config,
    stored: Stored,
    joined: Joined,
}

impl Start {
    /// The file together with what the store has.
    ///
    /// # Errors
    ///
    /// The store does not answer.
    pub async fn read(file: &Config, store: &dyn Store) -> Result<Self, StoreError> {
        let stored = Stored::read(store).await?;
        let joined = stored.join(file);
        Ok(Self {
            file: file.clone(),
            stored,
            joined,
        })
    }

    /// What to build from.
    pub fn config(&self) -> &Config {
        &self.joined.config
    }

    /// What its exchange is configured by.
    pub fn exchange_settings(&self) -> exchange::Settings {
        self.stored.exchange_settings(&self.joined.config)
    }

    /// Turns the issuers built from it on and off as operators want them.
    pub fn switch(&self, issuers: &Issuers) {
        let off_here = OffHere::default();
        self.stored.switch(issuers, &self.joined.made, &off_here);
    }
}

impl LiveConfig {
    /// Takes what was built from `start` into `parts`, and starts the background tasks for it.
    /// Upstreams have their addresses when this returns.
    ///
    /// # Errors
    ///
    /// Keys cannot be fetched at all.
    pub async fn start(parts: Parts, start: Start) -> Result<Self, BuildError> {
        let Start {
            file,
            stored,
            joined,
        } = start;
        parts.jwks.start(parts.exchange().issuers().key_sets())?;
        let mut upstreams = UpstreamTasks::default();
        let snapshot = parts.snapshot.load_full();
        put_in_force(&stored.overrides, snapshot.proxy.upstreams());
        upstreams
            .start(&file.resolver, snapshot.proxy.upstreams())
            .await;
        warn_of(&joined);
        let origins = stored.origins().cloned().collect();
        let overrides = stored.overrides.clone();
        let looked = file.file.as_deref().and_then(Look::at).map(Arc::new);
        parts.metrics.config_last_reload_success.set(1);
        reload::stamp(&parts.metrics);
        let live_config = Self {
            parts,
            changes: Mutex::new(InForce {
                file,
                stored,
                upstreams,
            }),
            view: ArcSwap::from_pointee(View {
                config: joined.config,
                made: joined.made,
                conflicting: joined.conflicting,
                spared: joined.spared,
                origins,
                needs_restart: Vec::new(),
            }),
            last_attempt: ArcSwapOption::empty(),
            server_overrides: ArcSwap::from_pointee(overrides),
            looked: ArcSwapOption::from(looked),
            issuers_before: Mutex::default(),
            ends_are_left: AtomicBool::new(false),
            off_here: OffHere::default(),
            switching: Mutex::default(),
        };
        if let Err(error) = live_config.end_with_issuers().await {
            warn!(%error, "the end of sessions with their issuer is not written down yet");
        }
        Ok(live_config)
    }

    /// What is in force.
    pub fn view(&self) -> Guard<Arc<View>> {
        self.view.load()
    }

    /// What fetches issuers' keys.
    pub fn jwks(&self) -> &JwksService {
        &self.parts.jwks
    }

    /// Follows what operators change at other gateways, until `stopped`.
    pub async fn follow(self: Arc<Self>, mut stopped: watch::Receiver<bool>) {
        let mut changes = self.parts.exchange().changes().setting_changes();
        let stop = stopped.wait_for(|stop| *stop);
        tokio::pin!(stop);
        loop {
            if let Err(error) = self.catch_up().await {
                warn!(%error, "changes of settings in the store cannot be received");
            }
            let pause = match self.switch_off_what_is_left().await {
                true => BACKSTOP,
                false => RETRY,
            };
            self.end_what_is_left().await;
            let next_end = self.end_overrides().await;
            self.sweep_overrides().await;
            tokio::select! {
                _ = &mut stop => return,
                Ok(()) = changes.changed() => {}
                () = self.off_here.failed() => {}
                () = tokio::time::sleep(next_end.map_or(pause, |end| end.min(pause))) => {}
            }
        }
    }

    /// Brings this gateway to what the store says.
    async fn catch_up(&self) -> Result<(), ChangeError> {
        let mut in_force = self.changes.lock().await;
        let stored = Stored::read(&*self.parts.store).await?;
        let file = in_force.file.clone();
        if stored.has_same_settings(&in_force.stored) {
            let exchange = self.parts.exchange();
            stored.switch(exchange.issuers(), &self.view().made, &self.off_here);
            let snapshot = self.parts.snapshot.load();
            put_in_force(&stored.overrides, snapshot.proxy.upstreams());
            self.server_overrides
                .store(Arc::new(stored.overrides.clone()));
            in_force.stored = stored;
            return Ok(());
        }
        self.take(&mut in_force, file, stored).await?;
        Ok(())
    }

    /// Puts a file and the store's settings in force, with what the files say that they name. On an
    /// error everything is as before.
    async fn take(
        &self,
        in_force: &mut InForce,
        file: Config,
        stored: Stored,
    ) -> Result<(), BuildError> {
        let parts = &self.parts;
        let joined = stored.join(&file);
        let earlier = parts.snapshot.load_full();
        let issuers = issuers(&joined.config, Some(earlier.exchange.issuers()))?;
        issuers.refuse_own(&earlier.exchange.minter().iss)?;
        let settings = stored.exchange_settings(&joined.config);
        let exchange = Arc::new(earlier.exchange.succeeding(Arc::new(issuers), settings));
        let lasting = Lasting {
            api: &parts.api,
            metrics: &parts.metrics,
        };
        let built = snapshot(
            &joined.config,
            Arc::clone(&exchange),
            &lasting,
            Some(&earlier),
        )?;
        let issuers = exchange.issuers();
        parts.jwks.start(issuers.key_sets())?;
        in_force
            .upstreams
            .start(&file.resolver, built.proxy.upstreams())
            .await;
        moved_keys(issuers, earlier.exchange.issuers()).await;
        stored.switch(issuers, &joined.made, &self.off_here);
        put_in_force(&stored.overrides, built.proxy.upstreams());

        // From here on nothing can fail. One store is the whole change: what has an earlier snapshot
        // keeps all of it.
        exchange.supersede(&earlier.exchange);
        parts.snapshot.store(Arc::new(built));
        // One that was turned off since was still looked for in the earlier snapshot.
        self.off_here.put_in_force(issuers);
        exchange.forget_superseded(&earlier.exchange);
        parts.jwks.keep_only(issuers.key_sets());
        let snapshot = parts.snapshot.load();
        in_force.upstreams.keep_only(snapshot.proxy.upstreams());
        let gone = earlier.exchange.issuers();
        for issuer in gone.iter() {
            if issuers.by_name(issuer.name()).is_none() {
                parts.metrics.forget_issuer(issuer.name());
            }
        }
        warn_of(&joined);
        let origins = stored.origins().cloned().collect();
        self.server_overrides
            .store(Arc::new(stored.overrides.clone()));
        in_force.file = file;
        in_force.stored = stored;
        self.view.store(Arc::new(View {
            config: joined.config,
            made: joined.made,
            conflicting: joined.conflicting,
            spared: joined.spared,
            origins,
            needs_restart: self.view().needs_restart.clone(),
        }));
        if let Err(error) = self.end_with_issuers().await {
            warn!(%error, "the end of sessions with their issuer is not written down yet");
        }
        Ok(())
    }
}

/// Waits for the first keys of issuers that had keys and now get them from another source, so that
/// their tokens stay accepted. The wait is short, since the keys may not arrive.
async fn moved_keys(issuers: &Issuers, earlier: &Issuers) {
    let has_moved = |issuer: &&Arc<crate::jwt::Issuer>| {
        let before = earlier.by_name(issuer.name());
        before.is_some_and(|before| !Arc::ptr_eq(before.keys(), issuer.keys()))
    };
    let fetches = issuers.iter().filter(has_moved);
    let fetched = join_all(fetches.map(|issuer| issuer.keys().first_fetch()));
    // Without them requests wait for the fetch themselves.
    let _ = tokio::time::timeout(PATIENCE_FOR_KEYS, fetched).await;
}

fn warn_of(joined: &Joined) {
    for ConflictingIssuer { name, reason } in &joined.conflicting {
        warn!(issuer = %name, reason, "an issuer created by an operator is set aside and not in force");
    }
    for (name, doubt) in &joined.doubts {
        warn!(issuer = %name, %doubt, "an issuer created by an operator has settings that are an error in a \
            new one; it is in force as before");
    }
}

/// Between looks at the store when nothing was heard.
const BACKSTOP: Duration = Duration::from_secs(30);
/// The same while something is to be written down.
const RETRY: Duration = Duration::from_secs(5);
const PATIENCE_FOR_KEYS: Duration = Duration::from_secs(1);
