//! How the descriptors that the process may have are shared out.
//!
//! A connection takes one, a request mostly another one for its upstream, and idle connections to
//! upstreams are kept. The admin listener, the store, the log and the fetches of keys need some at
//! all times, whatever clients do: those are reserved.

use rustix::process::{Resource, getrlimit};

use crate::limit::Limits;

/// What each purpose may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Descriptors {
    /// By the system.
    pub allowed: u64,
    /// Public connections.
    pub connections: usize,
    /// Concurrent requests.
    pub requests: usize,
    /// Those of one client; 0 for no bound.
    pub requests_per_client: u32,
    /// Those of one upstream that sets no bound of its own.
    pub per_upstream: usize,
    /// Idle connections to upstreams.
    pub kept_to_upstreams: usize,
    /// How many would be needed for what the configuration asks for, where that does not nearly fit.
    pub missing: Option<u64>,
}

impl Descriptors {
    /// Shares out what the process may have now. `standing` is what is needed at all times, whatever
    /// clients do: the admin listener's connections, the store's, listeners, fetches of keys.
    pub fn share(limits: &Limits, standing: usize) -> Self {
        // Without a limit, more than anybody needs.
        let allowed = getrlimit(Resource::Nofile).current.unwrap_or(UNLIMITED);
        Self::of(allowed, OTHERS.saturating_add(standing as u64), limits)
    }

    fn of(allowed: u64, reserve: u64, limits: &Limits) -> Self {
        let reserve = reserve.min(allowed / 4);
        let free = count(allowed - reserve);
        let kept = KEPT.min(free / 4);
        let free = free - kept;
        let requests = limits.requests.map_or(free / 2, |most| most.get());
        let requests = requests.min(free / 2).max(1);
        let connections = limits.connections.min(free - requests).max(1);
        let per_client = limits.requests_per_client.unwrap_or_else(|| {
            u32::try_from(requests / 4)
                .unwrap_or(u32::MAX)
                .clamp(1, 1024)
        });
        Self {
            allowed,
            connections,
            requests,
            requests_per_client: per_client,
            per_upstream: (requests / 2).max(1),
            kept_to_upstreams: kept,
            missing: missing(
                limits,
                connections,
                requests,
                reserve + kept as u64,
                allowed,
            ),
        }
    }
}

fn missing(
    limits: &Limits,
    connections: usize,
    requests: usize,
    others: u64,
    allowed: u64,
) -> Option<u64> {
    let asked = limits.requests.map_or(0, |most| most.get());
    // A bound that is somewhat lower than configured bounds all the same.
    let fits = connections >= limits.connections / 2 && asked <= requests;
    // Each connection may have a request that has one to its upstream.
    let asked = asked.max(limits.connections);
    let needed = (limits.connections as u64)
        .saturating_add(asked as u64)
        .saturating_add(others);
    (!fits).then(|| needed.max(allowed + 1))
}

fn count(descriptors: u64) -> usize {
    usize::try_from(descriptors).unwrap_or(usize::MAX)
}

const UNLIMITED: u64 = 1 << 30;
/// Logs, name servers, probes.
const OTHERS: u64 = 64;
/// Idle connections to upstreams.
const KEPT: usize = 1024;

#[cfg(test)]
mod tests {
    use std::num::NonZeroUsize;

    use super::*;

    #[test]
    fn nothing_is_shared_out_twice() {
        for allowed in [64, 256, 500, 1024, 4096, 20_000, 65_536, 1 << 20] {
            let shared = Descriptors::of(allowed, 250, &Limits::default());
            let spent = shared.connections + shared.requests + shared.kept_to_upstreams;
            assert!((spent as u64) < allowed, "{shared:?}");
            assert!(shared.requests_per_client as usize <= shared.requests);
            assert_eq!(shared.missing.is_some(), allowed < 20_000, "{shared:?}");
        }
    }

    #[test]
    fn what_is_asked_for_is_given_or_told() {
        let mut limits = Limits {
            connections: 100,
            requests: NonZeroUsize::new(50),
            ..Limits::default()
        };
        let shared = Descriptors::of(1024, 250, &limits);
        assert_eq!((shared.connections, shared.requests), (100, 50));
        assert_eq!(shared.missing, None);
        limits.requests = NonZeroUsize::new(5000);
        let shared = Descriptors::of(1024, 250, &limits);
        assert!(shared.requests < 5000);
        assert!(shared.missing.is_some_and(|needed| needed > 5100));
    }
}
