//! What was written of an answer, and still lies in the connection's buffer.
//!
//! The framework flushes an answer of known length at its end only. So if its server pauses before that, the head,
//! or the few bytes that were sent last, would not reach the client until more comes. Whoever waits for more flushes
//! them after a moment, within which most answers come to their end.

use std::pin::Pin;
use std::task::Context;
use std::time::Duration;

use tokio::time::{Sleep, sleep};

/// Whether there is something, and since when it is waited for more.
#[derive(Debug, Default)]
pub(super) struct Unflushed {
    is_there: bool,
    due: Option<Pin<Box<Sleep>>>,
}

impl Unflushed {
    /// Something was written.
    pub(super) fn was_written(&mut self) {
        self.is_there = true;
    }

    /// All of it has left.
    pub(super) fn was_flushed(&mut self) {
        self.is_there = false;
        self.due = None;
    }

    /// Whether it has waited for long enough; who asks is woken when it has.
    pub(super) fn is_due(&mut self, context: &mut Context<'_>) -> bool {
        if !self.is_there {
            return false;
        }
        let due = self.due.get_or_insert_with(|| Box::pin(sleep(MOMENT)));
        due.as_mut().poll(context).is_ready()
    }
}

/// Less than people notice, and longer than the parts of an answer lie apart that is there already.
const MOMENT: Duration = Duration::from_millis(20);

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::task::{Poll, Waker};

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn what_was_written_is_due_after_a_moment() {
        let mut unflushed = Unflushed::default();
        let mut context = Context::from_waker(Waker::noop());
        assert!(!unflushed.is_due(&mut context));
        assert!(unflushed.due.is_none(), "nothing is waited for");
        for _ in 0..2 {
            unflushed.was_written();
            assert!(!unflushed.is_due(&mut context));
            // Whatever is written meanwhile does not put it off.
            unflushed.was_written();
            poll_fn(|context| match unflushed.is_due(context) {
                true => Poll::Ready(()),
                false => Poll::Pending,
            })
            .await;
            assert!(unflushed.is_due(&mut context), "until it is flushed");
            unflushed.was_flushed();
            assert!(!unflushed.is_due(&mut context));
        }
    }
}
