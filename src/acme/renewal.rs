//! When a certificate is ordered, and when again after a failure. Nothing here reads the clock.

use std::time::Duration;

use super::record::Record;
use crate::clock::UnixTime;

impl Record {
    /// When the next order is due. `is_of_use`: there is a certificate with all names of the
    /// configuration. `is_hurried`: an order that failed is not waited for.
    pub(super) fn due(&self, is_of_use: bool, is_hurried: bool) -> UnixTime {
        let kept = self.certificate.as_ref().filter(|_| is_of_use);
        let due = kept.map_or(UnixTime(0), |kept| kept.renew_at);
        match is_hurried && self.failures > 0 {
            true => due,
            false => due.max(self.retry_at.unwrap_or_default()),
        }
    }

    /// When the authority is asked for advice; never while there is no certificate.
    pub(super) fn ask_at(&self) -> UnixTime {
        match (&self.certificate, self.advice) {
            (None, _) => UnixTime(u64::MAX),
            (Some(_), advice) => advice.map_or(UnixTime(0), |advice| advice.ask_at),
        }
    }
}

/// At about two thirds of a certificate's life, up to a thirtieth of it earlier, so that many
/// gateways of one origin do not come at once.
pub(super) fn renew_at(not_before: UnixTime, not_after: UnixTime, random: f64) -> UnixTime {
    let life = not_before.until(not_after);
    not_before.plus(life.mul_f64(2.0 / 3.0 - random / 30.0))
}

/// The pause after so many failures: twice the one before, and of that a random part between a half
/// and all. An authority that has refused a name is asked less often: it counts refusals, too.
pub(super) fn pause(failures: u32, was_refused: bool, random: f64) -> Duration {
    let first = match was_refused {
        true => AFTER_REFUSAL,
        false => AFTER_FAILURE,
    };
    let doubled = 2_u32.saturating_pow(failures.saturating_sub(1));
    let pause = first.saturating_mul(doubled).min(LONGEST_PAUSE);
    pause
        .mul_f64(0.5 + random / 2.0)
        .max(Duration::from_secs(1))
}

const AFTER_FAILURE: Duration = Duration::from_secs(5);
const AFTER_REFUSAL: Duration = Duration::from_secs(120);
const LONGEST_PAUSE: Duration = Duration::from_secs(6 * 3600);

#[cfg(test)]
mod tests {
    use super::super::record::{Advice, Kept};
    use super::*;
    use crate::session::keys::key_encryption::Sealed;
    use crate::store::PrivateKeyBytes;

    const DAY: u64 = 24 * 3600;

    #[test]
    fn a_certificate_is_renewed_at_about_two_thirds_of_its_life() {
        let end = UnixTime(90 * DAY);
        assert_eq!(renew_at(UnixTime(0), end, 0.0), UnixTime(60 * DAY));
        let early = renew_at(UnixTime(0), end, 1.0);
        assert!(early.0.abs_diff(57 * DAY) <= 1, "{early:?}");
        // One that ends before it begins is renewed at once.
        assert_eq!(renew_at(end, UnixTime(0), 0.5), end);
    }

    #[test]
    fn pauses_double_and_are_longer_after_a_refusal() {
        let seconds = |failures, was_refused| pause(failures, was_refused, 1.0).as_secs();
        assert_eq!(
            [1, 2, 5].map(|failures| seconds(failures, false)),
            [5, 10, 80]
        );
        assert_eq!([1, 2].map(|failures| seconds(failures, true)), [120, 240]);
        assert_eq!(
            [20, u32::MAX].map(|failures| seconds(failures, true)),
            [6 * 3600; 2]
        );
        assert_eq!(pause(1, true, 0.0), AFTER_REFUSAL / 2);
    }

    #[test]
    fn an_order_is_due_at_once_without_a_certificate_and_never_before_the_pause_is_over() {
        let mut record = Record::default();
        assert_eq!(record.due(false, false), UnixTime(0));
        record.retry_at = Some(UnixTime(10));
        assert_eq!(record.due(false, false), UnixTime(10));
        // The pause between two orders that succeed is nobody's to skip.
        assert_eq!(record.due(false, true), UnixTime(10));
        record.failures = 1;
        assert_eq!(record.due(false, false), UnixTime(10));
        assert_eq!(record.due(false, true), UnixTime(0));
        record.certificate = Some(Kept {
            chain: String::new(),
            key: Sealed {
                sealed_with: None,
                bytes: PrivateKeyBytes::new(Vec::new()),
            },
            renew_at: UnixTime(20),
            expires_at: UnixTime(30),
        });
        assert_eq!(record.due(true, false), UnixTime(20));
        // Its names are no longer those of the configuration.
        assert_eq!(record.due(false, false), UnixTime(10));
        record.retry_at = Some(UnixTime(25));
        assert_eq!(record.due(true, false), UnixTime(25));
        assert_eq!(record.due(true, true), UnixTime(20));

        // One from before there were such questions.
        assert_eq!(record.ask_at(), UnixTime(0));
        record.advice = Some(Advice {
            ask_at: UnixTime(15),
            is_given: true,
        });
        assert_eq!(record.ask_at(), UnixTime(15));
        record.certificate = None;
        assert_eq!(record.ask_at(), UnixTime(u64::MAX));
    }
}
