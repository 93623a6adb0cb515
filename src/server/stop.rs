//! What ends the process: a signal, or a successor that serves; and the drain before it.

use std::sync::Arc;
use std::time::Duration;

use pingora::server::{ShutdownSignal, ShutdownSignalWatch};
use tokio::signal::unix::Signal;
use tokio::sync::{Notify, watch};
use tokio::time::{sleep, timeout};
use tracing::{info, warn};

use super::ServeError;
use super::guard::Shared;
use super::new_process::NewProcess;
use super::notify::{Notifier, NotifyState};
use super::progress::Progress;
use super::signals::Ends;
use super::state::State;
use crate::config::Config;

/// Returns when nothing is served any more: after a signal, and after the drain that it asked
/// for. What is in flight even then is cut, and leaves its records.
pub(super) async fn served(
    config: &Config,
    state: &State,
    shared: &Shared,
    notify: &Notifier,
    signalled: watch::Receiver<Option<Stop>>,
    progress: watch::Receiver<Progress>,
) -> Result<(), ServeError> {
    let outcome = drained(config, state, shared, notify, signalled, progress).await;
    shared.last_moment.comes();
    let _ = timeout(LAST_RECORDS, shared.in_flight.none()).await;
    outcome
}

async fn drained(
    config: &Config,
    state: &State,
    shared: &Shared,
    notify: &Notifier,
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
        Some(Stop::Drain | Stop::HandedOver) => {}
        None => return Err(ServeError::Proxy),
    }
    state.health.draining();
    state.admission.begin_to_stop();
    info!("draining");
    // Meanwhile connections are taken, until the framework hears of the stop.
    let mut delay = Duration::ZERO;
    if asked == Some(Stop::Drain) {
        // After a hand-over the service continues.
        notify.send(&[NotifyState::Stopping]);
        delay = config.server.shutdown_delay.unwrap_or_default();
    }
    let drained = async {
        // Until then connections are taken. A sender that is gone takes none either.
        let _ = progress
            .wait_for(|progress| *progress == Progress::Ended)
            .await;
        loop {
            shared.in_flight.none().await;
            // A connection that was taken last may only now come to its request, and what was
            // answered last may still be on its way out of an HTTP/2 connection.
            let closed = timeout(LAST_WORDS, shared.open.none()).await;
            if closed.is_ok() || shared.in_flight.is_none() {
                return;
            }
        }
    };
    let drained = timeout(delay + config.server.drain_timeout, drained);
    let drained = tokio::select! {
        drained = drained => drained,
        () = at_once(&mut signalled) => return Ok(()),
    };
    if drained.is_err() && !shared.in_flight.is_none() {
        warn!("requests still in flight after server.drain_timeout are cut off");
    }
    Ok(())
}

/// What a signal asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stop {
    /// The listeners close, and what is in flight is finished.
    Drain,
    /// What is in flight is finished; another process has the listeners by now.
    HandedOver,
    /// Ends without a drain: requests in flight are cut.
    AtOnce,
}

/// Says to the framework, which closes the listeners, what [`served`] hears, too.
pub(super) struct Stopping {
    pub(super) asked: watch::Receiver<Option<Stop>>,
    /// How long the listeners stay open after SIGTERM.
    pub(super) shutdown_delay: Duration,
}

#[async_trait::async_trait]
impl ShutdownSignalWatch for Stopping {
    async fn recv(&self) -> ShutdownSignal {
        let mut asked = self.asked.clone();
        let stop = asked.wait_for(Option::is_some).await;
        let stop = stop.ok().and_then(|stop| *stop);
        match stop {
            Some(Stop::Drain) => {}
            Some(Stop::HandedOver) => return ShutdownSignal::GracefulTerminate,
            Some(Stop::AtOnce) => return ShutdownSignal::FastShutdown,
            // The process ends without the framework.
            None => std::future::pending().await,
        }
        // Leaves time to notice that this gateway is about to stop.
        tokio::select! {
            () = sleep(self.shutdown_delay) => ShutdownSignal::GracefulTerminate,
            () = at_once(&mut asked) => ShutdownSignal::FastShutdown,
        }
    }
}

/// What makes this process stop, or start the next one.
pub(super) struct Asked {
    pub(super) ends: Ends,
    pub(super) upgrade: Signal,
    /// A successor serves: this process drains.
    pub(super) handed_over: Arc<Notify>,
    /// `None` where none can take over.
    pub(super) successor: Option<NewProcess>,
}

impl Asked {
    /// Passes it on, to the end of the process: a drain can be cut short.
    pub(super) async fn pass_on(mut self, to: watch::Sender<Option<Stop>>) {
        loop {
            let is_asked = to.borrow().is_some();
            let stop = tokio::select! {
                _ = self.ends.terminate.recv() => Stop::Drain,
                _ = self.ends.interrupt.recv() => Stop::AtOnce,
                () = self.handed_over.notified() => Stop::HandedOver,
                _ = self.upgrade.recv() => {
                    if !is_asked {
                        self.start_successor();
                    }
                    continue;
                }
            };
            if !is_asked || stop == Stop::AtOnce {
                to.send_replace(Some(stop));
            }
        }
    }

    fn start_successor(&self) {
        match &self.successor {
            Some(successor) => successor.start(),
            None => warn!("SIGUSR2 does nothing without server.runtime_dir"),
        }
    }
}

/// Returns when the end is not to wait any longer.
async fn at_once(asked: &mut watch::Receiver<Option<Stop>>) {
    let is_at_once = |stop: &Option<Stop>| *stop == Some(Stop::AtOnce);
    if asked.wait_for(is_at_once).await.is_err() {
        // Nobody listens for signals any more.
        std::future::pending::<()>().await;
    }
}

/// How long requests that are cut may take to leave their records.
const LAST_RECORDS: Duration = Duration::from_secs(1);
/// How long connections are waited for that have nothing in flight any more.
const LAST_WORDS: Duration = Duration::from_secs(2);
