//! One process in the row of those that serve: it relieves the one before, and waits for the next.

use std::io;
use std::path::Path;
use std::sync::Arc;

use tokio::runtime::Handle;
use tokio::sync::{Notify, watch};
use tracing::{error, info, warn};

use super::handover::{Door, Lend, Predecessor};
use super::housekeeping;
use super::listening::Progress;
use super::sockets::Sockets;
use super::state::State;

/// What is told when, and who has to know.
pub(super) struct Succession {
    pub(super) state: State,
    pub(super) runtime: Handle,
    pub(super) sockets: Arc<Sockets>,
    pub(super) progress: watch::Receiver<Progress>,
    /// Two processes do not answer operators.
    pub(super) stop_admin: watch::Sender<bool>,
    /// Told when the next process serves.
    pub(super) handed_over: Arc<Notify>,
}

impl Succession {
    /// Returns when the next process serves. Blocks.
    pub(super) fn run(
        mut self,
        runtime_dir: &Path,
        predecessor: Option<Predecessor>,
        door: Option<Door>,
    ) {
        let accepting = self
            .progress
            .wait_for(|progress| *progress != Progress::Starting);
        if self.runtime.block_on(accepting).is_err() {
            return;
        }
        let door = match (predecessor, door) {
            (Some(predecessor), _) => self.relieve(predecessor, runtime_dir),
            (None, Some(door)) => Ok(door),
            (None, None) => Door::open(runtime_dir),
        };
        let door = match door {
            Ok(door) => door,
            Err(error) => {
                error!(%error, "no other process can take over from this one");
                return;
            }
        };
        let failed = |error: &io::Error| warn!(%error, "a process did not take over");
        door.hand_over(&self.sockets, &self, failed);
        info!("another process serves");
        self.stop_admin.send_replace(true);
        self.handed_over.notify_one();
    }

    fn relieve(&self, predecessor: Predecessor, runtime_dir: &Path) -> io::Result<Door> {
        if let Err(error) = predecessor.retire() {
            warn!(%error, "the process before went away by itself");
        }
        self.sockets.close_removed();
        info!("taken over");
        Door::reopen(runtime_dir)
    }
}

impl Lend for Succession {
    fn lend(&self) {
        self.runtime.block_on(async {
            housekeeping::write_activity(&self.state).await;
            self.state.store.lend().await;
        });
    }

    fn take_back(&self) {
        self.runtime.block_on(self.state.store.take_back());
    }
}
