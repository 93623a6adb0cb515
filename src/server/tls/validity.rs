//! When a certificate is valid, and what is to be said of that.

use std::path::Path;
use std::time::Duration;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use x509_cert::Certificate;
use x509_cert::der::Decode;
use x509_cert::time::Time;

use crate::clock::UnixTime;

/// What is said of bytes that are no certificate.
#[derive(Debug, thiserror::Error)]
#[error("the first certificate cannot be read: {0}")]
pub struct NotX509(pub String);

/// The time in which a certificate is valid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Validity {
    not_before: UnixTime,
    not_after: UnixTime,
    /// The gateway renews it itself, so nobody has to be told early.
    is_renewed: bool,
}

/// How a certificate stands at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Valid for a while.
    Good,
    /// Not valid yet.
    NotYet,
    /// Valid, and soon no more.
    Soon,
    /// Not valid any more.
    Expired,
}

impl Validity {
    /// The validity that a certificate states.
    ///
    /// # Errors
    ///
    /// It is not X.509.
    pub fn of(certificate: &CertificateDer<'_>) -> Result<Self, NotX509> {
        let parsed =
            Certificate::from_der(certificate).map_err(|error| NotX509(error.to_string()))?;
        let validity = parsed.tbs_certificate.validity;
        let seconds = |time: Time| UnixTime(time.to_unix_duration().as_secs());
        Ok(Self {
            not_before: seconds(validity.not_before),
            not_after: seconds(validity.not_after),
            is_renewed: false,
        })
    }

    /// The validity of a certificate that the gateway has renewed before it expires.
    pub fn renewed(not_before: UnixTime, not_after: UnixTime) -> Self {
        Self {
            not_before,
            not_after,
            is_renewed: true,
        }
    }

    /// The validities of the certificates in a PEM file, as far as they can be read.
    pub fn in_file(path: &Path) -> Vec<Self> {
        let certificates = CertificateDer::pem_file_iter(path).into_iter().flatten();
        certificates
            .filter_map(|certificate| Self::of(&certificate.ok()?).ok())
            .collect()
    }

    /// When it ends.
    pub fn not_after(self) -> UnixTime {
        self.not_after
    }

    /// From when on it should have been replaced: a week before its end, or at the last third of a life
    /// that is shorter than three weeks.
    pub fn notice(self) -> UnixTime {
        let life = self.not_before.until(self.not_after);
        self.not_after.minus(WEEK.min(life / 3))
    }

    /// How it stands at a time. Soon is from [`Self::notice`] on.
    pub fn standing(self, now: UnixTime) -> Standing {
        if now >= self.not_after {
            Standing::Expired
        } else if now < self.not_before {
            Standing::NotYet
        } else if !self.is_renewed && now >= self.notice() {
            Standing::Soon
        } else {
            Standing::Good
        }
    }

    /// What is to be said of it at a time, if anything.
    pub fn fault(self, now: UnixTime) -> Option<String> {
        let (begin, end) = (self.not_before.rfc3339(), self.not_after.rfc3339());
        match self.standing(now) {
            Standing::Good => None,
            Standing::NotYet => Some(format!("the certificate is only valid from {begin} on")),
            Standing::Soon => Some(format!("the certificate expires soon, at {end}")),
            Standing::Expired => Some(format!("the certificate expired at {end}")),
        }
    }
}

const WEEK: Duration = Duration::from_secs(7 * 24 * 3600);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn soon_is_a_week_or_a_third_of_a_short_life() {
        let day = |days: u64| UnixTime(days * 24 * 3600);
        let valid = |from: u64, to: u64| Validity {
            not_before: day(from),
            not_after: day(to),
            is_renewed: false,
        };
        let (long, short) = (valid(100, 190), valid(100, 106));
        for (validity, at, standing) in [
            (long, 99, Standing::NotYet),
            (long, 100, Standing::Good),
            (long, 182, Standing::Good),
            (long, 183, Standing::Soon),
            (long, 189, Standing::Soon),
            (long, 190, Standing::Expired),
            (short, 100, Standing::Good),
            (short, 103, Standing::Good),
            (short, 104, Standing::Soon),
            (short, 106, Standing::Expired),
        ] {
            assert_eq!(validity.standing(day(at)), standing, "{at}");
            let said = validity.fault(day(at));
            assert_eq!(said.is_none(), standing == Standing::Good, "{said:?}");
        }
        assert_eq!((long.notice(), short.notice()), (day(183), day(104)));
        let renewed = Validity::renewed(day(100), day(190));
        assert_eq!(renewed.notice(), day(183));
        assert_eq!(renewed.standing(day(189)), Standing::Good);
        assert_eq!(renewed.standing(day(190)), Standing::Expired);
    }
}
