//! For how long what is held may be believed without word from the store.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::time::Instant;

/// The end of that time, looked at by each request: a process that was stopped, or a machine that was
/// suspended, answers before anything else in it has had its turn.
#[derive(Debug)]
pub(super) struct Freshness {
    base: Instant,
    /// Milliseconds from `base`; [`NEVER`] without a bound.
    until: AtomicU64,
    /// The bound in milliseconds; [`NEVER`] for none.
    most: AtomicU64,
}

impl Freshness {
    pub(super) fn new() -> Self {
        Self {
            base: Instant::now(),
            until: NEVER.into(),
            most: NEVER.into(),
        }
    }

    /// The store was asked at that time, and has answered with everything until then.
    pub(super) fn renew(&self, asked_at: Instant, most: Option<Duration>) {
        let most = most.map_or(NEVER, milliseconds);
        let asked_at = milliseconds(asked_at.saturating_duration_since(self.base));
        self.most.store(most, Ordering::Relaxed);
        self.until
            .store(asked_at.saturating_add(most), Ordering::Release);
    }

    /// Whether the time is over.
    pub(super) fn is_over(&self) -> bool {
        let until = self.until.load(Ordering::Acquire);
        until != NEVER && until <= milliseconds(self.base.elapsed())
    }

    /// Nothing is held any more but what the store is asked for from `now` on.
    pub(super) fn start_over(&self, now: Instant) {
        let most = self.most.load(Ordering::Relaxed);
        let now = milliseconds(now.saturating_duration_since(self.base));
        self.until
            .fetch_max(now.saturating_add(most), Ordering::AcqRel);
    }
}

fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(NEVER)
}

const NEVER: u64 = u64::MAX;

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn it_is_over_when_nothing_was_heard_for_as_long_as_that() {
        let second = Duration::from_secs(1);
        let freshness = Freshness::new();
        assert!(!freshness.is_over(), "nobody set a bound");
        let asked_at = Instant::now();
        tokio::time::advance(second / 2).await;
        // From the question on, however long the answer took.
        freshness.renew(asked_at, Some(second));
        assert!(!freshness.is_over());
        tokio::time::advance(second / 2).await;
        assert!(freshness.is_over());
        freshness.start_over(Instant::now());
        assert!(!freshness.is_over());
        tokio::time::advance(second).await;
        assert!(freshness.is_over());
        freshness.renew(Instant::now(), None);
        tokio::time::advance(second * 1_000_000).await;
        assert!(!freshness.is_over());
    }
}
