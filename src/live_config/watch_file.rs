//! What makes the gateway look at its file again: SIGHUP, and the file itself.
//!
//! A prefix of a configuration is often a configuration, too, with fewer routes. Who asks for a
//! reload says that the file is whole; a file that merely changed says nothing of the kind, and is
//! read once it has been left alone for a while.

use std::sync::Arc;
use std::time::Duration;

use tokio::signal::unix::Signal;
use tokio::sync::watch;
use tokio::time::{Instant, MissedTickBehavior, interval};
use tracing::warn;

use super::look::Look;
use super::writers::Writers;
use super::{LiveConfig, Trigger};

/// How far a reload is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reload {
    /// It was asked for.
    Begun,
    /// The new configuration is in force, or the old one stays.
    Over,
}

/// Reloads at each SIGHUP, which `hangups` receives, until `stopped`, and calls `notify` before and after.
pub async fn on_hangup(
    runtime: Arc<LiveConfig>,
    mut hangups: Signal,
    mut stopped: watch::Receiver<bool>,
    notify: impl Fn(Reload),
) {
    let stop = stopped.wait_for(|stop| *stop);
    tokio::pin!(stop);
    loop {
        tokio::select! {
            _ = &mut stop => return,
            Some(()) = hangups.recv() => {}
        }
        notify(Reload::Begun);
        runtime.reload(Trigger::Signal).await;
        notify(Reload::Over);
    }
}

/// Reloads when the file is another one, until `stopped`.
///
/// The file is looked at, not subscribed to: what its path leads to says in one look whether it
/// was written in place, replaced by a rename, as editors do, or is behind a symbolic link that
/// points elsewhere now, as in a Kubernetes volume; on any file system. It is taken up when it has
/// been the same for `server.reload_quiet_time`, and nobody is known to be writing it.
pub async fn watch_file(runtime: Arc<LiveConfig>, mut stopped: watch::Receiver<bool>) {
    let Some(path) = runtime.file() else { return };
    let settings = runtime.view().config.server.clone();
    if !settings.reload_on_change {
        return;
    }
    let stop = stopped.wait_for(|stop| *stop);
    tokio::pin!(stop);
    let mut looks = interval(LOOK_INTERVAL);
    looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut writers = Writers::new();
    let mut quiet = Quiet::new(settings.reload_quiet_time);
    loop {
        tokio::select! {
            _ = &mut stop => return,
            _ = looks.tick() => {}
        }
        let path = path.clone();
        let look = tokio::task::spawn_blocking(move || {
            let look = Look::at(&path);
            let is_written = writers.are_at(&path, look);
            (writers, look, is_written)
        });
        let Ok((kept, look, is_written)) = look.await else {
            return warn!("the configuration file is no longer watched");
        };
        writers = kept;
        let is_quiet = quiet.is_reached(look, is_written, Instant::now());
        if is_quiet && look != runtime.looked() {
            runtime.reload(Trigger::File).await;
        }
    }
}

/// Since when the file has been left alone.
struct Quiet {
    needed: Duration,
    last: Option<Look>,
    since: Instant,
}

impl Quiet {
    fn new(needed: Duration) -> Self {
        Self {
            needed,
            last: None,
            since: Instant::now(),
        }
    }

    /// Whether that is long enough, by one more look.
    fn is_reached(&mut self, look: Option<Look>, is_written: bool, now: Instant) -> bool {
        if is_written || look != self.last {
            self.last = look;
            self.since = now;
            return false;
        }
        let needed = match look {
            Some(_) => self.needed,
            None => self.needed.max(GONE),
        };
        now.duration_since(self.since) >= needed
    }
}

/// Between the two steps of a replacement there may be no file. After this time there is none, and a restart would
/// fail: the reload that fails says so.
const GONE: Duration = Duration::from_secs(5);
/// Between looks; a change is taken up after two of them at the earliest.
const LOOK_INTERVAL: Duration = Duration::from_millis(500);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quiet_begins_again_with_each_change_and_while_someone_writes() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("config.yaml");
        let look = |text: &str| {
            std::fs::write(&path, text).unwrap();
            Look::at(&path)
        };
        let (one, two) = (look("1"), look("1 and 2"));
        let mut quiet = Quiet::new(Duration::from_secs(5));
        let start = Instant::now();
        let mut reached = |look, is_written, second| {
            quiet.is_reached(look, is_written, start + Duration::from_secs(second))
        };
        assert!(!reached(one, false, 0));
        assert!(!reached(one, false, 4));
        assert!(!reached(two, false, 5), "another file");
        assert!(!reached(two, true, 9), "someone writes");
        assert!(!reached(two, false, 13));
        assert!(reached(two, false, 14));
    }

    #[test]
    fn a_file_is_gone_when_it_does_not_come_back() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("config.yaml");
        std::fs::write(&path, "whole").unwrap();
        let (there, gone) = (Look::at(&path), None);
        let mut quiet = Quiet::new(Duration::ZERO);
        let start = Instant::now();
        let mut reached =
            |look, second| quiet.is_reached(look, false, start + Duration::from_secs(second));
        assert!(!reached(there, 0));
        assert!(reached(there, 1));
        assert!(!reached(gone, 2));
        assert!(!reached(gone, 6));
        assert!(reached(gone, 7));
        assert!(!reached(there, 8));
        assert!(reached(there, 9));
    }
}
