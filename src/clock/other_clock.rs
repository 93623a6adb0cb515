//! What other machines' clocks say of this one's.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use super::UnixTime;

/// The clock of another machine, as far as its latest answer shows it.
#[derive(Debug, Default)]
pub struct OtherClock(Mutex<Option<Seen>>);

/// By how many seconds this machine's clock is ahead of another's; negative: behind. It is somewhere
/// from `least` to `most`: the other's time was read at some moment while its answer was on its way,
/// and is a whole second.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ahead {
    /// At least by this.
    pub least: i64,
    /// At most by this.
    pub most: i64,
}

#[derive(Clone, Copy, Debug)]
struct Seen {
    ahead: Ahead,
    /// When that was, by both clocks of this machine.
    at: (SystemTime, Instant),
}

impl OtherClock {
    /// The answer to what was asked at `asked` says that it was `theirs` meanwhile.
    pub fn answered(&self, asked: (SystemTime, Instant), theirs: UnixTime) {
        // By the clock that is never set: the other may be set meanwhile.
        let took = asked.1.elapsed();
        let ahead = Ahead::between(asked.0, took, theirs);
        *self.seen() = Some(Seen { ahead, at: asked });
    }

    /// What is known now; `None`: nothing, or this machine's clock was set since.
    pub fn ahead(&self) -> Option<Ahead> {
        let Seen { ahead, at } = (*self.seen())?;
        let by_itself = at.0 + at.1.elapsed();
        let now = SystemTime::now();
        let was_set = now
            .duration_since(by_itself)
            .unwrap_or_else(|earlier| earlier.duration());
        (was_set < STEP).then_some(ahead)
    }

    fn seen(&self) -> MutexGuard<'_, Option<Seen>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Ahead {
    fn between(asked: SystemTime, took: Duration, theirs: UnixTime) -> Self {
        let seconds = |time: SystemTime| {
            let since = time.duration_since(SystemTime::UNIX_EPOCH);
            i64::try_from(since.unwrap_or_default().as_secs()).unwrap_or(i64::MAX)
        };
        let theirs = i64::try_from(theirs.0).unwrap_or(i64::MAX);
        Self {
            // Asked within a second of which `seconds` is the beginning, read within another.
            least: seconds(asked).saturating_sub(theirs).saturating_sub(1),
            most: seconds(asked + took)
                .saturating_sub(theirs)
                .saturating_add(1),
        }
    }

    /// In any case by this: 0 if the clocks may agree.
    pub fn surely(self) -> i64 {
        match self {
            Self { least, .. } if least > 0 => least,
            Self { most, .. } if most < 0 => most,
            _ => 0,
        }
    }
}

/// What a clock is corrected by in small steps stays below this.
const STEP: Duration = Duration::from_secs(2);

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: u64, millis: u64) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(second) + Duration::from_millis(millis)
    }

    #[test]
    fn only_what_is_certain_is_a_difference() {
        let surely = |asked, took, theirs| {
            let took = Duration::from_millis(took);
            Ahead::between(asked, took, UnixTime(theirs)).surely()
        };
        for (asked, took, theirs, expected) in [
            (at(100, 0), 10, 100, 0),
            // Their second had begun just before, or ended just after.
            (at(100, 0), 10, 99, 0),
            (at(100, 990), 20, 101, 0),
            (at(100, 0), 10, 40, 59),
            (at(100, 0), 10, 160, -59),
            // A slow answer may have been written at any moment of it.
            (at(100, 0), 70_000, 160, 0),
            (at(100, 0), 70_000, 40, 59),
            (at(100, 0), 0, u64::MAX, 101 - i64::MAX),
        ] {
            assert_eq!(
                surely(asked, took, theirs),
                expected,
                "{asked:?} {took} {theirs}"
            );
        }
    }

    #[test]
    fn nothing_is_known_before_an_answer_and_after_the_clock_was_set() {
        let other = OtherClock::default();
        assert_eq!(other.ahead(), None);
        let now = SystemTime::now();
        let theirs = UnixTime(UnixTime::from(now).0 - 100);
        other.answered((now, Instant::now()), theirs);
        let ahead = other.ahead().map(Ahead::surely);
        assert!(matches!(ahead, Some(98..=100)), "{ahead:?}");
        // As if it had been set since.
        other.answered((now - Duration::from_secs(60), Instant::now()), theirs);
        assert_eq!(other.ahead(), None);
    }
}
