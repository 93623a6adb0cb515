//! What moves between the two sides of a request, and what is held back between them.
//!
//! The framework reads ahead: between the server's side and the client's lies a queue that holds
//! ten reads of 64 KiB when the client takes nothing. So the server's connection
//! ([`connector`](super::connector)) asks here before it reads, and gets a small credit again
//! whenever the client's side takes something out of the queue.
//!
//! How long a server may be silent depends on what it answers, and the framework takes no other bound
//! by then. So it is noted here since when its connection waits for bytes, and the guard gives it up. Of
//! a connection of HTTP/2, which others share, it is noted when the whole request had gone.
//!
//! The framework's bound on reads does nothing for a body that comes by HTTP/2, and filters run
//! only when data moves. So it is noted here when a body moved last, and the guard ends what waits
//! for it.
//!
//! A server may answer before it has read the request. Once such an answer has ended nobody wants the rest
//! of the body, and whoever hears of it here ends the request.

use std::sync::atomic::{AtomicBool, AtomicU8, AtomicUsize, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::task::Context;
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures::task::AtomicWaker;

use super::parts::Parts;
use super::watched_stream::Turn;

mod body;
mod silence;

use body::Body;
pub use body::BodyBounds;
use silence::Silence;

/// Both directions of one request.
#[derive(Debug, Default)]
pub struct Flow {
    answer: Answer,
    body: Mutex<Option<Body>>,
    /// Whether there is one to wait for.
    has_body: AtomicBool,
    /// There was, and nobody waits for it any more.
    is_body_left: AtomicBool,
    /// The client has taken too long to send its body, and until when it may be refused in words.
    late: OnceLock<Instant>,
    silence: Mutex<Silence>,
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
    /// Its last part was taken out of the queue.
    is_over: AtomicBool,
    /// Nothing more is written to the server for that.
    stops_writes: AtomicBool,
    /// The request was ended for that.
    has_ended_all: AtomicBool,
    /// Those parts that its client may not have taken.
    parts: OnceLock<Parts>,
    /// What it waits for: one of [`NOTHING`], [`END`] and [`FLUSH`].
    waits_for: AtomicU8,
    /// What may be read before something is taken.
    credit: AtomicUsize,
    /// A read was put off.
    is_put_off: AtomicBool,
}

impl Flow {
    /// What the server's connection may do now.
    pub fn turn(&self, context: &Context<'_>) -> Turn {
        if self.is_client_late() || self.is_server_late() {
            return Turn::GiveUp;
        }
        let answer = &self.answer;
        if answer.waits_for.load(Ordering::Relaxed) != NOTHING {
            self.reader.register(context.waker());
            return Turn::Wait;
        }
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

    /// The request asks for another protocol: its answer is not read before the request has ended.
    ///
    /// To the framework the end of what a client says is one thing before the switch and after it. An
    /// answer that is faster than the end of the request on its way through the framework would make
    /// of it the end of the new connection.
    pub fn asks_to_switch(&self) {
        self.answer.waits_for.store(END, Ordering::Relaxed);
    }

    /// What was written to the server has left. After the request's end that is all of it.
    pub fn was_flushed(&self) {
        let waits = &self.answer.waits_for;
        if waits.load(Ordering::Relaxed) == FLUSH {
            waits.store(NOTHING, Ordering::Relaxed);
            self.reader.wake();
        }
    }

    /// Notes what was read from the server.
    pub fn was_read(&self, bytes: usize) {
        let answer = &self.answer;
        answer.is_read.store(true, Ordering::Relaxed);
        self.silence().since = None;
        // Reads and credits of one request come from its one task, one after the other.
        let left = answer.credit.load(Ordering::Relaxed).saturating_sub(bytes);
        answer.credit.store(left, Ordering::Relaxed);
    }

    /// The request goes to a server: for the first time, or to another one. It may be silent for
    /// `silence` between two reads; `None` where the framework sees to that.
    pub fn asked(&self, silence: Option<Duration>) {
        *self.silence() = Silence {
            most: silence,
            ..Silence::default()
        };
        self.answer.is_begun.store(false, Ordering::Relaxed);
        self.answer.is_read.store(false, Ordering::Relaxed);
        self.answer.is_over.store(false, Ordering::Relaxed);
        self.answer.waits_for.store(NOTHING, Ordering::Relaxed);
        self.server_blocks(false);
    }

    /// The server that was asked has nothing to say before the request has ended, and its connection is
    /// shared with others: its silence begins with that end.
    pub fn waits_for_end(&self) {
        self.silence().is_until_head = true;
    }

    /// A part of the answer was taken out of the queue, to be written to the client.
    pub fn taken(&self) {
        let answer = &self.answer;
        answer.is_begun.store(true, Ordering::Relaxed);
        answer.credit.store(CREDIT, Ordering::Relaxed);
        let mut silence = self.silence();
        if silence.is_until_head {
            silence.since = None;
        }
        drop(silence);
        if answer.is_put_off.swap(false, Ordering::AcqRel) {
            self.reader.wake();
        }
        // Who takes the answer meanwhile is there.
        if self.has_body()
            && let Some(body) = &mut *self.body()
        {
            body.moved(0);
        }
    }

    /// The head of an answer that is no stream was taken: what is left of the request may pause as the server may.
    pub fn answer_begins(&self, silence: Option<Duration>) {
        self.taken();
        if self.has_body()
            && let Some(body) = &mut *self.body()
        {
            let both = body.bounds.pause.zip(silence);
            body.bounds.pause = both.map(|(one, other)| one.max(other));
        }
    }

    /// Keeps an eye on a part of the answer until it has left, while the request's body has not ended.
    pub fn follow(&self, part: Bytes) -> Bytes {
        match self.has_body() {
            true => self.answer.parts.get_or_init(Parts::default).count(part),
            false => part,
        }
    }

    /// The last part of what was taken of an answer is about to be written to the client.
    pub fn answer_ends(&self) {
        let answer = &self.answer;
        if answer.is_begun.load(Ordering::Relaxed) {
            answer.is_over.store(true, Ordering::Relaxed);
        }
    }

    /// Whether the answer has ended, and the request's body has not.
    pub fn is_over(&self) -> bool {
        self.has_body() && self.answer.is_over.load(Ordering::Relaxed)
    }

    /// What is being written to the server of a request whose answer has ended is given up, which ends the request.
    pub fn stop_writes(&self) {
        self.answer.stops_writes.store(true, Ordering::Relaxed);
    }

    /// Whether that is so.
    pub fn stops_writes(&self) -> bool {
        self.answer.stops_writes.load(Ordering::Relaxed)
    }

    /// Whether the client has taken all parts of the answer that are followed; who asks is woken when it has.
    pub fn has_left(&self, context: &Context<'_>) -> bool {
        let parts = self.answer.parts.get();
        parts.is_none_or(|parts| parts.have_left(context))
    }

    /// Whether a read of the body, for which the answer has been written, or of the wait for the answer ends
    /// the request: nobody wants the rest, or the server is too late.
    pub fn ends_reads(&self) -> bool {
        self.ends_now() || self.is_unheard()
    }

    /// Whether the answer is over and written, to the one who asks first: it ends the request.
    pub fn ends_now(&self) -> bool {
        if !self.is_over() {
            return false;
        }
        self.leave_body();
        self.answer.has_ended_all.store(true, Ordering::Relaxed);
        true
    }

    /// Whether the request was ended with its answer, before its body.
    pub fn was_ended(&self) -> bool {
        self.answer.has_ended_all.load(Ordering::Relaxed)
    }

    /// A body follows. Its time begins when somebody asks for it.
    pub fn body_begins(&self, bounds: BodyBounds) {
        self.has_body.store(true, Ordering::Relaxed);
        *self.body() = Some(Body::new(bounds));
    }

    /// The body is one side of a conversation, which the other side may leave unanswered for a while: its
    /// pauses are bounded by this alone, and it has no rate.
    pub fn body_is_stream(&self, pause: Option<Duration>) {
        if self.has_body()
            && let Some(body) = &mut *self.body()
        {
            body.bounds = BodyBounds { pause, rate: None };
        }
    }

    /// A part of the body came.
    pub fn body_moved(&self, bytes: usize, is_end: bool) {
        if is_end && self.answer.waits_for.load(Ordering::Relaxed) == END {
            self.answer.waits_for.store(FLUSH, Ordering::Relaxed);
        }
        if !self.has_body() {
            return;
        }
        let mut body = self.body();
        if is_end {
            *body = None;
            self.has_body.store(false, Ordering::Relaxed);
            let mut silence = self.silence();
            if silence.is_until_head && !self.answer.is_begun.load(Ordering::Relaxed) {
                silence.since = Some(Instant::now());
            }
        }
        if let Some(body) = &mut *body {
            body.moved(bytes);
        }
    }

    /// The answer is a stream, or has become a connection of another protocol: from now on silence
    /// is bounded by this alone, and is nobody's fault. The rest of the request may pause, as in any
    /// conversation.
    pub fn stream_begins(&self, silence: Option<Duration>) {
        if self.has_body()
            && let Some(body) = &mut *self.body()
        {
            body.bounds.pause = None;
        }
        let mut held = self.silence();
        held.most = silence;
        held.is_stream = true;
    }

    /// Whether the answer is a stream.
    pub fn is_stream(&self) -> bool {
        self.silence().is_stream
    }

    /// When the server is too late with its next bytes; `None` while none are waited for.
    pub fn server_due(&self) -> Option<Instant> {
        let silence = self.silence();
        Some(silence.since? + silence.most?)
    }

    /// The server is too late: its connection is given up.
    pub fn give_up_server(&self) {
        let mut silence = self.silence();
        silence.is_over = true;
        silence.since = None;
        drop(silence);
        self.reader.wake();
    }

    /// Whether the server was too late.
    pub fn is_server_late(&self) -> bool {
        self.silence().is_over
    }

    /// Whether the server was too late, over a connection that cannot be given up for it.
    pub fn is_unheard(&self) -> bool {
        let silence = self.silence();
        silence.is_over && silence.is_until_head
    }

    /// The server's connection takes nothing, or takes again. What is not taken is not missed
    /// from the client. Either way something was to be said, so the server's silence begins again
    /// with the next read.
    pub fn server_blocks(&self, is_blocked: bool) {
        self.silence().since = None;
        if self.has_body()
            && let Some(body) = &mut *self.body()
        {
            body.blocks(is_blocked);
        }
    }

    /// When the client is too late with its body; `None` while nothing is waited for.
    pub fn body_due(&self) -> Option<Instant> {
        if !self.has_body() {
            return None;
        }
        (*self.body())?.due()
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
    pub fn is_client_late(&self) -> bool {
        self.late.get().is_some()
    }

    /// Until when a client that was too late may be refused in words.
    pub fn late_until(&self) -> Option<Instant> {
        self.late.get().copied()
    }

    /// Whether the request's body has not ended.
    pub fn has_body(&self) -> bool {
        self.has_body.load(Ordering::Relaxed)
    }

    fn body(&self) -> std::sync::MutexGuard<'_, Option<Body>> {
        self.body.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn silence(&self) -> std::sync::MutexGuard<'_, Silence> {
        // Of one task, so nobody waits for it.
        self.silence.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Registers the server's connection, which waits for bytes, for [`Flow::give_up_body`] and
    /// [`Flow::give_up_server`].
    pub fn waits(&self, context: &Context<'_>) {
        self.reader.register(context.waker());
        self.silence().since.get_or_insert_with(Instant::now);
    }
}

/// What may be read of an answer before something of it is taken. As much again may be on its way
/// to the client.
pub const CREDIT: usize = 8 << 10;
/// The size of reads while its head is not taken.
const AHEAD: usize = 4 << 10;

/// An answer is read when it comes.
const NOTHING: u8 = 0;
/// It waits for the end of the request.
const END: u8 = 1;
/// It waits until that end has gone through to the server's connection.
const FLUSH: u8 = 2;

#[cfg(test)]
mod tests;
