//! The body of a request on its way to a server, and when its client is late with it.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use super::Flow;

/// From the client to the server.
#[derive(Clone, Copy, Debug)]
pub(super) struct Body {
    pub(super) bounds: BodyBounds,
    began: Instant,
    moved: Instant,
    received: u64,
    /// Since when nobody takes it: the server does not, or no server was asked yet.
    blocked: Option<Instant>,
}

/// What bounds the arrival of a body.
#[derive(Clone, Copy, Debug)]
pub struct BodyBounds {
    /// How long it may pause; `None` where the framework sees to that.
    pub pause: Option<Duration>,
    /// Bytes a second that come at least, on average, after a while.
    pub rate: Option<u64>,
}

impl Body {
    /// One that nobody has asked for.
    pub(super) fn new(bounds: BodyBounds) -> Self {
        let now = Instant::now();
        Self {
            bounds,
            began: now,
            moved: now,
            received: 0,
            blocked: Some(now),
        }
    }

    /// So much of it came, or its client has shown in another way that it is there.
    pub(super) fn moved(&mut self, bytes: usize) {
        self.moved = Instant::now();
        self.received = self.received.saturating_add(bytes as u64);
    }

    /// The server takes nothing of it, or takes again.
    pub(super) fn blocks(&mut self, is_blocked: bool) {
        match (self.blocked, is_blocked) {
            (None, true) => self.blocked = Some(Instant::now()),
            (Some(since), false) => {
                self.began += since.elapsed();
                self.moved = Instant::now();
                self.blocked = None;
            }
            (Some(_), true) | (None, false) => {}
        }
    }

    /// When its client is too late; `None` while nothing is waited for.
    pub(super) fn due(&self) -> Option<Instant> {
        if self.blocked.is_some() {
            return None;
        }
        let pause = self.bounds.pause.map(|pause| self.moved + pause);
        let rate = self.bounds.rate.map(|rate| {
            let paid = Duration::from_secs(self.received / rate.max(1));
            self.began + RATE_GRACE + paid
        });
        pause.into_iter().chain(rate).min()
    }
}

impl Flow {
    /// Whether a body that has not ended has paused for so long, while somebody waited for it.
    pub fn has_paused(&self, for_long: Duration) -> bool {
        let pauses = |body: &Body| body.blocked.is_none() && body.moved.elapsed() >= for_long;
        self.has_body() && self.body().as_ref().is_some_and(pauses)
    }

    /// Nobody waits for the rest of the body any more, which its client may be sending.
    pub fn leave_body(&self) {
        *self.body() = None;
        if self.has_body.swap(false, Ordering::Relaxed) {
            self.is_body_left.store(true, Ordering::Relaxed);
        }
    }

    /// Whether there is a rest that nobody has read, and its client may be sending.
    pub fn leaves_body(&self) -> bool {
        self.has_body() || self.is_body_left.load(Ordering::Relaxed)
    }
}

/// How long a body may take before its rate counts.
const RATE_GRACE: Duration = Duration::from_secs(5);
