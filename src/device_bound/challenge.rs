//! Challenges: what a browser signs to prove that it holds its key now.
//!
//! A challenge is known by its MAC over its purpose and session, so none is stored until one is
//! used up, and every gateway on one store knows those of the others.

use std::time::Duration;

use aws_lc_rs::{hmac, rand};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL;
use uuid::Uuid;

use crate::clock::UnixTime;

/// Creates and knows challenges.
pub struct Challenges(hmac::Key);

/// What a challenge is for. One for the one purpose is none for the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// To bind a session to a key.
    Registration,
    /// To renew the cookie of a bound session.
    Refresh,
}

/// The system's random source failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no random bytes for a challenge")]
pub struct ChallengeError;

impl Challenges {
    /// From 32 secret bytes that all gateways on one store share.
    pub fn new(secret: &[u8; 32]) -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, secret))
    }

    /// A challenge for a session: 16 random bytes, its end, and a MAC.
    ///
    /// # Errors
    ///
    /// There is no randomness.
    pub fn issue(
        &self,
        purpose: Purpose,
        sid: Uuid,
        now: UnixTime,
    ) -> Result<String, ChallengeError> {
        let mut bytes = [0; RANDOM + TIME + MAC];
        let (text, mac) = bytes.split_at_mut(RANDOM + TIME);
        let (random, end) = text.split_at_mut(RANDOM);
        rand::fill(random).map_err(|_| ChallengeError)?;
        end.copy_from_slice(&now.plus(purpose.lifetime()).0.to_be_bytes());
        mac.copy_from_slice(self.mac(purpose, sid, text).as_ref());
        Ok(BASE64URL.encode(bytes))
    }

    /// When a challenge ends; `None` if it is another purpose's or session's, or has ended.
    pub fn end_of(
        &self,
        challenge: &str,
        purpose: Purpose,
        sid: Uuid,
        now: UnixTime,
    ) -> Option<UnixTime> {
        let bytes = BASE64URL.decode(challenge).ok()?;
        let (text, mac) = bytes.split_at_checked(RANDOM + TIME)?;
        let message = message(purpose, sid, text);
        hmac::verify(&self.0, &message, mac).ok()?;
        let end = text.get(RANDOM..)?.try_into().ok()?;
        let end = UnixTime(u64::from_be_bytes(end));
        (now < end).then_some(end)
    }

    fn mac(&self, purpose: Purpose, sid: Uuid, text: &[u8]) -> hmac::Tag {
        hmac::sign(&self.0, &message(purpose, sid, text))
    }
}

impl Purpose {
    /// How long a browser may take: to create a key, which security hardware does slowly, or only to
    /// sign.
    fn lifetime(self) -> Duration {
        match self {
            Self::Registration => Duration::from_secs(5 * 60),
            Self::Refresh => Duration::from_secs(60),
        }
    }
}

/// Each part has a fixed length.
fn message(purpose: Purpose, sid: Uuid, text: &[u8]) -> Vec<u8> {
    let purpose = match purpose {
        Purpose::Registration => b'r',
        Purpose::Refresh => b'f',
    };
    [&[purpose], sid.as_bytes().as_slice(), text].concat()
}

const RANDOM: usize = 16;
const TIME: usize = 8;
const MAC: usize = 32;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_challenge_is_of_its_session_purpose_and_time() {
        let challenges = Challenges::new(&[1; 32]);
        let (sid, now) = (Uuid::from_u128(7), UnixTime(1_000_000));
        let challenge = challenges.issue(Purpose::Refresh, sid, now).unwrap();
        let end = now.plus(Purpose::Refresh.lifetime());
        let known = |sid, purpose, now| challenges.end_of(&challenge, purpose, sid, now);
        assert_eq!(known(sid, Purpose::Refresh, now), Some(end));
        assert_eq!(known(sid, Purpose::Refresh, UnixTime(end.0 - 1)), Some(end));
        assert_eq!(known(sid, Purpose::Refresh, end), None);
        assert_eq!(known(sid, Purpose::Registration, now), None);
        assert_eq!(known(Uuid::from_u128(8), Purpose::Refresh, now), None);
        let others = Challenges::new(&[2; 32]);
        assert_eq!(others.end_of(&challenge, Purpose::Refresh, sid, now), None);
        let again = challenges.issue(Purpose::Refresh, sid, now).unwrap();
        assert_ne!(challenge, again);
    }

    #[test]
    fn no_other_text_is_a_challenge() {
        let challenges = Challenges::new(&[1; 32]);
        let (sid, now) = (Uuid::from_u128(7), UnixTime(1_000_000));
        let challenge = challenges.issue(Purpose::Refresh, sid, now).unwrap();
        let shorter = challenge.get(4..).unwrap();
        let other = format!("{shorter}AAAA");
        for text in ["", "AAAA", shorter, &other, "\u{e4}"] {
            let found = challenges.end_of(text, Purpose::Refresh, sid, now);
            assert_eq!(found, None, "{text}");
        }
    }
}
