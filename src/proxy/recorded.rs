//! A request's context, which is recorded once, whatever ends the request.
//!
//! The framework says when a request has ended, unless its future is dropped: by the guard, which cuts what
//! takes too long, outlives its session or has its answer, by a panic, or at the end of the process. Its context is dropped
//! with it, and records it then.

use std::ops::{Deref, DerefMut};
use std::sync::Arc;

use pingora::Error;
use pingora::proxy::Session;

use super::connection::flow::Flow;
use super::context::RequestContext;
use super::request_log::RequestLog;
use super::round_trip::attempt;

/// The context, and where it is recorded.
pub struct Recorded {
    ctx: RequestContext,
    log: Arc<RequestLog>,
    is_recorded: bool,
}

impl Recorded {
    /// Records `ctx` in `log` at its end.
    pub(super) fn new(ctx: RequestContext, log: Arc<RequestLog>) -> Self {
        Self {
            ctx,
            log,
            is_recorded: false,
        }
    }

    /// The request has ended, with the error that ended it. What it held of its upstream is free.
    pub(super) fn ended(&mut self, session: &Session, error: Option<&Error>) {
        if std::mem::replace(&mut self.is_recorded, true) {
            return;
        }
        // An answer that ends first is no failure.
        let error = error.filter(|_| !self.was_answered_first());
        attempt::ended(error, &self.ctx);
        self.log.record(session, error, &self.ctx);
        self.ctx.permit = None;
        self.ctx.in_flight = None;
        if let Some(flow) = self.ctx.guard.flow() {
            // The framework may read the rest of the body, for the next request of the connection.
            flow.ends_now();
        }
    }

    /// Whether the request was ended with its answer, before its body.
    pub(super) fn was_answered_first(&self) -> bool {
        self.ctx.guard.flow().is_some_and(Flow::was_ended)
    }
}

impl Deref for Recorded {
    type Target = RequestContext;

    fn deref(&self) -> &RequestContext {
        &self.ctx
    }
}

impl DerefMut for Recorded {
    fn deref_mut(&mut self) -> &mut RequestContext {
        &mut self.ctx
    }
}

impl Drop for Recorded {
    fn drop(&mut self) {
        if self.is_recorded {
            return;
        }
        attempt::dropped(&self.ctx);
        let otherwise = match std::thread::panicking() {
            true => PANICKED,
            false => STOPPED,
        };
        let cut = self.ctx.guard.cut().unwrap_or(otherwise);
        let cut = (!self.was_answered_first()).then_some(cut);
        self.log.record_dropped(cut, &self.ctx);
    }
}

/// The request's own code failed.
const PANICKED: &str = "panicked";
/// The process ends, and nothing else drops a request without a word.
const STOPPED: &str = "stopped";
