//! A request's context, which is recorded once, whatever ends the request.
//!
//! The framework says when a request has ended, unless its future is dropped: by the guard, which cuts what
//! takes too long or outlives its session, by a panic, or at the end of the process. Its context is dropped
//! with it, and records it then.

use std::ops::{Deref, DerefMut};
use std::sync::Arc;

use pingora::Error;
use pingora::proxy::Session;

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

    /// The request has ended, with the error that ended it.
    pub(super) fn ended(&mut self, session: &Session, error: Option<&Error>) {
        if std::mem::replace(&mut self.is_recorded, true) {
            return;
        }
        attempt::ended(error, &self.ctx);
        self.log.record(session, error, &self.ctx);
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
        attempt::ended(None, &self.ctx);
        let otherwise = match std::thread::panicking() {
            true => PANICKED,
            false => STOPPED,
        };
        let cut = self.ctx.guard.cut().unwrap_or(otherwise);
        self.log.record_dropped(Some(cut), &self.ctx);
    }
}

/// The request's own code failed.
const PANICKED: &str = "panicked";
/// The process ends, and nothing else drops a request without a word.
const STOPPED: &str = "stopped";
