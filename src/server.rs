//! Puts the parts together and runs them: state, services, listeners, the stop.
//!
//! Everything in the background, key sets, name resolution, the operators' listener, runs on one
//! runtime that outlives the proxy's own; so a stop can drain the proxy first and close the store
//! last.

use std::convert::Infallible;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use pingora::apps::HttpServerOptions;
use pingora::proxy::http_proxy;
use pingora::server::configuration::ServerConf;
use pingora::server::{RunArgs, Server, ShutdownSignal, ShutdownSignalWatch};
use pingora::services::listening::Service;
use tokio::net::TcpStream;
use tokio::runtime::Runtime;
use tokio::sync::{Semaphore, watch};
use tracing::{info, warn};

pub mod drain;
pub mod guard;
mod housekeeping;
mod key_events;
mod last_good;
pub mod state;

use crate::admin;
use crate::admin::access::Access;
use crate::api;
use crate::config::{Config, Limits, Listener};
use crate::proxy::Gateway;
use crate::upstream::{HealthChecks, Resolver};
use drain::InFlight;
use guard::{Bounds, Guard};
use state::State;
pub use state::{StateError, check};

/// Why the gateway does not run.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// An address can not be listened on.
    #[error("cannot listen on {0}: {1}")]
    Bind(SocketAddr, io::Error),
    /// The background runtime could not be made.
    #[error("cannot start a runtime: {0}")]
    Runtime(io::Error),
    /// Store, keys, issuers or site.
    #[error(transparent)]
    State(#[from] StateError),
    /// The proxy's thread is gone.
    #[error("the proxy ended unexpectedly")]
    Proxy,
}

/// Serves until a signal stops it: SIGTERM drains, SIGINT stops at once.
pub fn run(config: &Config) -> Result<(), ServeError> {
    let admin_socket = bind(config.admin.address)?;
    for listener in &config.listeners {
        // The framework retries a taken port for half a minute and then lives on without it.
        drop(bind(listener.address)?);
    }
    let background = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .thread_name("background")
        .enable_all()
        .build()
        .map_err(ServeError::Runtime)?;
    let (stop, stopped) = watch::channel(false);
    let (state, key_sets) = background.block_on(State::build(config))?;
    let in_flight = InFlight::default();

    serve_admin(&background, admin_socket, config, &state, stopped.clone());
    background.spawn(housekeeping::keep_house(state.clone(), stopped.clone()));
    background.spawn(Arc::clone(&state.exchange).follow(stopped.clone()));
    background.spawn(key_sets.run(stopped.clone()));
    background.spawn(state.switches.clone().follow(stopped.clone()));
    let mut resolver = Resolver::new(&config.resolver, state.site.load().upstreams().cloned());
    background.block_on(resolver.resolve_all());
    background.spawn(resolver.run(stopped.clone()));
    background.spawn(HealthChecks::new(state.site.load().upstreams().cloned()).run(stopped));
    background.spawn(announce_ready(state.clone(), listening_addresses(config)));

    let proxy = proxy_server(config, &state, &in_flight);
    let (signal, mut signalled) = watch::channel(None);
    let proxy = std::thread::Builder::new()
        .name("proxy".to_owned())
        .spawn(move || {
            proxy.run(RunArgs {
                shutdown_signal: Box::new(Signals(signal)),
            })
        })
        .map_err(ServeError::Runtime)?;

    let asked =
        background.block_on(async { signalled.wait_for(Option::is_some).await.map(|s| *s) });
    match asked {
        Ok(Some(Stop::Drain)) => {
            state.health.draining();
            info!("draining");
            let limit = config.server.drain_timeout;
            let drained = async { tokio::time::timeout(limit, in_flight.none()).await };
            if background.block_on(drained).is_err() {
                warn!("requests still in flight at the end of server.drain_timeout are cut");
            }
        }
        Ok(_) => {}
        Err(_) => {
            // The proxy dropped the sender: it ended without a signal, and says why in the log.
            let _ = proxy.join();
            return Err(ServeError::Proxy);
        }
    }
    stop.send_replace(true);
    background.block_on(housekeeping::write_activity(&state));
    background.block_on(state.store.close());
    info!("stopped");
    // The proxy's thread still sleeps through its fixed grace period; the process ends without it.
    Ok(())
}

fn bind(address: SocketAddr) -> Result<TcpListener, ServeError> {
    TcpListener::bind(address).map_err(|error| ServeError::Bind(address, error))
}

fn serve_admin(
    background: &Runtime,
    socket: TcpListener,
    config: &Config,
    state: &State,
    mut stopped: watch::Receiver<bool>,
) {
    let router = admin::router(admin::AdminState {
        metrics: Arc::clone(&state.metrics),
        health: Arc::clone(&state.health),
        exchange: Arc::clone(&state.exchange),
        store: Arc::clone(&state.store),
        switches: state.switches.clone(),
        site: Arc::clone(&state.site),
        access: Arc::new(Access::new(&config.admin, Arc::clone(&state.store))),
        browsers: Arc::default(),
    });
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

fn proxy_server(config: &Config, state: &State, in_flight: &InFlight) -> Server {
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

    let permits = Arc::new(Semaphore::new(config.limits.connections));
    for h2c in [false, true] {
        let of_kind: Vec<&Listener> = config
            .listeners
            .iter()
            .filter(|listener| listener.h2c == h2c)
            .collect();
        if of_kind.is_empty() {
            continue;
        }
        let router = api::router(&config.api_prefix, state.api.clone());
        let gateway = Gateway::new(
            Arc::clone(&state.site),
            Arc::clone(&state.exchange),
            router,
            Arc::clone(&state.metrics),
        );
        let guard = Guard::new(
            Arc::new(http_proxy(&server.configuration, gateway)),
            bounds(&config.limits, h2c),
            Arc::clone(&permits),
            in_flight.clone(),
            Arc::clone(&state.metrics),
        );
        let name = if h2c { "public (h2c)" } else { "public" };
        let mut service = Service::new(name.to_owned(), guard);
        for listener in of_kind {
            service.add_tcp(&listener.address.to_string());
        }
        server.add_service(service);
    }
    server
}

fn bounds(limits: &Limits, h2c: bool) -> Bounds {
    let mut options = HttpServerOptions::default();
    options.h2c = h2c;
    options.keepalive_request_limit = Some(limits.keepalive_requests);
    options.h2_idle_timeout = Some(limits.keepalive_timeout);
    Bounds {
        header_timeout: limits.header_timeout,
        keepalive_timeout: limits.keepalive_timeout,
        options,
        h2_streams: limits.h2_streams,
    }
}

fn listening_addresses(config: &Config) -> Vec<SocketAddr> {
    config
        .listeners
        .iter()
        .map(|listener| listener.address)
        .collect()
}

/// Says that the gateway is ready once it can connect to itself: the framework has no word for
/// that.
async fn announce_ready(state: State, addresses: Vec<SocketAddr>) {
    for address in addresses {
        let mut reachable = address;
        if address.ip().is_unspecified() {
            reachable.set_ip(match address {
                SocketAddr::V4(_) => std::net::Ipv4Addr::LOCALHOST.into(),
                SocketAddr::V6(_) => std::net::Ipv6Addr::LOCALHOST.into(),
            });
        }
        while TcpStream::connect(reachable).await.is_err() {
            tokio::time::sleep(CONNECT_PAUSE).await;
        }
        info!(%address, "listening");
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
struct Signals(watch::Sender<Option<Stop>>);

#[async_trait::async_trait]
impl ShutdownSignalWatch for Signals {
    async fn recv(&self) -> ShutdownSignal {
        use tokio::signal::unix::{SignalKind, signal};
        let (terminate, interrupt) = (
            signal(SignalKind::terminate()),
            signal(SignalKind::interrupt()),
        );
        let stop = match (terminate, interrupt) {
            (Ok(mut terminate), Ok(mut interrupt)) => tokio::select! {
                _ = terminate.recv() => Stop::Drain,
                _ = interrupt.recv() => Stop::AtOnce,
            },
            _ => {
                warn!("signals cannot be received; only SIGKILL stops this process");
                std::future::pending::<Infallible>().await;
                Stop::AtOnce
            }
        };
        self.0.send_replace(Some(stop));
        match stop {
            Stop::Drain => ShutdownSignal::GracefulTerminate,
            Stop::AtOnce => ShutdownSignal::FastShutdown,
        }
    }
}

/// Idle connections to upstreams that are kept for reuse.
const UPSTREAM_POOL: usize = 1024;
/// Between attempts to connect to ourselves.
const CONNECT_PAUSE: Duration = Duration::from_millis(10);
