//! How many requests each server has at once, for the balance that goes by it.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

/// The requests of one server.
#[derive(Debug, Default)]
pub(super) struct InFlight(AtomicUsize);

impl InFlight {
    /// How many there are.
    pub(super) fn count(&self) -> usize {
        self.0.load(Relaxed)
    }

    /// One more, until it is dropped.
    pub(super) fn begin(self: &Arc<Self>) -> RequestInFlight {
        self.0.fetch_add(1, Relaxed);
        RequestInFlight(Arc::clone(self))
    }
}

/// One request at its server.
#[derive(Debug)]
pub struct RequestInFlight(Arc<InFlight>);

impl Drop for RequestInFlight {
    fn drop(&mut self) {
        self.0.0.fetch_sub(1, Relaxed);
    }
}

/// Requests by weight, to be compared with another server's.
#[derive(Clone, Copy, Debug)]
pub(super) struct Load {
    pub(super) requests: usize,
    pub(super) weight: usize,
}

impl Load {
    /// How this one compares with another if both got one more request.
    pub(super) fn compare(self, other: Self) -> std::cmp::Ordering {
        let own = (self.requests + 1).saturating_mul(other.weight);
        own.cmp(&(other.requests + 1).saturating_mul(self.weight))
    }
}
