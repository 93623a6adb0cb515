//! Waiting for jobs that are about to come, so that they share a commit.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};

/// What the writing thread waits for, for those who ask.
#[derive(Debug, Default)]
pub(super) struct Gathering {
    /// How many queued jobs end the wait; 0: nobody waits.
    wanted: AtomicUsize,
    waiting: OnceLock<Thread>,
}

impl Gathering {
    /// Says that so many jobs are queued now.
    pub(super) fn queued(&self, jobs: usize) {
        let wanted = self.wanted.load(Ordering::Acquire);
        if wanted != 0
            && jobs >= wanted
            && let Some(thread) = self.waiting.get()
        {
            thread.unpark();
        }
    }

    /// Waits until `wanted` jobs are queued, none has come for some time, or the first has waited for
    /// long. Only one thread waits.
    pub(super) fn wait(&self, wanted: usize, queued: impl Fn() -> usize) {
        let until = Instant::now() + GATHERED_FOR;
        self.waiting.get_or_init(thread::current);
        self.wanted.store(wanted, Ordering::Release);
        loop {
            let before = queued();
            if before >= wanted || Instant::now() >= until {
                break;
            }
            // Whoever was queued before `wanted` was known wakes nobody, and is seen after this.
            thread::park_timeout(NEXT_COMES_WITHIN);
            if queued() == before {
                break;
            }
        }
        self.wanted.store(0, Ordering::Release);
    }
}

/// How long the first of many waits for the others at most.
const GATHERED_FOR: Duration = Duration::from_millis(8);
/// Who does not come within this of the one before is not waited for.
const NEXT_COMES_WITHIN: Duration = Duration::from_micros(500);
