//! SIGUSR1: the access log's file was moved away.

use std::sync::Arc;

use tokio::signal::unix::Signal;
use tokio::sync::watch;

use crate::telemetry::NonBlockingWriter;

/// Reopens it at each signal until `stopped`.
pub(super) async fn at_signal(
    lines: Arc<NonBlockingWriter>,
    mut signals: Signal,
    mut stopped: watch::Receiver<bool>,
) {
    let stop = stopped.wait_for(|stop| *stop);
    tokio::pin!(stop);
    loop {
        tokio::select! {
            _ = &mut stop => return,
            Some(()) = signals.recv() => lines.reopen(),
        }
    }
}
