//! Which configuration something belongs to.
//!
//! Exchanges of several configurations share one cache, while requests end under the one that they
//! began with. So each configuration has a number, issuers know from which to which they are in force,
//! and a session that was opened under other settings is not taken for one of these.

/// The number of a configuration of this process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConfigVersion {
    /// Counts all that were put in force.
    pub(super) number: u32,
    /// Counts those under which sessions are made in another way than before. Short, since each
    /// session carries it; two that are equal by accident are 65,536 changes apart.
    pub(super) era: u16,
}

impl ConfigVersion {
    /// The one that the process started with.
    pub(super) const FIRST: Self = Self { number: 1, era: 0 };

    /// The one after it.
    pub(super) fn next(self, makes_same_sessions: bool) -> Self {
        let era = match makes_same_sessions {
            true => self.era,
            false => self.era.wrapping_add(1),
        };
        Self {
            number: self.number.saturating_add(1),
            era,
        }
    }
}
