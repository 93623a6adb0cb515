//! A moment from which time is measured, also while the machine stands still.

use std::time::{Duration, SystemTime};

use rustix::time::{ClockId, clock_gettime};

/// A moment, to be asked how long ago it was. The clock that timers follow stands still while the machine
/// is suspended, which the clock of the system's boot counts in. While a virtual machine is paused both stand
/// still, and the wall clock shows it once it is right again.
#[derive(Clone, Copy, Debug)]
pub struct Moment {
    /// Milliseconds since the system booted, those of suspensions among them.
    booted: i64,
    wall: SystemTime,
    /// The clock that tests set.
    #[cfg(test)]
    timers: tokio::time::Instant,
}

impl Moment {
    /// This moment.
    pub fn now() -> Self {
        Self {
            booted: milliseconds(ClockId::Boottime),
            wall: SystemTime::now(),
            #[cfg(test)]
            timers: tokio::time::Instant::now(),
        }
    }

    /// How long ago it was, by the clock that counts the most. A wall clock that was set forward makes it
    /// longer ago than it was.
    pub fn elapsed(&self) -> Duration {
        let now = Self::now();
        let booted = now.booted.saturating_sub(self.booted);
        let booted = Duration::from_millis(u64::try_from(booted).unwrap_or(0));
        #[cfg(test)]
        let booted = booted.saturating_add(now.timers.saturating_duration_since(self.timers));
        let wall = now.wall.duration_since(self.wall).unwrap_or_default();
        booted.max(wall)
    }

    /// The later one of two.
    pub fn latest(self, other: Self) -> Self {
        #[cfg(test)]
        if self.timers != other.timers {
            return if self.timers > other.timers {
                self
            } else {
                other
            };
        }
        match self.booted > other.booted {
            true => self,
            false => other,
        }
    }

    /// This moment as it looks after the machine was suspended for so long, by a clock that counts it.
    #[cfg(test)]
    pub(crate) fn before_suspension(self, time: Duration) -> Self {
        let time = i64::try_from(time.as_millis()).unwrap_or(i64::MAX);
        Self {
            booted: self.booted.saturating_sub(time),
            ..self
        }
    }

    /// This moment as it looks after the wall clock was set forward by so much.
    #[cfg(test)]
    pub(crate) fn before_step(self, time: Duration) -> Self {
        Self {
            wall: self.wall - time,
            ..self
        }
    }
}

fn milliseconds(clock: ClockId) -> i64 {
    let time = clock_gettime(clock);
    time.tv_sec
        .saturating_mul(1000)
        .saturating_add(time.tv_nsec / 1_000_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn the_clock_that_counts_the_most_is_believed() {
        let hour = Duration::from_secs(3600);
        let moment = Moment::now();
        assert!(moment.elapsed() < hour);
        assert!(moment.before_suspension(hour).elapsed() >= hour);
        assert!(moment.before_step(hour).elapsed() >= hour);
        tokio::time::advance(hour).await;
        assert!(moment.elapsed() >= hour);
        // What the machine ran and what it was suspended are different hours.
        assert!(moment.before_suspension(hour).elapsed() >= 2 * hour);
    }
}
