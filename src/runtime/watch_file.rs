//! What makes the gateway look at its file again: SIGHUP, and the file itself.

use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use tokio::time::{MissedTickBehavior, interval};
use tracing::warn;

use super::{RuntimeConfig, Trigger};

/// Reloads at each SIGHUP until `stopped`.
pub async fn on_hangup(runtime: Arc<RuntimeConfig>, mut stopped: watch::Receiver<bool>) {
    let mut hangups = match signal(SignalKind::hangup()) {
        Ok(hangups) => hangups,
        Err(error) => return warn!(%error, "SIGHUP can not be received"),
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
pub async fn watch_file(runtime: Arc<RuntimeConfig>, mut stopped: watch::Receiver<bool>) {
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

/// What tells one state of a file from another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Look {
    device: u64,
    inode: u64,
    size: u64,
    modified: (i64, i64),
    changed: (i64, i64),
}

impl Look {
    /// At what the path leads to; `None` when that is nothing.
    pub(super) fn at(path: &Path) -> Option<Self> {
        let metadata = std::fs::metadata(path).ok()?;
        Some(Self {
            device: metadata.dev(),
            inode: metadata.ino(),
            size: metadata.size(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
            changed: (metadata.ctime(), metadata.ctime_nsec()),
        })
    }
}

/// Between looks; a change is taken up after two of them.
const LOOK_INTERVAL: Duration = Duration::from_millis(500);
