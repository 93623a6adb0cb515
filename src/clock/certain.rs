//! The time that has surely passed, whatever this machine's clock says.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::UnixTime;

/// The latest time that was trusted, and when that was by the clock that is never set.
#[derive(Debug, Default)]
pub struct CertainTime(Mutex<Option<(UnixTime, Instant)>>);

impl CertainTime {
    /// It is at least `time` now.
    pub fn trust(&self, time: UnixTime) {
        *self.latest() = Some((time, Instant::now()));
    }

    /// By how much `now` may be ahead: all of it before any time was trusted.
    pub fn doubt(&self, now: UnixTime) -> Duration {
        let certain = match *self.latest() {
            // That clock stands still while the machine is suspended, so that this is the least.
            Some((time, at)) => time.plus(at.elapsed()),
            None => UnixTime::default(),
        };
        certain.until(now)
    }

    fn latest(&self) -> MutexGuard<'_, Option<(UnixTime, Instant)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_ahead_of_the_time_that_was_trusted_is_doubted() {
        let hour = Duration::from_secs(3600);
        let now = UnixTime(1_700_000_000);
        let certain = CertainTime::default();
        assert_eq!(certain.doubt(now), Duration::from_secs(now.0));
        certain.trust(now);
        // Nobody knows how long this test takes, but not an hour.
        assert_eq!(certain.doubt(now), Duration::ZERO);
        let doubt = certain.doubt(now.plus(2 * hour));
        assert!(doubt > hour && doubt <= 2 * hour, "{doubt:?}");
    }
}
