//! The operators' listener, beside the proxy on the background runtime.

use std::net::TcpListener;
use std::sync::Arc;

use axum::Router;
use tokio::runtime::Runtime;
use tokio::sync::watch;
use tracing::warn;

use super::state::State;
use crate::admin;
use crate::admin::access::Access;
use crate::admin::history::History;
use crate::config::Config;

/// Serves until `stopped`, and writes down the history that it tells.
pub(super) fn start(
    background: &Runtime,
    socket: TcpListener,
    config: &Config,
    state: &State,
    stopped: watch::Receiver<bool>,
) {
    let history = Arc::new(History::new());
    let router = admin::router(admin::AdminState {
        metrics: Arc::clone(&state.metrics),
        health: Arc::clone(&state.health),
        exchange: Arc::clone(&state.exchange),
        store: Arc::clone(&state.store),
        live_config: Arc::clone(&state.live_config),
        snapshot: Arc::clone(&state.snapshot),
        history: Arc::clone(&history),
        access: Arc::new(Access::new(&config.admin, Arc::clone(&state.store))),
        dashboard_sessions: Arc::default(),
    });
    let metrics = Arc::clone(&state.metrics);
    background.spawn(async move { history.follow(&metrics).await });
    background.spawn(serve(socket, router, stopped));
}

async fn serve(socket: TcpListener, router: Router, mut stopped: watch::Receiver<bool>) {
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
}
