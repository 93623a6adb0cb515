//! The times that the dashboard looks back over.

use std::time::Duration;

use serde::Deserialize;
use utoipa::ToSchema;

/// A time up to now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, ToSchema)]
pub enum Range {
    /// In minutes.
    #[default]
    #[serde(rename = "1h")]
    Hour,
    /// In quarters of an hour.
    #[serde(rename = "24h")]
    Day,
    /// In steps of two hours.
    #[serde(rename = "7d")]
    Week,
}

impl Range {
    /// All of them, the shortest first.
    pub const ALL: [Self; 3] = [Self::Hour, Self::Day, Self::Week];

    /// The word that stands for it in an address.
    pub fn word(self) -> &'static str {
        match self {
            Self::Hour => "1h",
            Self::Day => "24h",
            Self::Week => "7d",
        }
    }

    /// How long it is.
    pub fn length(self) -> Duration {
        self.step() * self.steps()
    }

    /// The length of one step.
    pub fn step(self) -> Duration {
        match self {
            Self::Hour => MINUTE,
            Self::Day => 15 * MINUTE,
            Self::Week => 120 * MINUTE,
        }
    }

    pub(super) fn steps(self) -> u32 {
        match self {
            Self::Hour => 60,
            Self::Day => 96,
            Self::Week => 84,
        }
    }

    /// The time between two samples.
    pub(super) fn interval(self) -> Duration {
        match self {
            Self::Hour => INTERVAL,
            Self::Day => 5 * MINUTE,
            Self::Week => 30 * MINUTE,
        }
    }

    /// How many samples reach over it, with the one before.
    pub(super) fn kept(self) -> usize {
        let samples = self.length().as_secs() / self.interval().as_secs();
        usize::try_from(samples)
            .unwrap_or(usize::MAX)
            .saturating_add(1)
    }

    /// The next longer one.
    pub(super) fn longer(self) -> Option<Self> {
        match self {
            Self::Hour => Some(Self::Day),
            Self::Day => Some(Self::Week),
            Self::Week => None,
        }
    }
}

/// Between samples of the shortest range.
pub(super) const INTERVAL: Duration = Duration::from_secs(10);
const MINUTE: Duration = Duration::from_secs(60);
