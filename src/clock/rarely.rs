//! What is due often and worth a line only now and then.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// An occasion that clients or a full disk can bring about as often as they like, and that is
/// mentioned at most once a minute.
#[derive(Debug, Default)]
pub struct Rarely(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    mentioned: Option<Instant>,
    unmentioned: u64,
}

impl Rarely {
    /// Nothing has happened yet.
    pub const fn new() -> Self {
        Self(Mutex::new(State {
            mentioned: None,
            unmentioned: 0,
        }))
    }

    /// It happened. If it is to be mentioned: how often it has happened since it was mentioned last,
    /// this time included.
    pub fn due(&self) -> Option<u64> {
        self.due_at(Instant::now())
    }

    fn due_at(&self, now: Instant) -> Option<u64> {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        state.unmentioned = state.unmentioned.saturating_add(1);
        let is_fresh = |mentioned| now.saturating_duration_since(mentioned) < PAUSE;
        if state.mentioned.is_some_and(is_fresh) {
            return None;
        }
        state.mentioned = Some(now);
        Some(std::mem::take(&mut state.unmentioned))
    }
}

const PAUSE: Duration = Duration::from_secs(60);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_is_mentioned_and_then_one_a_minute_with_their_number() {
        let rarely = Rarely::new();
        let begin = Instant::now();
        let at = |seconds| rarely.due_at(begin + Duration::from_secs(seconds));
        let due: Vec<_> = [0, 1, 59, 60, 61, 200].map(at).into();
        assert_eq!(due, [Some(1), None, None, Some(3), None, Some(2)]);
    }
}
