//! The start: from a running gateway that hands over its sockets and its store, or on its own.

use std::sync::Arc;

use super::handover::{Predecessor, UpgradeSocket};
use super::sockets::Sockets;
use super::{ServeError, Start, check};
use crate::config::Config;
use crate::diagnostic::Diagnostic;

/// What a start has before its store is open.
pub(super) struct Takeover {
    /// The gateway that runs, which has let go of the store.
    pub(super) predecessor: Option<Predecessor>,
    /// Where a successor asks, opened already unless the predecessor still has it.
    pub(super) upgrade_socket: Option<UpgradeSocket>,
    /// The sockets of all listeners.
    pub(super) sockets: Arc<Sockets>,
}

/// Opens the sockets, or takes them over from a running gateway where `start` says so and one runs.
pub(super) fn take_over(config: &Config, start: Start) -> Result<Takeover, ServeError> {
    let runtime_dir = config.server.runtime_dir.as_deref();
    let mut predecessor = match (start, runtime_dir) {
        (Start::Upgrade, Some(folder)) => {
            Predecessor::find(folder).map_err(ServeError::Handover)?
        }
        _ => None,
    };
    let upgrade_socket = match (runtime_dir, &predecessor) {
        (Some(folder), None) => Some(UpgradeSocket::open(folder).map_err(ServeError::Handover)?),
        _ => None,
    };
    let inherited = predecessor
        .as_mut()
        .map(|predecessor| std::mem::take(&mut predecessor.sockets));
    let sockets = Arc::new(Sockets::open(config, inherited.unwrap_or_default())?);
    if let Some(predecessor) = &mut predecessor {
        // The running gateway is not disturbed until this one is known to be valid.
        if let Some(wrong) = check(config).into_iter().find(Diagnostic::is_error) {
            return Err(ServeError::Invalid(wrong));
        }
        predecessor.release_store().map_err(ServeError::Handover)?;
    }
    Ok(Takeover {
        predecessor,
        upgrade_socket,
        sockets,
    })
}
