//! SIGUSR1: the access log's file was moved away.

use std::sync::Arc;

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use tracing::warn;

use crate::telemetry::NonBlockingWriter;

/// Reopens it at each signal until `stopped`.
pub(super) async fn at_signal(lines: Arc<NonBlockingWriter>, mut stopped: watch::Receiver<bool>) {
    let mut signals = match signal(SignalKind::user_defined1()) {
        Ok(signals) => signals,
        Err(error) => return warn!(%error, "SIGUSR1 cannot be received"),
    };
    let stop = stopped.wait_for(|stop| *stop);
    tokio::pin!(stop);
    loop {
        tokio::select! {
            _ = &mut stop => return,
            Some(()) = signals.recv() => lines.reopen(),
        }
    }
}
