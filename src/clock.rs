//! Wall-clock time as tokens and records carry it.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

pub mod certain;
pub mod moment;
pub mod other_clock;
pub mod rarely;
pub mod retry_after;

/// Seconds since 1970-01-01T00:00:00Z, as in a JWT's `exp` (RFC 7519 section 2, NumericDate).
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    utoipa::ToSchema,
)]
#[serde(transparent)]
pub struct UnixTime(pub u64);

impl UnixTime {
    /// The time now. A clock set before 1970 reads as 0, at which every token is refused as
    /// issued in the future.
    pub fn now() -> Self {
        SystemTime::now().into()
    }

    /// Later by the whole seconds of `duration`; saturates.
    pub fn plus(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(duration.as_secs()))
    }

    /// Earlier by the whole seconds of `duration`; saturates at 0.
    pub fn minus(self, duration: Duration) -> Self {
        Self(self.0.saturating_sub(duration.as_secs()))
    }

    /// As RFC 3339 writes it, in UTC.
    pub fn rfc3339(self) -> String {
        // Year 9999 ends the format; a saturated time is later than that.
        let instant = UNIX_EPOCH + Duration::from_secs(self.0.min(LAST_SECOND));
        humantime::format_rfc3339_seconds(instant).to_string()
    }

    /// How long until `later`; zero when that is past.
    pub fn until(self, later: Self) -> Duration {
        Duration::from_secs(later.0.saturating_sub(self.0))
    }
}

/// The same in 32 bits, for what memory holds a million of. They last until 2106; what is later reads
/// as that.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ShortTime(pub u32);

impl From<UnixTime> for ShortTime {
    fn from(time: UnixTime) -> Self {
        Self(u32::try_from(time.0).unwrap_or(u32::MAX))
    }
}

impl From<ShortTime> for UnixTime {
    fn from(time: ShortTime) -> Self {
        Self(time.0.into())
    }
}

impl From<SystemTime> for UnixTime {
    /// A time before 1970 reads as 0.
    fn from(time: SystemTime) -> Self {
        let since_epoch = time.duration_since(UNIX_EPOCH).unwrap_or_default();
        Self(since_epoch.as_secs())
    }
}

/// 9999-12-31T23:59:59Z.
const LAST_SECOND: u64 = 253_402_300_799;
