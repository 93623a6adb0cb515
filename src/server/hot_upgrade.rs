//! One process in the row of those that serve: it relieves the one before, and waits for the next.

use std::io;
use std::path::Path;
use std::sync::Arc;

use tokio::runtime::Handle;
use tokio::sync::{Notify, watch};
use tracing::{error, info, warn};

use super::handover::{Predecessor, Release, UpgradeSocket};
use super::maintenance;
use super::notify::{Notifier, NotifyState};
use super::progress::Progress;
use super::sockets::Sockets;
use super::state::State;

/// The events of an upgrade, and who must know of them.
pub(super) struct HotUpgrade {
    pub(super) state: State,
    pub(super) runtime: Handle,
    pub(super) sockets: Arc<Sockets>,
    pub(super) progress: watch::Receiver<Progress>,
    /// Two processes do not answer operators.
    pub(super) stop_admin: watch::Sender<bool>,
    /// Told when the next process serves.
    pub(super) handed_over: Arc<Notify>,
    /// Who must know which process is the service.
    pub(super) notify: Notifier,
}

impl HotUpgrade {
    /// Returns when the next process serves. Blocks.
    pub(super) fn run(
        mut self,
        runtime_dir: &Path,
        predecessor: Option<Predecessor>,
        upgrade_socket: Option<UpgradeSocket>,
    ) {
        let accepting = self
            .progress
            .wait_for(|progress| *progress != Progress::Starting);
        if self.runtime.block_on(accepting).is_err() {
            return;
        }
        let upgrade_socket = match (predecessor, upgrade_socket) {
            (Some(predecessor), _) => self.take_over(predecessor, runtime_dir),
            (None, Some(upgrade_socket)) => Ok(upgrade_socket),
            (None, None) => UpgradeSocket::open(runtime_dir),
        };
        let upgrade_socket = match upgrade_socket {
            Ok(upgrade_socket) => upgrade_socket,
            Err(error) => {
                error!(%error, "no other process can take over from this one");
                return;
            }
        };
        let failed = |error: &io::Error| warn!(%error, "a process did not take over");
        upgrade_socket.hand_over(&self.sockets, &self, failed);
        info!("another process has taken over");
        self.stop_admin.send_replace(true);
        self.handed_over.notify_one();
    }

    fn take_over(&self, predecessor: Predecessor, runtime_dir: &Path) -> io::Result<UpgradeSocket> {
        // Before the other one ends, which would be taken for the end of the service.
        self.notify
            .send(&[NotifyState::MainProcess, NotifyState::Ready]);
        if let Err(error) = predecessor.retire() {
            warn!(%error, "the previous process ended by itself");
        }
        self.sockets.close_removed();
        info!("taken over");
        UpgradeSocket::reopen(runtime_dir)
    }
}

impl Release for HotUpgrade {
    fn release(&self) {
        self.runtime.block_on(async {
            maintenance::write_activity(&self.state).await;
            self.state.store.release().await;
        });
    }

    fn reacquire(&self) {
        self.runtime.block_on(self.state.store.reacquire());
    }
}
