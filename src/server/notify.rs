//! Telling a service manager how far the process is, as `sd_notify(3)` describes it.

use std::env;
use std::ffi::OsStr;
use std::io;
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::net::{SocketAddr, UnixDatagram};

use rustix::time::{ClockId, clock_gettime};
use tracing::warn;

/// Where the service manager listens; nowhere when there is none.
#[derive(Clone, Debug)]
pub(super) struct Notifier(Option<SocketAddr>);

/// One thing to tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NotifyState {
    /// Requests are served, or a reload is over.
    Ready,
    /// A reload has begun.
    Reloading,
    /// No further requests are wanted.
    Stopping,
    /// This process is the service from now on.
    MainProcess,
}

impl Notifier {
    /// The one that the environment names (`NOTIFY_SOCKET`).
    pub(super) fn of_environment() -> Self {
        let Some(name) = env::var_os("NOTIFY_SOCKET") else {
            return Self(None);
        };
        match address(&name) {
            Ok(address) => Self(Some(address)),
            Err(error) => {
                warn!(%error, "NOTIFY_SOCKET is not the address of a socket");
                Self(None)
            }
        }
    }

    /// Tells all of it in one message. A service manager that does not listen is logged.
    pub(super) fn send(&self, states: &[NotifyState]) {
        let Some(address) = &self.0 else { return };
        let lines: Vec<String> = states.iter().map(|state| state.line()).collect();
        let sent = UnixDatagram::unbound()
            .and_then(|socket| socket.send_to_addr(lines.join("\n").as_bytes(), address));
        if let Err(error) = sent {
            warn!(%error, "the service manager cannot be notified");
        }
    }
}

impl NotifyState {
    fn line(self) -> String {
        match self {
            Self::Ready => "READY=1".to_owned(),
            Self::Reloading => {
                let now = clock_gettime(ClockId::Monotonic);
                let microseconds = now.tv_sec * 1_000_000 + now.tv_nsec / 1000;
                format!("RELOADING=1\nMONOTONIC_USEC={microseconds}")
            }
            Self::Stopping => "STOPPING=1".to_owned(),
            Self::MainProcess => format!("MAINPID={}", std::process::id()),
        }
    }
}

/// A path, or a name in the abstract namespace after `@`.
fn address(name: &OsStr) -> io::Result<SocketAddr> {
    match name.as_bytes().strip_prefix(b"@") {
        Some(name) => SocketAddr::from_abstract_name(name),
        None => SocketAddr::from_pathname(name),
    }
}
