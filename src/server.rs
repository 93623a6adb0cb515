//! Puts the parts together and runs them: state, services, listeners, the stop.
//!
//! Everything in the background, key sets, name resolution, the operators' listener, runs on one
//! runtime that outlives the proxy's own; so a stop can drain the proxy first and close the store
//! last.

use std::convert::Infallible;
use std::fs::Permissions;
use std::io;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;
use std::time::Duration;

use http::HeaderValue;
use pingora::proxy::http_proxy;
use pingora::server::configuration::ServerConf;
use pingora::server::{RunArgs, Server, ShutdownSignal, ShutdownSignalWatch};
use pingora::services::listening::Service;
use tokio::runtime::Runtime;
use tokio::sync::{Notify, Semaphore, watch};
use tokio::time::timeout;
use tracing::{info, warn};

pub mod drain;
pub mod guard;
mod handover;
mod housekeeping;
mod key_events;
mod last_good;
mod listening;
mod open_files;
mod sockets;
pub mod state;
mod succession;
mod successor;
pub mod tls;

use crate::admin;
use crate::admin::access::Access;
use crate::admin::history::History;
use crate::config::listener::Hsts;
use crate::config::{Config, Limits, ListenAddress, Listener};
use crate::metrics::Metrics;
use crate::proxy::Gateway;
use crate::runtime;
use drain::InFlight;
use guard::{Bounds, Clients, Guard, Rules, Shared};
use handover::{Door, Predecessor};
use listening::{Listening, Progress};
use sockets::Sockets;
use state::State;
pub use state::{StateError, open_store};
use succession::Succession;
use successor::Successor;
use tls::{Certificates, TlsError};

/// Why the gateway does not run.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// An address can not be listened on.
    #[error("cannot listen on {0}: {1}")]
    Bind(ListenAddress, io::Error),
    /// A listener's certificates.
    #[error("listener `{0}`: {1}")]
    Tls(String, TlsError),
    /// The background runtime could not be made.
    #[error("cannot start a runtime: {0}")]
    Runtime(io::Error),
    /// Store, keys, issuers or site.
    #[error(transparent)]
    State(#[from] StateError),
    /// Another process can not take over from this one, or this one from another.
    #[error("`server.runtime_dir`: {0}")]
    Handover(io::Error),
    /// The proxy's thread is gone.
    #[error("the proxy ended unexpectedly")]
    Proxy,
}

/// Builds what needs neither store nor sockets, to find what only building finds.
pub fn check(config: &Config) -> Result<(), ServeError> {
    state::check(config)?;
    let metrics = Metrics::new().map_err(StateError::from)?;
    Certificates::load(config, &Arc::new(metrics))?;
    Ok(())
}

/// How the gateway comes to its sockets and its store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    /// By itself.
    Fresh,
    /// From the gateway that runs, when one does.
    Upgrade,
}

/// Serves until a signal stops it: SIGTERM drains, SIGINT stops at once, SIGUSR2 starts a process
/// that takes over.
pub fn run(config: &Config, start: Start) -> Result<(), ServeError> {
    open_files::raise(config);
    let successor = Successor::of_this_process().map_err(ServeError::Handover)?;
    let runtime_dir = config.server.runtime_dir.as_deref();
    let mut predecessor = match (start, runtime_dir) {
        (Start::Upgrade, Some(folder)) => {
            Predecessor::find(folder).map_err(ServeError::Handover)?
        }
        _ => None,
    };
    let door = match (runtime_dir, &predecessor) {
        (Some(folder), None) => Some(Door::open(folder).map_err(ServeError::Handover)?),
        _ => None,
    };
    let inherited = predecessor
        .as_mut()
        .map(|predecessor| std::mem::take(&mut predecessor.sockets));
    let sockets = Arc::new(Sockets::open(config, inherited.unwrap_or_default())?);
    if let Some(predecessor) = &mut predecessor {
        // The running gateway goes on undisturbed until this one is known to be good.
        check(config)?;
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
    let certificates = Certificates::load(config, &state.metrics)?;
    let admin_socket = sockets.admin().map_err(ServeError::Runtime)?;

    let (stop_admin, admin_stopped) = watch::channel(false);
    serve_admin(&background, admin_socket, config, &state, admin_stopped);
    background.spawn(housekeeping::keep_house(state.clone(), stopped.clone()));
    background.spawn(Arc::clone(&state.exchange).follow(stopped.clone()));
    background.spawn(Arc::clone(&state.runtime).follow(stopped.clone()));
    background.spawn(runtime::on_hangup(
        Arc::clone(&state.runtime),
        stopped.clone(),
    ));
    background.spawn(certificates.clone().watch(stopped.clone()));
    background.spawn(runtime::watch_file(Arc::clone(&state.runtime), stopped));

    let shared = Arc::new(shared(config, &state));
    let listeners = listeners(config, &certificates, &shared);
    let (listening, progress) = Listening::new(listeners, Arc::clone(&sockets));
    background.spawn(announce_ready(
        state.clone(),
        config.clone(),
        progress.clone(),
    ));
    if predecessor.is_some() {
        // It answers meanwhile; without keys this one could not.
        let known = async { timeout(FIRST_KEYS, state.first_keys()).await };
        if background.block_on(known).is_err() {
            warn!("an issuer's keys are still missing");
        }
    }
    let mut proxy = framework(config);
    proxy.add_service(listening);
    let (signal, signalled) = watch::channel(None);
    let handed_over = Arc::new(Notify::new());
    let signals = Signals {
        asked: signal,
        handed_over: Arc::clone(&handed_over),
        successor: runtime_dir.map(|_| successor),
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
        let succession = Succession {
            state: state.clone(),
            runtime: background.handle().clone(),
            sockets,
            progress: progress.clone(),
            stop_admin: stop_admin.clone(),
            handed_over,
        };
        let folder = folder.to_owned();
        std::thread::Builder::new()
            .name("handover".to_owned())
            .spawn(move || succession.run(&folder, predecessor, door))
            .map_err(ServeError::Runtime)?;
    }

    let ended = background.block_on(served(config, &state, &shared, signalled, progress));
    stop.send_replace(true);
    stop_admin.send_replace(true);
    background.block_on(housekeeping::write_activity(&state));
    background.block_on(state.store.close());
    info!("stopped");
    // The proxy's thread still sleeps through its fixed grace period; the process ends without it.
    ended
}

/// Returns when nothing is served any more: after a signal, and after the drain that it asked
/// for.
async fn served(
    config: &Config,
    state: &State,
    shared: &Shared,
    mut signalled: watch::Receiver<Option<Stop>>,
    mut progress: watch::Receiver<Progress>,
) -> Result<(), ServeError> {
    let asked = tokio::select! {
        biased;
        // A sender that is gone: the proxy ended without a signal, and says why in the log.
        asked = signalled.wait_for(Option::is_some) => asked.ok().and_then(|stop| *stop),
        _ = progress.wait_for(|progress| *progress == Progress::Ended) => None,
    };
    match asked {
        Some(Stop::AtOnce) => return Ok(()),
        Some(Stop::Drain) => {}
        None => return Err(ServeError::Proxy),
    }
    state.health.draining();
    info!("draining");
    let drained = async {
        // Until then a connection may be taken that nobody has counted yet. A sender that is gone
        // takes none either.
        let _ = progress
            .wait_for(|progress| *progress == Progress::Ended)
            .await;
        shared.in_flight.none().await;
    };
    if timeout(config.server.drain_timeout, drained).await.is_err() {
        warn!("requests still in flight at the end of server.drain_timeout are cut");
        return Ok(());
    }
    // What was answered last may still be on its way out of an HTTP/2 connection.
    let _ = timeout(LAST_WORDS, shared.open.none()).await;
    Ok(())
}

fn serve_admin(
    background: &Runtime,
    socket: TcpListener,
    config: &Config,
    state: &State,
    mut stopped: watch::Receiver<bool>,
) {
    let history = Arc::new(History::new());
    let router = admin::router(admin::AdminState {
        metrics: Arc::clone(&state.metrics),
        health: Arc::clone(&state.health),
        exchange: Arc::clone(&state.exchange),
        store: Arc::clone(&state.store),
        runtime: Arc::clone(&state.runtime),
        site: Arc::clone(&state.site),
        history: Arc::clone(&history),
        access: Arc::new(Access::new(&config.admin, Arc::clone(&state.store))),
        browsers: Arc::default(),
    });
    let metrics = Arc::clone(&state.metrics);
    background.spawn(async move { history.follow(&metrics).await });
    background.spawn(async move {
        let served = async {
            socket.set_nonblocking(true)?;
            let socket = tokio::net::TcpListener::from_std(socket)?;
            let stop = async move {
                // A sender that is gone means the same as a stop.
                let _ = stopped.wait_for(|stop| *stop).await;
            };
            axum::serve(socket, router)
                .with_graceful_shutdown(stop)
                .await
        };
        if let Err(error) = served.await {
            warn!(%error, "the admin listener failed");
        }
    });
}

fn framework(config: &Config) -> Server {
    let threads = match config.server.threads {
        0 => std::thread::available_parallelism().map_or(1, usize::from),
        threads => threads,
    };
    let settings = ServerConf {
        threads,
        work_stealing: false,
        upstream_keepalive_pool_size: UPSTREAM_POOL,
        grace_period_seconds: Some(config.server.drain_timeout.as_secs() + 1),
        graceful_shutdown_timeout_seconds: Some(1),
        ..ServerConf::default()
    };
    let mut server = Server::new_with_opt_and_conf(None, settings);
    server.bootstrap();
    server
}

/// The one proxy behind all listeners, and what bounds them together.
fn shared(config: &Config, state: &State) -> Shared {
    let gateway = Gateway::new(
        Arc::clone(&state.site),
        Arc::clone(&state.exchange),
        Arc::clone(&state.router),
        Arc::clone(&state.metrics),
    );
    let settings = Arc::new(ServerConf {
        upstream_keepalive_pool_size: UPSTREAM_POOL,
        ..ServerConf::default()
    });
    Shared {
        proxy: Arc::new(http_proxy(&settings, gateway)),
        bounds: bounds(&config.limits),
        permits: Semaphore::new(config.limits.connections),
        clients: Clients::new(config.limits.connections_per_client),
        told: Semaphore::new(Shared::TOLD_AT_ONCE),
        site: Arc::clone(&state.site),
        in_flight: InFlight::default(),
        open: InFlight::default(),
        metrics: Arc::clone(&state.metrics),
    }
}

fn bounds(limits: &Limits) -> Bounds {
    Bounds {
        header_timeout: limits.header_timeout,
        keepalive_timeout: limits.keepalive_timeout,
        keepalive_requests: limits.keepalive_requests,
        h2_streams: limits.h2_streams,
        h2_resets: limits.h2_resets,
        h2_header_list: h2_header_list(limits),
    }
}

/// A field costs 32 bytes beside its own in HTTP/2's count.
fn h2_header_list(limits: &Limits) -> u32 {
    let fields = u64::try_from(limits.header_count).unwrap_or(u64::MAX);
    let most = fields
        .saturating_mul(32)
        .saturating_add(limits.header_size.as_u64());
    u32::try_from(most).unwrap_or(u32::MAX)
}

fn hsts(hsts: &Hsts) -> HeaderValue {
    let mut text = format!("max-age={}", hsts.max_age.as_secs());
    for (said, directive) in [
        (hsts.include_subdomains, "; includeSubDomains"),
        (hsts.preload, "; preload"),
    ] {
        if said {
            text.push_str(directive);
        }
    }
    // Made of visible ASCII.
    HeaderValue::try_from(text).unwrap_or(HeaderValue::from_static("max-age=0"))
}

fn listeners(
    config: &Config,
    certificates: &Certificates,
    shared: &Arc<Shared>,
) -> Vec<Service<Guard>> {
    let one = |listener: &Listener| {
        let rules = Rules {
            name: listener.name(),
            h2c: listener.h2c,
            tls: certificates.of(&listener.name()),
            proxy_protocol: listener.proxy_protocol,
            redirects_to: listener.redirect_to_https.then(|| config.public_url.port()),
            hsts: listener.hsts.as_ref().map(hsts),
        };
        let guard = Guard::new(rules, Arc::clone(shared));
        let mut service = Service::new(listener.name(), guard);
        match &listener.address {
            ListenAddress::Inet(address) => service.add_tcp(&address.to_string()),
            ListenAddress::Unix(path) => {
                let mode = Permissions::from_mode(listener.mode.0);
                service.add_uds(&path.to_string_lossy(), Some(mode));
            }
        }
        service
    };
    config.listeners.iter().map(one).collect()
}

/// Says that the gateway is ready once connections are taken.
async fn announce_ready(state: State, config: Config, mut progress: watch::Receiver<Progress>) {
    let accepting = progress.wait_for(|progress| *progress != Progress::Starting);
    if accepting.await.is_err() {
        return;
    }
    for listener in &config.listeners {
        info!(listener = listener.name(), address = %listener.address, "listening");
    }
    state.first_keys().await;
    state.health.listening();
    info!("ready");
}

/// What a signal asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stop {
    Drain,
    AtOnce,
}

/// Tells both the framework, which closes the listeners, and [`run`], which drains.
struct Signals {
    asked: watch::Sender<Option<Stop>>,
    /// A successor serves: this process drains.
    handed_over: Arc<Notify>,
    /// `None` where none can take over.
    successor: Option<Successor>,
}

#[async_trait::async_trait]
impl ShutdownSignalWatch for Signals {
    async fn recv(&self) -> ShutdownSignal {
        use tokio::signal::unix::{SignalKind, signal};
        let (terminate, interrupt, upgrade) = (
            signal(SignalKind::terminate()),
            signal(SignalKind::interrupt()),
            signal(SignalKind::user_defined2()),
        );
        let stop = match (terminate, interrupt, upgrade) {
            (Ok(mut terminate), Ok(mut interrupt), Ok(mut upgrade)) => loop {
                tokio::select! {
                    _ = terminate.recv() => break Stop::Drain,
                    _ = interrupt.recv() => break Stop::AtOnce,
                    () = self.handed_over.notified() => break Stop::Drain,
                    _ = upgrade.recv() => match &self.successor {
                        Some(successor) => successor.start(),
                        None => warn!("SIGUSR2 does nothing without server.runtime_dir"),
                    },
                }
            },
            _ => {
                warn!("signals cannot be received; only SIGKILL stops this process");
                std::future::pending::<Infallible>().await;
                Stop::AtOnce
            }
        };
        self.asked.send_replace(Some(stop));
        match stop {
            Stop::Drain => ShutdownSignal::GracefulTerminate,
            Stop::AtOnce => ShutdownSignal::FastShutdown,
        }
    }
}

/// Idle connections to upstreams that are kept for reuse.
const UPSTREAM_POOL: usize = 1024;
/// How long the issuers' keys are waited for before a predecessor is relieved.
const FIRST_KEYS: Duration = Duration::from_secs(10);
/// How long connections are waited for that have nothing in flight any more.
const LAST_WORDS: Duration = Duration::from_secs(2);
