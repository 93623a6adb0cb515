//! When an authority wants a certificate renewed (ACME renewal information, RFC 9773): earlier than
//! otherwise if it is going to revoke it, or at a time when it has less to do.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use instant_acme::{Account, CertificateIdentifier, Error};
use x509_cert::Certificate;
use x509_cert::der::{Decode as _, Encode as _};
use x509_cert::ext::pkix::AuthorityKeyIdentifier;

use super::certificate::Issued;
use super::error::OrderError;
use crate::clock::UnixTime;

/// The times at which an authority wants a certificate renewed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Window {
    start: UnixTime,
    end: UnixTime,
    /// After which the authority wants to be asked again.
    again: Duration,
}

impl Window {
    /// When the certificate is renewed: at the time that was chosen before if that is in the window, and
    /// otherwise at a random one; whatever an authority says, some of its life is left then.
    pub(super) fn renew_at(&self, chosen: UnixTime, issued: &Issued, random: f64) -> UnixTime {
        let chosen = match (self.start..=self.end).contains(&chosen) || self.end < self.start {
            true => chosen,
            false => {
                let length = self.start.until(self.end);
                self.start.plus(length.mul_f64(random))
            }
        };
        let life = issued.not_before.until(issued.not_after);
        chosen.min(issued.not_before.plus(life.mul_f64(LATEST)))
    }

    /// How long until the authority is asked again.
    pub(super) fn pause(&self) -> Duration {
        self.again.clamp(SHORTEST_PAUSE, LONGEST_PAUSE)
    }
}

/// Asks an authority; none if it gives no such advice.
pub(super) async fn window(
    account: &Account,
    issued: &Issued,
) -> Result<Option<Window>, OrderError> {
    let Some(id) = identifier(issued) else {
        return Ok(None);
    };
    // What is before 1970 is over in any case.
    let at = |seconds: i64| UnixTime(u64::try_from(seconds).unwrap_or_default());
    match account.renewal_info(&id).await {
        Ok((said, again)) => Ok(Some(Window {
            start: at(said.suggested_window.start.unix_timestamp()),
            end: at(said.suggested_window.end.unix_timestamp()),
            again,
        })),
        Err(Error::Unsupported(_)) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// What names a certificate to its authority (RFC 9773 section 4.1); none if it does not say which key
/// signed it.
pub(super) fn identifier(issued: &Issued) -> Option<CertificateIdentifier<'static>> {
    let parsed = Certificate::from_der(issued.chain.first()?).ok()?;
    let signed = &parsed.tbs_certificate;
    let (_, signer) = signed.get::<AuthorityKeyIdentifier>().ok()??;
    // At most 20 bytes, so that tag and length are one byte each; what follows has a sign.
    let serial = signed.serial_number.to_der().ok()?;
    let encode = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
    Some(CertificateIdentifier {
        authority_key_identifier: encode(signer.key_identifier?.as_bytes()).into(),
        serial: encode(serial.get(2..)?).into(),
    })
}

/// Before an authority is asked about a certificate that it has just issued, and again if it is in a
/// hurry: one whose windows are always over gets no more orders than that.
pub(super) const SHORTEST_PAUSE: Duration = Duration::from_secs(3600);
/// Before it is asked again although it is in no hurry, or gives no such advice.
pub(super) const LONGEST_PAUSE: Duration = Duration::from_secs(24 * 3600);
/// Before it is asked again when it did not answer.
pub(super) const AFTER_FAILURE: Duration = Duration::from_secs(6 * 3600);
/// The part of a certificate's life after which it is renewed in any case.
const LATEST: f64 = 5.0 / 6.0;

#[cfg(test)]
mod tests;
