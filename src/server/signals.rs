//! The signals by which a service manager, or an operator, asks for something.
//!
//! By default the system ends a process by most of them, and gives the first process of a container none of them. So
//! they are received from the start on: what is asked for before the gateway serves, such as while its database does
//! not respond, is done once it does.

use std::io;

use tokio::runtime::Runtime;
use tokio::signal::unix::{Signal, SignalKind, signal};

/// The receivers, each for what answers its signal.
pub(super) struct Signals {
    /// SIGTERM and SIGINT.
    pub(super) ends: Ends,
    /// SIGHUP: read the configuration again.
    pub(super) reload: Signal,
    /// SIGUSR1: open the access log's file again.
    pub(super) reopen: Signal,
    /// SIGUSR2: start a process that takes over.
    pub(super) upgrade: Signal,
}

/// What asks for the end.
pub(super) struct Ends {
    /// SIGTERM: finish what is in flight.
    pub(super) terminate: Signal,
    /// SIGINT: at once.
    pub(super) interrupt: Signal,
}

impl Signals {
    /// Receives them from now on, by threads of `runtime`.
    ///
    /// # Errors
    ///
    /// The system has no room for that.
    pub(super) fn receive(runtime: &Runtime) -> io::Result<Self> {
        let _context = runtime.enter();
        Ok(Self {
            ends: Ends {
                terminate: signal(SignalKind::terminate())?,
                interrupt: signal(SignalKind::interrupt())?,
            },
            reload: signal(SignalKind::hangup())?,
            reopen: signal(SignalKind::user_defined1())?,
            upgrade: signal(SignalKind::user_defined2())?,
        })
    }
}

impl Ends {
    /// Returns when either is asked for, of a gateway that does not serve yet.
    pub(super) async fn asked_for(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use rustix::process::{Signal as Number, getpid, kill_process};

    use super::*;

    #[test]
    fn a_signal_waits_for_whoever_answers_it() {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let mut signals = Signals::receive(&runtime).unwrap();
        kill_process(getpid(), Number::HUP).unwrap();
        kill_process(getpid(), Number::USR1).unwrap();
        assert!(runtime.block_on(signals.reload.recv()).is_some());
        assert!(runtime.block_on(signals.reopen.recv()).is_some());
        // Nobody has asked for the other ones.
        let upgrade = async { futures::poll!(std::pin::pin!(signals.upgrade.recv())) };
        assert!(runtime.block_on(upgrade).is_pending());
    }
}
