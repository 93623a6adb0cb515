//! How many files and sockets the process may have open: systems start programs with few.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tracing::warn;

use crate::config::Config;

/// Takes as many as the system lets this user have, and says so when they are not enough.
pub(super) fn raise(config: &Config) {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit {
        current: limit.maximum,
        maximum: limit.maximum,
    };
    if limit.current != limit.maximum
        && let Err(error) = setrlimit(Resource::Nofile, raised)
    {
        warn!(%error, "the limit of open files is not raised");
    }
    // Each connection may have one to an upstream.
    let connections = u64::try_from(config.limits.connections).unwrap_or(u64::MAX);
    let needed = connections.saturating_mul(2).saturating_add(OTHERS);
    let allowed = getrlimit(Resource::Nofile).current;
    if let Some(allowed) = allowed.filter(|allowed| *allowed < needed) {
        warn!(
            allowed,
            needed, "too few files may be open for limits.connections"
        );
    }
}

/// The store, logs, listeners, fetches of keys.
const OTHERS: u64 = 256;
