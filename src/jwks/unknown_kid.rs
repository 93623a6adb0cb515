//! A bounded memory of `kid`s that fetches did not bring.

use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

use quick_cache::sync::Cache;
use tokio::time::Instant;

/// Remembers unknown `kid`s by a keyed hash; a collision merely delays a fetch.
///
/// The cooldown bounds fetches in all. This memory bounds those for one `kid`: a client that
/// keeps sending a token of a key long gone causes ever fewer fetches, while the first tokens of
/// a new key find the cooldown alone.
pub(super) struct UnknownKids {
    absences: Cache<u64, Absence>,
    hasher: RandomState,
}

#[derive(Clone, Copy)]
struct Absence {
    count: u32,
    not_before: Instant,
}

impl UnknownKids {
    pub(super) fn new(capacity: usize) -> Self {
        Self {
            absences: Cache::new(capacity.max(1)),
            hasher: RandomState::new(),
        }
    }

    /// How many it remembers.
    #[cfg(test)]
    pub(super) fn capacity(&self) -> usize {
        usize::try_from(self.absences.capacity()).unwrap_or(usize::MAX)
    }

    /// The time before which no fetch is started for this `kid`.
    pub(super) fn not_before(&self, kid: &str) -> Option<Instant> {
        self.absences
            .get(&self.hasher.hash_one(kid))
            .map(|absence| absence.not_before)
    }

    /// Records that a fetch for this `kid` did not find it.
    pub(super) fn absent(&self, kid: &str, cooldown: Duration, longest: Duration) {
        let hash = self.hasher.hash_one(kid);
        let count = self
            .absences
            .get(&hash)
            .map_or(0, |absence| absence.count)
            .saturating_add(1);
        let doublings = count.saturating_sub(PATIENCE).min(16);
        let pause = cooldown
            .saturating_mul(1 << doublings)
            .min(longest.max(cooldown));
        self.absences.insert(
            hash,
            Absence {
                count,
                not_before: Instant::now() + pause,
            },
        );
    }
}

/// How often a `kid` may be absent before its pauses grow: providers publish late.
const PATIENCE: u32 = 6;

#[cfg(test)]
mod tests {
    use super::*;

    const COOLDOWN: Duration = Duration::from_secs(10);
    const LONGEST: Duration = Duration::from_secs(600);

    #[tokio::test(start_paused = true)]
    async fn pauses_grow_for_a_kid_that_stays_away() {
        let kids = UnknownKids::new(8);
        let pause_after = |times| {
            for _ in 0..times {
                kids.absent("old", COOLDOWN, LONGEST);
            }
            kids.not_before("old").unwrap() - Instant::now()
        };
        assert_eq!(pause_after(PATIENCE), COOLDOWN);
        assert_eq!(pause_after(1), COOLDOWN * 2);
        assert_eq!(pause_after(100), LONGEST);
        assert_eq!(kids.not_before("new"), None);
    }

    #[tokio::test(start_paused = true)]
    async fn the_memory_is_bounded() {
        let kids = UnknownKids::new(64);
        for number in 0..10_000 {
            kids.absent(&number.to_string(), COOLDOWN, LONGEST);
        }
        assert!(kids.absences.len() <= 64);
    }
}
