//! How often the client of an HTTP/2 connection may give up streams (CVE-2023-44487): a burst, and
//! then some each second, however long the connection lasts.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tokio::sync::Notify;

/// What a client may give up.
#[derive(Clone, Copy, Debug)]
pub struct ResetLimit {
    /// At once.
    pub burst: u32,
    /// More each second; 0 for none.
    pub per_second: u32,
}

/// The streams that the client of one connection has given up.
#[derive(Debug)]
pub(super) struct Resets {
    limit: ResetLimit,
    began: Instant,
    /// When all that was given up will have been allowed one by one, in nanoseconds since `began`.
    even: AtomicU64,
    /// Told when the client has given up too many: it is asked to go away.
    pub(super) too_many: Notify,
    /// Notified when it continues all the same.
    pub(super) flood: Notify,
}

impl Resets {
    pub(super) fn new(limit: ResetLimit) -> Self {
        Self {
            limit,
            began: Instant::now(),
            even: AtomicU64::new(0),
            too_many: Notify::new(),
            flood: Notify::new(),
        }
    }

    /// Counts one.
    pub(super) fn count(&self) {
        match self.excess(self.began.elapsed()) {
            0 => {}
            excess if excess <= u64::from(self.limit.burst) => self.too_many.notify_one(),
            _ => self.flood.notify_one(),
        }
    }

    /// How many more than may be, now that there is one more.
    fn excess(&self, now: Duration) -> u64 {
        let each = match self.limit.per_second {
            0 => A_DAY,
            per_second => NANOS / u64::from(per_second),
        };
        let now = u64::try_from(now.as_nanos()).unwrap_or(u64::MAX);
        let next = |even: u64| Some(even.max(now).saturating_add(each));
        let even = self
            .even
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, next)
            .map_or(u64::MAX, |before| before.max(now).saturating_add(each));
        let given_up = even.saturating_sub(now).div_ceil(each);
        given_up.saturating_sub(self.limit.burst.into())
    }
}

const NANOS: u64 = 1_000_000_000;
/// Longer than connections last.
const A_DAY: u64 = 86_400 * NANOS;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn allows_a_burst_and_then_some_each_second() {
        let resets = Resets::new(ResetLimit {
            burst: 10,
            per_second: 5,
        });
        let at = |millis| resets.excess(Duration::from_millis(millis));
        for _ in 0..10 {
            assert_eq!(at(0), 0);
        }
        assert_eq!([at(0), at(0)], [1, 2]);
        // Two are paid back after 400 ms, and the next is one too many.
        assert_eq!([at(400), at(1000)], [1, 0]);
        // Whoever stays below the rate never gets there.
        for second in 10..1000 {
            assert_eq!(at(second * 200), 0, "{second}");
        }
    }
}
