//! Puts the parts together and runs them: state, services, listeners, the stop.
//!
//! Everything in the background, key sets, name resolution, the operators' listener, runs on one
//! runtime that outlives the proxy's own; so a stop can drain the proxy first and close the store
//! last.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use pingora::server::RunArgs;
use tokio::runtime::Runtime;
use tokio::sync::{Notify, watch};
use tokio::time::timeout;
use tracing::{info, warn};

mod admin_listener;
mod background;
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
mod signals;
mod sockets;
pub mod state;
mod stop;
mod takeover;
mod telemetry_setup;
pub mod tls;

use crate::config::Config;
use crate::diagnostic::Diagnostic;
use crate::listener::ListenAddress;
use crate::resources::Descriptors;
use crate::session::keys::KeysError;
use crate::store::ConnectError;
use crate::telemetry::otlp::OtlpError;
use background::Background;
pub use check::check;
use first_keys::first_keys;
use hot_upgrade::HotUpgrade;
use listening::Listening;
use new_process::NewProcess;
use signals::{Ends, Signals};
use state::State;
pub use state::{StateError, open_store};
use stop::{Asked, Stopping};
use takeover::{Takeover, take_over};
use tls::TlsError;
use tls::ticket_files::TicketFileError;

/// Why the gateway does not run.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// An address cannot be listened on.
    #[error("{}", cannot_listen(key, address, cause))]
    Bind {
        /// The key of the configuration that names the address.
        key: &'static str,
        /// The address.
        address: ListenAddress,
        /// What the system says.
        cause: io::Error,
    },
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
    /// The system has no room for the receivers of signals.
    #[error("signals cannot be received: {0}")]
    Signals(io::Error),
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

fn cannot_listen(key: &str, address: &ListenAddress, cause: &io::Error) -> String {
    let fix = match cause.kind() {
        io::ErrorKind::AddrInUse => {
            "another process listens there (`ss -ltnp` shows which): stop it, or choose another address"
        }
        io::ErrorKind::PermissionDenied => {
            "ports below 1024 need CAP_NET_BIND_SERVICE, and sockets a folder that can be written"
        }
        io::ErrorKind::AddrNotAvailable => "this machine does not have the address",
        _ => return format!("cannot listen on {address} (`{key}`): {cause}"),
    };
    format!("cannot listen on {address} (`{key}`): {fix}")
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
    info!(version = env!("CARGO_PKG_VERSION"), "starting");
    huge_pages::refuse();
    open_files::raise();
    let descriptors = config.descriptors();
    warn_of(config, &descriptors);
    let runtime = background::runtime()?;
    let Signals {
        mut ends,
        reload,
        reopen,
        upgrade,
    } = Signals::receive(&runtime).map_err(ServeError::Signals)?;
    let successor = NewProcess::of_this_process().map_err(ServeError::Handover)?;
    let runtime_dir = config.server.runtime_dir.as_deref();
    let Takeover {
        predecessor,
        upgrade_socket,
        sockets,
    } = take_over(config, start)?;
    let Some(state) = runtime.block_on(build(config, &mut ends))? else {
        // Whoever still asks for an address keeps nobody waiting.
        runtime.shutdown_background();
        info!("stopped before it served");
        return Ok(());
    };
    let background = Background::start(&runtime, config, &state, &sockets, (reload, reopen))?;

    let shared = framework::shared(config, &state, &background.records, &descriptors);
    let shared = Arc::new(runtime.block_on(shared).map_err(ServeError::Runtime)?);
    let certificates = &background.certificates;
    let challenges = background.challenges.as_ref();
    let listeners = framework::listeners(config, certificates, challenges, &shared);
    let (signal, signalled) = watch::channel(None);
    let (listening, progress) = Listening::new(listeners, Arc::clone(&sockets), signalled.clone());
    runtime.spawn(listening::announce_ready(
        state.clone(),
        config.clone(),
        progress.clone(),
        background.notifier.clone(),
    ));
    if predecessor.is_some() {
        wait_for_keys(&runtime, &state);
    }
    let handed_over = Arc::new(Notify::new());
    let stopping = Stopping {
        asked: signalled.clone(),
        shutdown_delay: config.server.shutdown_delay.unwrap_or_default(),
    };
    start_proxy(config, &descriptors, listening, stopping)?;
    let asked = Asked {
        ends,
        upgrade,
        handed_over: Arc::clone(&handed_over),
        successor: runtime_dir.map(|_| successor),
    };
    runtime.spawn(asked.pass_on(signal));
    if let Some(folder) = runtime_dir {
        let hot_upgrade = HotUpgrade {
            state: state.clone(),
            runtime: runtime.handle().clone(),
            sockets,
            progress: progress.clone(),
            stop_admin: background.stop_admin.clone(),
            handed_over,
            notify: background.notifier.clone(),
        };
        let folder = folder.to_owned();
        start_thread("handover", move || {
            hot_upgrade.run(&folder, predecessor, upgrade_socket);
        })?;
    }

    let ended = runtime.block_on(stop::served(
        config,
        &state,
        &shared,
        &background.notifier,
        signalled,
        progress,
    ));
    background.shut_down(&runtime, &state);
    info!("stopped");
    // The proxy's thread still sleeps through its fixed grace period; the process ends without it.
    ended
}

/// Builds the state; `None` if the end was asked for meanwhile, as while a database does not respond.
async fn build(config: &Config, ends: &mut Ends) -> Result<Option<State>, StateError> {
    tokio::select! {
        biased;
        () = ends.asked_for() => Ok(None),
        state = State::build(config) => state.map(Some),
    }
}

/// Logs what is scarce, and which certificates are near their end.
fn warn_of(config: &Config, descriptors: &Descriptors) {
    if let Some(warning) = check::scarcity(descriptors) {
        warn!(%warning, "the system");
    }
    for warning in check::certificates::warnings(config) {
        warn!(%warning, "a certificate");
    }
}

/// Waits for the issuers' first keys while a predecessor still answers; without keys this process could
/// not.
fn wait_for_keys(runtime: &Runtime, state: &State) {
    let known = async { timeout(FIRST_KEYS, first_keys(state)).await };
    if runtime.block_on(known).is_err() {
        warn!("an issuer still has no keys");
    }
}

/// Starts the framework, which serves on a thread of its own.
fn start_proxy(
    config: &Config,
    descriptors: &Descriptors,
    listening: Listening,
    stopping: Stopping,
) -> Result<(), ServeError> {
    let mut proxy = framework::server(config, descriptors);
    proxy.add_service(listening);
    start_thread("proxy", move || {
        proxy.run(RunArgs {
            shutdown_signal: Box::new(stopping),
        });
    })
}

fn start_thread(name: &str, run: impl FnOnce() + Send + 'static) -> Result<(), ServeError> {
    std::thread::Builder::new()
        .name(name.to_owned())
        .spawn(run)
        .map(|_| ())
        .map_err(ServeError::Runtime)
}

/// How long the issuers' keys are waited for before a predecessor is relieved.
const FIRST_KEYS: Duration = Duration::from_secs(10);
