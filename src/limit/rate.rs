//! How often something may happen, as the configuration writes it.

use std::fmt;
use std::num::NonZeroU32;
use std::str::FromStr;
use std::time::Duration;

use governor::Quota;
use serde::{Deserialize, Deserializer, de};

use crate::text_schema::text_schema;

/// `60/1m`: 60 at once, and one more for each second since. `off`: as often as one likes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate(Option<Quota>);

impl Rate {
    /// As often as one likes.
    pub const OFF: Self = Self(None);

    /// `count` at once, refilled evenly within a minute.
    pub const fn per_minute(count: NonZeroU32) -> Self {
        Self(Some(Quota::per_minute(count)))
    }

    /// Whether there is no limit.
    pub fn is_off(self) -> bool {
        self.0.is_none()
    }

    /// The limit, if there is one.
    pub(super) fn quota(self) -> Option<Quota> {
        self.0
    }
}

impl fmt::Display for Rate {
    /// As the configuration writes it: the count, and the time in which it is filled up again.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(quota) = &self.0 else {
            return f.write_str("off");
        };
        // A part of a second is divided in whole nanoseconds.
        let period = quota.burst_size_replenished_in() + Duration::from_micros(500);
        let period = Duration::from_millis(u64::try_from(period.as_millis()).unwrap_or(u64::MAX));
        let period = humantime::format_duration(period);
        write!(f, "{}/{period}", quota.burst_size())
    }
}

/// The text is not a rate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a rate: expected a count and a period, such as `60/1m`, or `off`")]
pub struct RateError;

impl FromStr for Rate {
    type Err = RateError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text == "off" {
            return Ok(Self::OFF);
        }
        let (count, period) = text.split_once('/').ok_or(RateError)?;
        let count: NonZeroU32 = count.parse().map_err(|_| RateError)?;
        let period = humantime::parse_duration(period).map_err(|_| RateError)?;
        let quota = Quota::with_period(period / count.get()).ok_or(RateError)?;
        Ok(Self(Some(quota.allow_burst(count))))
    }
}

impl<'de> Deserialize<'de> for Rate {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(Written)
    }
}

struct Written;

impl de::Visitor<'_> for Written {
    type Value = Rate;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a count and a period, such as `60/1m`, or `off`")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Rate, E> {
        text.parse().map_err(E::custom)
    }

    /// What reads YAML 1.1 and writes it again, as Helm does, takes `off` for `false`.
    fn visit_bool<E: de::Error>(self, is_on: bool) -> Result<Rate, E> {
        match is_on {
            false => Ok(Rate::OFF),
            true => Err(E::invalid_type(de::Unexpected::Bool(is_on), &self)),
        }
    }
}

text_schema!(Rate, "Rate", {
    "description": "`COUNT/PERIOD`, such as `300/1m`, or `off`.",
    "type": "string",
    "pattern": "^(off|[1-9][0-9]*/.+)$",
});

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_reads_as_it_is_written() {
        for text in ["60/1m", "7/1m", "1/10s", "1000/1h", "off"] {
            let rate: Rate = text.parse().unwrap();
            assert_eq!(rate.to_string().replace(' ', ""), text);
        }
    }

    #[test]
    fn reads_rates() {
        let rate = |text: &str| text.parse::<Rate>();
        assert_eq!(rate("off"), Ok(Rate::OFF));
        let sixty = Rate::per_minute(NonZeroU32::new(60).unwrap());
        assert_eq!(rate("60/1m"), Ok(sixty));
        for wrong in [
            "", "60", "0/1m", "60/", "60/0s", "-1/1s", "off/1s", "1/1", "2/1ns",
        ] {
            assert_eq!(rate(wrong), Err(RateError), "{wrong}");
        }
    }

    #[test]
    fn off_is_also_what_yaml_1_1_takes_it_for() {
        let read = |text: &str| serde_yaml::from_str::<Rate>(text).ok();
        for off in ["off", "\"off\"", "false"] {
            assert_eq!(read(off), Some(Rate::OFF), "{off}");
        }
        for wrong in ["true", "60", "~", "[off]"] {
            assert_eq!(read(wrong), None, "{wrong}");
        }
    }
}
