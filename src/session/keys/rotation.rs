//! The lifecycle of signing keys over time: `next`, `current`, `retired`, gone.
//!
//! A key is published before it signs, so that everyone who caches the key set has it in time, and
//! afterwards for as long as a token that it signed can be valid. Nothing here reads a private key
//! or the clock.

use std::time::Duration;

use crate::clock::UnixTime;
use crate::store::{KeyState, SigningAlgorithm, SigningKeyRecord};

/// When signing keys are rotated.
#[derive(Clone, Copy, Debug)]
pub struct Schedule {
    /// What signs. Keys of other algorithms, of a former configuration, are left as they are.
    pub algorithm: SigningAlgorithm,
    /// How long a key signs; `~` for no limit.
    pub rotate_every: Option<Duration>,
    /// How long it is published before.
    pub publish_ahead: Duration,
    /// How long it stays published after: no shorter than its tokens live.
    pub keep: Duration,
}

/// What is to be done about a set of keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Due {
    /// A key that signs from this time on must be created.
    Make(UnixTime),
    /// The set is to be written as it is now.
    Write,
    /// Nothing.
    Nothing,
}

impl Schedule {
    /// Brings the set up to the time `now`, and says what that comes to. After [`Due::Make`] it is
    /// called again with the key in the set.
    pub fn advance(&self, keys: &mut Vec<SigningKeyRecord>, now: UnixTime) -> Due {
        let before = keys.clone();
        keys.retain(|key| !is_gone(key, now));
        if let Some(kid) = self.next(keys).filter(|key| key.activates_at <= now) {
            let kid = kid.kid.clone();
            self.activate(keys, &kid, now);
        }
        match self.current(keys) {
            None if self.next(keys).is_none() => return Due::Make(now),
            Some(current) if self.next(keys).is_none() => {
                if let Some(rotate_every) = self.rotate_every {
                    let activates_at = current.activates_at.plus(rotate_every);
                    if activates_at.minus(self.publish_ahead) <= now {
                        return Due::Make(activates_at.max(now.plus(self.publish_ahead)));
                    }
                }
            }
            _ => {}
        }
        match *keys == before {
            true => Due::Nothing,
            false => Due::Write,
        }
    }

    /// Brings the next rotation forward to `at`. False when there is no key to sign then.
    pub fn hasten(&self, keys: &mut [SigningKeyRecord], at: UnixTime) -> bool {
        let next = keys.iter_mut().find(|key| self.is(key, KeyState::Next));
        next.map(|key| key.activates_at = key.activates_at.min(at))
            .is_some()
    }

    /// The key that signs.
    pub fn current<'a>(&self, keys: &'a [SigningKeyRecord]) -> Option<&'a SigningKeyRecord> {
        keys.iter().find(|key| self.is(key, KeyState::Current))
    }

    fn next<'a>(&self, keys: &'a [SigningKeyRecord]) -> Option<&'a SigningKeyRecord> {
        keys.iter().find(|key| self.is(key, KeyState::Next))
    }

    fn is(&self, key: &SigningKeyRecord, state: KeyState) -> bool {
        key.algorithm == self.algorithm && key.state == state
    }

    fn activate(&self, keys: &mut [SigningKeyRecord], kid: &str, now: UnixTime) {
        for key in keys.iter_mut() {
            if key.kid == kid {
                key.state = KeyState::Current;
            } else if self.is(key, KeyState::Current) {
                key.state = KeyState::Retired;
                key.retires_at = Some(now);
                key.published_until = Some(now.plus(self.keep));
            }
        }
    }
}

/// Whether no token of this key lives any more.
pub fn is_gone(key: &SigningKeyRecord, now: UnixTime) -> bool {
    key.state == KeyState::Retired && key.published_until.is_some_and(|until| until <= now)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::PrivateKeyBytes;

    const DAY: Duration = Duration::from_secs(24 * 3600);
    const SCHEDULE: Schedule = Schedule {
        algorithm: SigningAlgorithm::ES256,
        rotate_every: Some(Duration::from_secs(30 * 24 * 3600)),
        publish_ahead: DAY,
        keep: Duration::from_secs(2 * 24 * 3600),
    };

    fn key(kid: &str, state: KeyState, activates_at: UnixTime) -> SigningKeyRecord {
        SigningKeyRecord {
            kid: kid.to_owned(),
            algorithm: SigningAlgorithm::ES256,
            state,
            created_at: activates_at,
            activates_at,
            retires_at: None,
            published_until: None,
            sealed_with: None,
            private_key: PrivateKeyBytes::new(Vec::new()),
        }
    }

    fn states(keys: &[SigningKeyRecord]) -> Vec<(&str, KeyState)> {
        keys.iter()
            .map(|key| (key.kid.as_str(), key.state))
            .collect()
    }

    fn days(days: u32) -> UnixTime {
        UnixTime(0).plus(DAY * days)
    }

    #[test]
    fn a_key_goes_through_its_life() {
        use KeyState::{Current, Next, Retired};
        let mut keys = Vec::new();
        assert_eq!(SCHEDULE.advance(&mut keys, days(0)), Due::Make(days(0)));
        keys.push(key("1", Next, days(0)));
        assert_eq!(SCHEDULE.advance(&mut keys, days(0)), Due::Write);
        assert_eq!(states(&keys), [("1", Current)]);
        assert_eq!(SCHEDULE.advance(&mut keys, days(28)), Due::Nothing);

        assert_eq!(SCHEDULE.advance(&mut keys, days(29)), Due::Make(days(30)));
        keys.push(key("2", Next, days(30)));
        assert_eq!(SCHEDULE.advance(&mut keys, days(29)), Due::Nothing);
        assert_eq!(states(&keys), [("1", Current), ("2", Next)]);

        assert_eq!(SCHEDULE.advance(&mut keys, days(30)), Due::Write);
        assert_eq!(states(&keys), [("1", Retired), ("2", Current)]);
        assert_eq!(keys[0].retires_at, Some(days(30)));
        assert_eq!(SCHEDULE.advance(&mut keys, days(31)), Due::Nothing);
        assert_eq!(SCHEDULE.advance(&mut keys, days(32)), Due::Write);
        assert_eq!(states(&keys), [("2", Current)]);
    }

    #[test]
    fn a_late_rotation_still_publishes_ahead() {
        let mut keys = vec![key("1", KeyState::Current, days(0))];
        assert_eq!(SCHEDULE.advance(&mut keys, days(99)), Due::Make(days(100)));
    }

    #[test]
    fn without_a_schedule_nothing_is_due() {
        let never = Schedule {
            rotate_every: None,
            ..SCHEDULE
        };
        let mut keys = vec![key("1", KeyState::Current, days(0))];
        assert_eq!(never.advance(&mut keys, days(9999)), Due::Nothing);
    }

    #[test]
    fn a_rotation_can_be_brought_forward_but_not_put_off() {
        let mut keys = vec![
            key("1", KeyState::Current, days(0)),
            key("2", KeyState::Next, days(30)),
        ];
        assert!(SCHEDULE.hasten(&mut keys, days(3)));
        assert!(SCHEDULE.hasten(&mut keys, days(9)));
        assert_eq!(keys[1].activates_at, days(3));
        assert!(!SCHEDULE.hasten(&mut keys[..1], days(3)));
    }

    #[test]
    fn keys_of_another_algorithm_are_left_alone() {
        let mut other = key("1", KeyState::Current, days(0));
        other.algorithm = SigningAlgorithm::RS256;
        let mut keys = vec![other.clone()];
        assert_eq!(SCHEDULE.advance(&mut keys, days(99)), Due::Make(days(99)));
        keys.push(key("2", KeyState::Next, days(99)));
        assert_eq!(SCHEDULE.advance(&mut keys, days(99)), Due::Write);
        assert_eq!(keys[0], other);
    }
}
