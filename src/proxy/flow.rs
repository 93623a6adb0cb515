//! What moves between the two sides of a request, and what is held back between them.
//!
//! The framework reads ahead: between the server's side and the client's lies a queue that holds
//! ten reads of 64 KiB when the client takes nothing. So the server's connection
//! ([`connector`](super::connector)) asks here before it reads, and gets a small credit again
//! whenever the client's side takes something out of the queue.
//!
//! The framework's bound on reads does nothing for a body that comes by HTTP/2, and filters run
//! only when data moves. So it is noted here when a body moved last, and the guard ends what waits
//! for it.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::task::Context;
use std::time::{Duration, Instant};

use futures::task::AtomicWaker;

use super::watched_stream::Turn;

/// Both directions of one request.
#[derive(Debug, Default)]
pub struct Flow {
    answer: Answer,
    body: Mutex<Option<Body>>,
    /// Whether there is one to wait for.
    has_body: AtomicBool,
    /// The client has taken too long to send its body, and until when it may be told.
    late: OnceLock<Instant>,
    /// Wakes the server's connection.
    reader: AtomicWaker,
}

/// From the server to the client.
#[derive(Debug, Default)]
struct Answer {
    /// Its head was taken out of the queue.
    is_begun: AtomicBool,
    /// Something was read of it.
    is_read: AtomicBool,
    /// What may be read before something is taken.
    credit: AtomicUsize,
    /// A read was put off.
    is_put_off: AtomicBool,
}

/// From the client to the server.
#[derive(Clone, Copy, Debug)]
struct Body {
    bounds: BodyBounds,
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

impl Flow {
    /// What the server's connection may do now.
    pub fn turn(&self, context: &Context<'_>) -> Turn {
        if self.is_late() {
            return Turn::GiveUp;
        }
        let answer = &self.answer;
        if !answer.is_begun.load(Ordering::Relaxed) {
            // A head may have any length; what comes with and after it is little.
            return Turn::Read(match answer.is_read.load(Ordering::Relaxed) {
                false => CREDIT,
                true => AHEAD,
            });
        }
        match answer.credit.load(Ordering::Relaxed) {
            0 => {}
            credit => return Turn::Read(credit),
        }
        self.reader.register(context.waker());
        answer.is_put_off.store(true, Ordering::Release);
        Turn::Wait
    }

    /// Notes what was read from the server.
    pub fn was_read(&self, bytes: usize) {
        let answer = &self.answer;
        answer.is_read.store(true, Ordering::Relaxed);
        // Reads and credits of one request come from its one task, one after the other.
        let left = answer.credit.load(Ordering::Relaxed).saturating_sub(bytes);
        answer.credit.store(left, Ordering::Relaxed);
    }

    /// The request goes to a server: for the first time, or to another one.
    pub fn asked(&self) {
        self.answer.is_begun.store(false, Ordering::Relaxed);
        self.answer.is_read.store(false, Ordering::Relaxed);
        self.server_blocks(false);
    }

    /// A part of the answer was taken out of the queue, to be written to the client.
    pub fn taken(&self) {
        let answer = &self.answer;
        answer.is_begun.store(true, Ordering::Relaxed);
        answer.credit.store(CREDIT, Ordering::Relaxed);
        if answer.is_put_off.swap(false, Ordering::AcqRel) {
            self.reader.wake();
        }
    }

    /// A body follows. Its time begins when somebody asks for it.
    pub fn body_begins(&self, bounds: BodyBounds) {
        if bounds.pause.is_none() && bounds.rate.is_none() {
            return;
        }
        let now = Instant::now();
        self.has_body.store(true, Ordering::Relaxed);
        *self.body() = Some(Body {
            bounds,
            began: now,
            moved: now,
            received: 0,
            blocked: Some(now),
        });
    }

    /// A part of the body came.
    pub fn body_moved(&self, bytes: usize, is_end: bool) {
        if !self.has_body() {
            return;
        }
        let mut body = self.body();
        if is_end {
            *body = None;
            self.has_body.store(false, Ordering::Relaxed);
        }
        if let Some(body) = &mut *body {
            body.moved = Instant::now();
            body.received = body.received.saturating_add(bytes as u64);
        }
    }

    /// The answer's head was taken out of the queue. From now on the rest of the request may
    /// pause, as in a conversation.
    pub fn answer_begins(&self) {
        self.taken();
        if self.has_body()
            && let Some(body) = &mut *self.body()
        {
            body.bounds.pause = None;
        }
    }

    /// The server's connection takes nothing, or takes again. What is not taken is not missed
    /// from the client.
    pub fn server_blocks(&self, is_blocked: bool) {
        if self.has_body()
            && let Some(body) = &mut *self.body()
        {
            match (body.blocked, is_blocked) {
                (None, true) => body.blocked = Some(Instant::now()),
                (Some(since), false) => {
                    body.began += since.elapsed();
                    body.moved = Instant::now();
                    body.blocked = None;
                }
                (Some(_), true) | (None, false) => {}
            }
        }
    }

    /// When the client is too late with its body; `None` while nothing is waited for.
    pub fn body_due(&self) -> Option<Instant> {
        if !self.has_body() {
            return None;
        }
        let body = (*self.body())?;
        if body.blocked.is_some() {
            return None;
        }
        let pause = body.bounds.pause.map(|pause| body.moved + pause);
        let rate = body.bounds.rate.map(|rate| {
            let paid = Duration::from_secs(body.received / rate.max(1));
            body.began + RATE_GRACE + paid
        });
        pause.into_iter().chain(rate).min()
    }

    /// The client is too late: what waits for its body ends, with words until `last_words`.
    pub fn give_up_body(&self, last_words: Instant) {
        *self.body() = None;
        self.has_body.store(false, Ordering::Relaxed);
        // Once late, always late.
        let _ = self.late.set(last_words);
        self.reader.wake();
    }

    /// Whether the client was too late.
    pub fn is_late(&self) -> bool {
        self.late.get().is_some()
    }

    /// Until when a client that was too late may be told so.
    pub fn late_until(&self) -> Option<Instant> {
        self.late.get().copied()
    }

    fn has_body(&self) -> bool {
        self.has_body.load(Ordering::Relaxed)
    }

    fn body(&self) -> std::sync::MutexGuard<'_, Option<Body>> {
        self.body.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Registers the server's connection, which waits for bytes, for [`Flow::give_up_body`].
    pub fn waits(&self, context: &Context<'_>) {
        self.reader.register(context.waker());
    }
}

/// What may be read of an answer before something of it is taken. As much again may be on its way
/// to the client.
pub const CREDIT: usize = 8 << 10;
/// The size of reads while its head is not taken.
const AHEAD: usize = 4 << 10;
/// How long a body may take before its rate counts.
const RATE_GRACE: Duration = Duration::from_secs(5);

#[cfg(test)]
mod tests {
    use std::task::Waker;

    use super::*;

    fn context() -> Context<'static> {
        Context::from_waker(Waker::noop())
    }

    #[test]
    fn what_is_read_ahead_is_bounded() {
        let (flow, context) = (Flow::default(), context());
        flow.asked();
        assert_eq!(flow.turn(&context), Turn::Read(CREDIT));
        flow.was_read(CREDIT);
        // The head is not complete: it goes on, in small steps.
        assert_eq!(flow.turn(&context), Turn::Read(AHEAD));
        flow.was_read(AHEAD);
        flow.taken();
        assert_eq!(flow.turn(&context), Turn::Read(CREDIT));
        flow.was_read(5_000);
        assert_eq!(flow.turn(&context), Turn::Read(CREDIT - 5_000));
        flow.was_read(CREDIT - 5_000);
        assert_eq!(flow.turn(&context), Turn::Wait);
        flow.taken();
        assert_eq!(flow.turn(&context), Turn::Read(CREDIT));
        flow.asked();
        assert_eq!(flow.turn(&context), Turn::Read(CREDIT));
    }

    #[test]
    fn a_body_is_late_by_its_pauses_and_by_its_rate() {
        let flow = Flow::default();
        assert_eq!(flow.body_due(), None);
        let pause = Duration::from_secs(60);
        flow.body_begins(BodyBounds {
            pause: Some(pause),
            rate: None,
        });
        assert_eq!(flow.body_due(), None, "nobody asks for it");
        flow.asked();
        let first = flow.body_due().unwrap();
        flow.body_moved(1, false);
        assert!(flow.body_due().unwrap() > first);
        flow.server_blocks(true);
        assert_eq!(flow.body_due(), None, "the server does not take it");
        flow.server_blocks(false);
        assert!(flow.body_due().is_some());
        flow.answer_begins();
        assert_eq!(flow.body_due(), None, "a conversation");

        flow.body_begins(BodyBounds {
            pause: Some(pause),
            rate: Some(1000),
        });
        flow.asked();
        let slow = flow.body_due().unwrap();
        flow.body_moved(10_000, false);
        let paid = flow.body_due().unwrap() - slow;
        assert_eq!(paid, Duration::from_secs(10));
        flow.body_moved(1, true);
        assert_eq!(flow.body_due(), None, "it is whole");
        assert!(!flow.is_late());
        flow.give_up_body(Instant::now());
        assert_eq!(flow.turn(&context()), Turn::GiveUp);
    }
}
