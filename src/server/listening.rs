//! The public listeners as one service of the framework: one runtime, one pool of connections to
//! upstreams, and for each listener its own guard.

use std::sync::Arc;

use async_trait::async_trait;
use futures::future::join_all;
use pingora::apps::ServerApp as _;
use pingora::server::{ListenFds, ShutdownWatch};
use pingora::services::Service as FrameworkService;
use pingora::services::listening::Service;
use tokio::sync::watch;
use tracing::{error, info};

use super::first_keys::first_keys;
use super::guard::Guard;
use super::notify::{Notifier, NotifyState};
use super::progress::Progress;
use super::sockets::Sockets;
use super::state::State;
use super::stop::Stop;
use crate::config::Config;

/// All public listeners.
pub(super) struct Listening {
    listeners: Vec<Service<Guard>>,
    /// One for each listener, for connections that the framework leaves in its queue.
    last: Vec<Arc<Guard>>,
    sockets: Arc<Sockets>,
    progress: watch::Sender<Progress>,
    signalled: watch::Receiver<Option<Stop>>,
}

impl Listening {
    pub(super) fn new(
        (listeners, last): (Vec<Service<Guard>>, Vec<Arc<Guard>>),
        sockets: Arc<Sockets>,
        signalled: watch::Receiver<Option<Stop>>,
    ) -> (Self, watch::Receiver<Progress>) {
        let (progress, watched) = watch::channel(Progress::Starting);
        let listening = Self {
            listeners,
            last,
            sockets,
            progress,
            signalled,
        };
        (listening, watched)
    }

    /// Has connections refused from now on, after those that wait already. Those of a successor
    /// are its own.
    fn close(&mut self, shutdown: &ShutdownWatch) {
        let guards = std::mem::take(&mut self.last);
        if *self.signalled.borrow() != Some(Stop::Drain) {
            return;
        }
        for (waiting, guard) in self.sockets.close_public().into_iter().zip(guards) {
            for socket in waiting {
                let (guard, shutdown) = (Arc::clone(&guard), shutdown.clone());
                tokio::spawn(async move { guard.process_new(Box::new(socket), &shutdown).await });
            }
        }
    }
}

#[async_trait]
impl FrameworkService for Listening {
    async fn start_service(
        &mut self,
        table: Option<ListenFds>,
        shutdown: ShutdownWatch,
        listeners_per_fd: usize,
    ) {
        // The framework would bind the addresses itself, and fail, without the sockets.
        let given = table.as_ref().map(|table| self.sockets.give(table));
        if let Some(Err(error)) = given {
            error!(%error, "cannot listen on the sockets");
            return;
        }
        self.progress.send_replace(Progress::Accepting);
        let started = self.listeners.iter_mut().map(|listener| {
            listener.start_service(table.clone(), shutdown.clone(), listeners_per_fd)
        });
        join_all(started).await;
        self.close(&shutdown);
        self.progress.send_replace(Progress::Ended);
    }

    fn name(&self) -> &str {
        "public"
    }
}

/// Says that the gateway is ready once connections are taken.
pub(super) async fn announce_ready(
    state: State,
    config: Config,
    mut progress: watch::Receiver<Progress>,
    notify: Notifier,
) {
    let accepting = progress.wait_for(|progress| *progress != Progress::Starting);
    if accepting.await.is_err() {
        return;
    }
    for listener in &config.listeners {
        info!(listener = listener.name(), address = %listener.address, "listening");
    }
    let scheme = if config.admin.tls.is_some() {
        "https"
    } else {
        "http"
    };
    let dashboard = format!("{scheme}://{}/dashboard", config.admin.address);
    info!(%dashboard, "listening for operators");
    first_keys(&state).await;
    state.health.listening();
    notify.send(&[NotifyState::Ready]);
    info!("ready");
}
