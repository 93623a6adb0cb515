//! The admin listener, which runs on the background runtime.

use std::net::TcpListener;
use std::sync::Arc;

use tokio::runtime::Runtime;
use tokio::sync::watch;
use tracing::warn;

mod connections;
mod write_timeout;

use super::reread::Reread;
use super::state::State;
use super::tls::ListenerTls;
use crate::admin;
use crate::admin::access::Access;
use crate::admin::access::users::Users;
use crate::admin::browser::DashboardSessions;
use crate::admin::history::History;
use crate::config::Config;
use connections::Connections;

/// Serves until `stopped`, and writes down the history that it tells.
pub(super) fn start(
    background: &Runtime,
    socket: TcpListener,
    config: &Config,
    state: &State,
    tls: Option<Arc<ListenerTls>>,
    reread: &Reread,
    stopped: watch::Receiver<bool>,
) {
    let reread = reread.clone();
    let history = Arc::new(History::new());
    let users = Users::new(Arc::clone(&state.live_config), Arc::clone(&state.snapshot));
    let access = Access::new(&config.admin, Arc::clone(&state.store), &state.metrics);
    let router = admin::router(admin::AdminState {
        metrics: Arc::clone(&state.metrics),
        health: Arc::clone(&state.health),
        store: Arc::clone(&state.store),
        live_config: Arc::clone(&state.live_config),
        snapshot: Arc::clone(&state.snapshot),
        database_clock: Arc::clone(&state.database_clock),
        history: Arc::clone(&history),
        refusals: Arc::clone(&state.refusals),
        access: Arc::new(access.with_users(users)),
        dashboard_sessions: Arc::new(DashboardSessions::new(
            &state.dashboard_key,
            Arc::clone(&state.store),
            config.admin.is_https(),
        )),
        admission: Arc::clone(&state.admission),
        store_look: Arc::default(),
        reread: Arc::new(move || reread.begin()),
    });
    let metrics = Arc::clone(&state.metrics);
    let connections = Connections::new(
        router,
        &config.admin,
        config.limits.header_timeout,
        tls,
        Arc::clone(&metrics),
    );
    background.spawn(async move { history.follow(&metrics).await });
    background.spawn(async move {
        if let Err(error) = connections.serve(socket, stopped).await {
            warn!(%error, "the admin listener failed");
        }
    });
}
