//! What ends the process: a signal, or a successor that serves; and the drain before it.

use std::convert::Infallible;
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
    let at_once = async {
        let is_at_once = |stop: &Option<Stop>| *stop == Some(Stop::AtOnce);
        if signalled.wait_for(is_at_once).await.is_err() {
            // Nobody listens for signals any more.
            std::future::pending::<()>().await;
        }
    };
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
        () = at_once => return Ok(()),
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

/// Tells both the framework, which closes the listeners, and [`served`], which drains.
pub(super) struct Signals {
    pub(super) asked: watch::Sender<Option<Stop>>,
    /// A successor serves: this process drains.
    pub(super) handed_over: Arc<Notify>,
    /// `None` where none can take over.
    pub(super) successor: Option<NewProcess>,
    /// How long the listeners stay open after SIGTERM.
    pub(super) shutdown_delay: Duration,
}

impl Signals {
    /// Leaves time to notice that this gateway is about to stop; false when SIGINT cuts it short.
    async fn lame_duck(&self, interrupt: &mut Signal) -> bool {
        tokio::select! {
            () = sleep(self.shutdown_delay) => true,
            _ = interrupt.recv() => false,
        }
    }
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
                    _ = terminate.recv() => {
                        self.asked.send_replace(Some(Stop::Drain));
                        if self.lame_duck(&mut interrupt).await {
                            return ShutdownSignal::GracefulTerminate;
                        }
                        break Stop::AtOnce;
                    }
                    _ = interrupt.recv() => break Stop::AtOnce,
                    () = self.handed_over.notified() => break Stop::HandedOver,
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
            Stop::Drain | Stop::HandedOver => ShutdownSignal::GracefulTerminate,
            Stop::AtOnce => ShutdownSignal::FastShutdown,
        }
    }
}

/// How long requests that are cut may take to leave their records.
const LAST_RECORDS: Duration = Duration::from_secs(1);
/// How long connections are waited for that have nothing in flight any more.
const LAST_WORDS: Duration = Duration::from_secs(2);
