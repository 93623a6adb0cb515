//! Puts the parts together and runs them: state, services, listeners, the stop.
//!
//! Everything in the background, key sets, name resolution, the operators' listener, runs on one
//! runtime that outlives the proxy's own; so a stop can drain the proxy first and close the store
//! last.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use pingora::server::RunArgs;
use tokio::sync::{Notify, watch};
use tokio::time::timeout;
use tracing::{info, warn};

mod admin_listener;
mod check;
pub mod drain;
mod first_keys;
mod framework;
pub mod guard;
mod handover;
mod hot_upgrade;
mod huge_pages;
mod key_events;
mod last_connections;
mod last_good;
mod listening;
mod log_reopen;
mod maintenance;
mod new_process;
mod notify;
mod open_files;
mod progress;
mod proxy_factory;
mod reread;
mod shared_rates;
mod sockets;
pub mod state;
mod stop;
mod telemetry_setup;
pub mod tls;

use crate::config::Config;
use crate::diagnostic::Diagnostic;
use crate::listener::ListenAddress;
use crate::live_config::{self, Reload};
use crate::session::keys::KeysError;
use crate::store::ConnectError;
use crate::telemetry::otlp::OtlpError;
pub use check::check;
use first_keys::first_keys;
use handover::{Predecessor, UpgradeSocket};
use hot_upgrade::HotUpgrade;
use listening::Listening;
use new_process::NewProcess;
use notify::{Notifier, NotifyState};
use reread::Reread;
use shared_rates::RateExchanges;
use sockets::Sockets;
use state::State;
pub use state::{StateError, open_store};
use stop::Signals;
use telemetry_setup::Records;
use tls::ticket_files::TicketFileError;
use tls::{Certificates, TlsError};

/// Why the gateway does not run.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// An address cannot be listened on.
    #[error("cannot listen on {0}: {1}")]
    Bind(ListenAddress, io::Error),
    /// What only building the configuration finds.
    #[error("{0}")]
    Invalid(Diagnostic),
    /// A listener's certificates.
    #[error("listener `{0}`: {1}")]
    Tls(String, TlsError),
    /// A key of TLS tickets.
    #[error("`server.tls_tickets.key_files`: {0}")]
    TicketKeys(#[from] TicketFileError),
    /// The file of the access log cannot be opened.
    #[error("`log.access_file`: {0}")]
    AccessLog(io::Error),
    /// Traces cannot be sent as configured.
    #[error("`traces.otlp`: {0}")]
    Otlp(#[from] OtlpError),
    /// The background runtime could not be started.
    #[error("cannot start a runtime: {0}")]
    Runtime(io::Error),
    /// Store, keys, issuers or site.
    #[error(transparent)]
    State(#[from] StateError),
    /// Another process cannot take over from this one, or this one from another.
    #[error("`server.runtime_dir`: {0}")]
    Handover(io::Error),
    /// The proxy's thread is gone.
    #[error("the proxy ended unexpectedly")]
    Proxy,
}

impl ServeError {
    /// Whether the configuration or a file that it names is wrong, as `check` would say: another start
    /// fails as well, until somebody has changed it.
    pub fn is_of_configuration(&self) -> bool {
        matches!(
            self,
            Self::Invalid(_)
                | Self::Tls(..)
                | Self::TicketKeys(_)
                | Self::State(
                    StateError::Build(_)
                        | StateError::Keys(KeysError::File(_))
                        | StateError::Connect(
                            ConnectError::Url(_) | ConnectError::RootCertificates(_)
                        )
                )
        )
    }
}

/// How the gateway gets its sockets and its store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    /// Without taking over from a running gateway.
    Fresh,
    /// From the gateway that runs, when one does.
    Upgrade,
}

/// Serves until a signal stops it: SIGTERM drains, SIGINT stops at once, SIGUSR2 starts a process
/// that takes over.
pub fn run(config: &Config, start: Start) -> Result<(), ServeError> {
    huge_pages::refuse();
    open_files::raise();
    let descriptors = config.descriptors();
    if let Some(warning) = check::scarcity(&descriptors) {
        warn!(%warning, "the system");
    }
    for warning in check::certificates::warnings(config) {
        warn!(%warning, "a certificate");
    }
    let successor = NewProcess::of_this_process().map_err(ServeError::Handover)?;
    let runtime_dir = config.server.runtime_dir.as_deref();
    let mut predecessor = match (start, runtime_dir) {
        (Start::Upgrade, Some(folder)) => {
            Predecessor::find(folder).map_err(ServeError::Handover)?
        }
        _ => None,
    };
    let upgrade_socket = match (runtime_dir, &predecessor) {
        (Some(folder), None) => Some(UpgradeSocket::open(folder).map_err(ServeError::Handover)?),
        _ => None,
    };
    let inherited = predecessor
        .as_mut()
        .map(|predecessor| std::mem::take(&mut predecessor.sockets));
    let sockets = Arc::new(Sockets::open(config, inherited.unwrap_or_default())?);
    if let Some(predecessor) = &mut predecessor {
        // The running gateway is not disturbed until this one is known to be valid.
        if let Some(wrong) = check(config).into_iter().find(Diagnostic::is_error) {
            return Err(ServeError::Invalid(wrong));
        }
        predecessor.release_store().map_err(ServeError::Handover)?;
    }
    let background = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .thread_name("background")
        .enable_all()
        .build()
        .map_err(ServeError::Runtime)?;
    let (stop, stopped) = watch::channel(false);
    let state = background.block_on(State::build(config))?;
    let runtime = background.handle().clone();
    state.metrics.collect_runtime("background", runtime);
    let orders = background.block_on(state.orders(config))?;
    let tickets = background.block_on(state.tickets(config))?;
    let certificates = Certificates::load(config, &orders, tickets.as_ref(), &state.metrics)?;
    let challenges = orders.challenges();
    let admin_socket = sockets.admin().map_err(ServeError::Runtime)?;

    let (stop_admin, admin_stopped) = watch::channel(false);
    let admin_tls = certificates.of_admin();
    let (reread, hurries) = Reread::new(certificates.clone());
    admin_listener::start(
        &background,
        admin_socket,
        config,
        &state,
        admin_tls,
        &reread,
        admin_stopped,
    );
    background.spawn(maintenance::keep_house(state.clone(), stopped.clone()));
    background.spawn(maintenance::keep_events(state.clone(), stopped.clone()));
    background.spawn(Arc::clone(state.exchange().changes()).follow(stopped.clone()));
    background.spawn(Arc::clone(&state.live_config).follow(stopped.clone()));
    let notify = Notifier::of_environment();
    let (live_config, manager) = (Arc::clone(&state.live_config), notify.clone());
    background.spawn(live_config::on_hangup(
        live_config,
        stopped.clone(),
        move |reload| {
            if reload == Reload::Begun {
                reread.begin();
            }
            manager.send(&[match reload {
                Reload::Begun => NotifyState::Reloading,
                Reload::Over => NotifyState::Ready,
            }]);
        },
    ));
    background.spawn(certificates.clone().watch(stopped.clone()));
    if let Some(sharing) = state.exchange().rates().sharing() {
        let exchanges = RateExchanges {
            sharing: Arc::clone(sharing),
            store: Arc::clone(&state.store),
            metrics: Arc::clone(&state.metrics),
            every: config.limits.rates.shared_interval,
        };
        background.spawn(exchanges.run(stopped.clone()));
    }
    let changes = state.exchange().changes().setting_changes();
    if let Some(tickets) = tickets {
        background.spawn(tickets.run(changes.clone(), stopped.clone()));
    }
    let ordering = background.spawn(orders.run(changes, hurries, stopped.clone()));
    let webhooks = state.webhooks();
    background
        .block_on(webhooks.begin(&config.webhooks))
        .map_err(StateError::from)?;
    let live_config = Arc::clone(&state.live_config);
    let configured = move || live_config.view().config.webhooks.clone();
    let delivering = background.spawn(webhooks.run(configured, stopped.clone()));
    background.spawn(live_config::watch_file(
        Arc::clone(&state.live_config),
        stopped.clone(),
    ));
    let records = Records::start(config, &state.metrics, background.handle())?;
    let access_log = Arc::clone(&records.access_log);
    background.spawn(log_reopen::at_signal(access_log, stopped.clone()));
    let admission = Arc::clone(&state.admission);
    let longest = config.limits.keepalive_timeout;
    background.spawn(async move { admission.memory().make_room(longest, stopped).await });

    let shared = framework::shared(config, &state, &records, &descriptors);
    let shared = Arc::new(background.block_on(shared).map_err(ServeError::Runtime)?);
    let listeners = framework::listeners(config, &certificates, challenges.as_ref(), &shared);
    let (signal, signalled) = watch::channel(None);
    let (listening, progress) = Listening::new(listeners, Arc::clone(&sockets), signalled.clone());
    background.spawn(listening::announce_ready(
        state.clone(),
        config.clone(),
        progress.clone(),
        notify.clone(),
    ));
    if predecessor.is_some() {
        // It answers meanwhile; without keys this one could not.
        let known = async { timeout(FIRST_KEYS, first_keys(&state)).await };
        if background.block_on(known).is_err() {
            warn!("an issuer still has no keys");
        }
    }
    let mut proxy = framework::server(config, &descriptors);
    proxy.add_service(listening);
    let handed_over = Arc::new(Notify::new());
    let signals = Signals {
        asked: signal,
        handed_over: Arc::clone(&handed_over),
        successor: runtime_dir.map(|_| successor),
        shutdown_delay: config.server.shutdown_delay.unwrap_or_default(),
    };
    std::thread::Builder::new()
        .name("proxy".to_owned())
        .spawn(move || {
            proxy.run(RunArgs {
                shutdown_signal: Box::new(signals),
            })
        })
        .map_err(ServeError::Runtime)?;

    if let Some(folder) = runtime_dir {
        let hot_upgrade = HotUpgrade {
            state: state.clone(),
            runtime: background.handle().clone(),
            sockets,
            progress: progress.clone(),
            stop_admin: stop_admin.clone(),
            handed_over,
            notify: notify.clone(),
        };
        let folder = folder.to_owned();
        std::thread::Builder::new()
            .name("handover".to_owned())
            .spawn(move || hot_upgrade.run(&folder, predecessor, upgrade_socket))
            .map_err(ServeError::Runtime)?;
    }

    let ended = background.block_on(stop::served(
        config, &state, &shared, &notify, signalled, progress,
    ));
    stop.send_replace(true);
    stop_admin.send_replace(true);
    background.block_on(maintenance::write_activity(&state));
    // They let go in the store of what they hold of it.
    let let_go = async { timeout(LET_GO, futures::future::join(delivering, ordering)).await };
    let _ = background.block_on(let_go);
    background.block_on(state.store.close());
    records.close();
    info!("stopped");
    // The proxy's thread still sleeps through its fixed grace period; the process ends without it.
    ended
}

/// How long the issuers' keys are waited for before a predecessor is relieved.
const FIRST_KEYS: Duration = Duration::from_secs(10);
/// How long the delivery of events and orders of certificates can take to stop.
const LET_GO: Duration = Duration::from_secs(2);
