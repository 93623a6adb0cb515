//! The time that a route gives a whole request: first to its client, to send it, then to the
//! upstream, to answer it.
//!
//! Each read from the other side has a timeout that ends with the time limit, so that the refusal
//! can say which side was slow. A request that continues without ever waiting that long is cut off
//! by the guard (`proxy/connection/request_guard.rs`).

use std::time::{Duration, Instant};

use pingora::proxy::Session;
use pingora::upstreams::peer::HttpPeer;

use super::request_guard::Guarded;
use crate::rejection::{Code, Rejection};

/// What is left of a request's time.
#[derive(Clone, Copy, Debug)]
pub struct TimeLimit {
    whole: Duration,
    due: Instant,
    has_arrived: bool,
}

impl TimeLimit {
    /// Begins with the end of the request's header.
    pub(in crate::proxy) fn begin(whole: Duration, guard: &Guarded) -> Self {
        let limit = Self {
            whole,
            due: Instant::now() + whole,
            has_arrived: false,
        };
        limit.notify(guard);
        limit
    }

    /// Counts on after a part of the request, or its end.
    ///
    /// # Errors
    ///
    /// The client has taken all of its time.
    pub(in crate::proxy) fn received(
        &mut self,
        is_end: bool,
        guard: &Guarded,
    ) -> Result<(), Rejection> {
        if self.has_arrived {
            return Ok(());
        }
        if self.left().is_zero() {
            return Err(Self::client_late());
        }
        if is_end {
            self.has_arrived = true;
            self.due = Instant::now() + self.whole;
            self.notify(guard);
        }
        Ok(())
    }

    /// Bounds the client's next pause.
    pub(in crate::proxy) fn bound_client(&self, session: &mut Session, otherwise: Duration) {
        if !self.has_arrived {
            session.set_read_timeout(Some(self.left().min(otherwise).max(SHORTEST)));
        }
    }

    /// Bounds what a server may take.
    pub(in crate::proxy) fn bound_server(&self, peer: &mut HttpPeer) {
        // While the client sends, the server has not begun to be late.
        let left = match self.has_arrived {
            true => self.left().max(SHORTEST),
            false => self.whole,
        };
        let options = &mut peer.options;
        for bound in [
            &mut options.connection_timeout,
            &mut options.total_connection_timeout,
            &mut options.read_timeout,
            &mut options.write_timeout,
        ] {
            *bound = Some(bound.map_or(left, |bound| bound.min(left)));
        }
    }

    /// The head of the answer is there: the rest ends in time, or is cut.
    pub(in crate::proxy) fn answered(&self, guard: &Guarded) {
        guard.ends_by(self.due);
    }

    /// What waited for a server while the client was still sending, and had run out of time.
    pub(in crate::proxy) fn is_clients_fault(&self) -> bool {
        !self.has_arrived && self.left().is_zero()
    }

    /// The refusal of a request that took too long to arrive.
    pub(in crate::proxy) fn client_late() -> Rejection {
        Rejection::new(Code::Timeout, "request_timeout")
    }

    fn left(&self) -> Duration {
        self.due.saturating_duration_since(Instant::now())
    }

    fn notify(&self, guard: &Guarded) {
        guard.ends_by(self.due + FOR_A_REFUSAL);
    }
}

/// A bound of zero would mean that nothing may wait at all.
const SHORTEST: Duration = Duration::from_millis(1);
/// How long after its end a request may take to be refused in words.
const FOR_A_REFUSAL: Duration = Duration::from_secs(1);
