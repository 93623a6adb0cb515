//! What makes the gateway look at its file again: SIGHUP, and the file itself.

use std::sync::Arc;
use std::time::Duration;

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use tokio::time::{MissedTickBehavior, interval};
use tracing::warn;

use super::look::Look;
use super::{LiveConfig, Trigger};

/// Reloads at each SIGHUP until `stopped`.
pub async fn on_hangup(runtime: Arc<LiveConfig>, mut stopped: watch::Receiver<bool>) {
    let mut hangups = match signal(SignalKind::hangup()) {
        Ok(hangups) => hangups,
        Err(error) => return warn!(%error, "SIGHUP cannot be received"),
    };
    let stop = stopped.wait_for(|stop| *stop);
    tokio::pin!(stop);
    loop {
        tokio::select! {
            _ = &mut stop => return,
            Some(()) = hangups.recv() => {}
        }
        runtime.reload(Trigger::Signal).await;
    }
}

/// Reloads when the file is another one, until `stopped`.
///
/// The file is looked at, not subscribed to: what its path leads to says in one look whether it
/// was written in place, replaced by a rename, as editors do, or is behind a symbolic link that
/// points elsewhere now, as in a Kubernetes volume; on any file system. A file that still changes
/// is waited for.
pub async fn watch_file(runtime: Arc<LiveConfig>, mut stopped: watch::Receiver<bool>) {
    let Some(path) = runtime.file() else { return };
    if !runtime.view().config.server.reload_on_change {
        return;
    }
    let stop = stopped.wait_for(|stop| *stop);
    tokio::pin!(stop);
    let mut looks = interval(LOOK_INTERVAL);
    looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut last = None;
    loop {
        tokio::select! {
            _ = &mut stop => return,
            _ = looks.tick() => {}
        }
        let path = path.clone();
        let look = tokio::task::spawn_blocking(move || Look::at(&path)).await;
        let now = look.ok().flatten();
        // Between the two steps of a replacement there may be no file.
        if now.is_some() && now == last && now != runtime.looked() {
            runtime.reload(Trigger::File).await;
        }
        last = now;
    }
}

/// Between looks; a change is taken up after two of them.
const LOOK_INTERVAL: Duration = Duration::from_millis(500);
