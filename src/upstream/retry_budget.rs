//! How many requests may be repeated because of what a server answered, as a part of all requests: when
//! every server is in trouble, repeating everything would make it worse.

use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

/// Grows with each request and shrinks with each retry, within bounds.
#[derive(Debug)]
pub(super) struct RetryBudget {
    /// What each request adds, in hundredths of a retry.
    percent: u32,
    hundredths: AtomicU32,
}

impl RetryBudget {
    /// Full. `percent` of requests may be repeated.
    pub(super) fn new(percent: u8) -> Self {
        Self {
            percent: u32::from(percent),
            hundredths: AtomicU32::new(MOST),
        }
    }

    /// A request came.
    pub(super) fn earn(&self) {
        let grown = |hundredths: u32| Some((hundredths + self.percent).min(MOST));
        // The closure never says no.
        let _ = self.hundredths.fetch_update(Relaxed, Relaxed, grown);
    }

    /// Whether one more request may be repeated; if so, it is counted.
    pub(super) fn spend(&self) -> bool {
        let spent = |hundredths: u32| hundredths.checked_sub(RETRY);
        self.hundredths
            .fetch_update(Relaxed, Relaxed, spent)
            .is_ok()
    }
}

/// One retry.
const RETRY: u32 = 100;
/// What is saved up at most: ten retries.
const MOST: u32 = 10 * RETRY;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_of_the_requests_is_repeated_and_a_few_at_once() {
        let budget = RetryBudget::new(20);
        assert_eq!((0..20).filter(|_| budget.spend()).count(), 10);
        let repeated = (0..100).filter(|_| {
            budget.earn();
            budget.spend()
        });
        assert_eq!(repeated.count(), 20);
        for _ in 0..1000 {
            budget.earn();
        }
        assert_eq!((0..20).filter(|_| budget.spend()).count(), 10);
        let none = RetryBudget::new(0);
        (0..10).for_each(|_| assert!(none.spend()));
        none.earn();
        assert!(!none.spend());
    }
}
