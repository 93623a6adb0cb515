//! What routes need of a session in addition to its token.

use crate::claims::KnownClaims;
use crate::clock::UnixTime;
use crate::exchange::addressees::Addressees;
use crate::exchange::settings::Settings;
use crate::store::{SessionRecord, User};

/// What routes need of a session in addition to its token, for header fields and rules.
#[derive(Debug, Default)]
pub(super) struct Facts {
    pub(super) email: Option<Box<str>>,
    /// The name of the issuer that opened the session.
    pub(super) issuer: Option<Box<str>>,
    pub(super) claims: KnownClaims,
    /// The audience that the token is for, when that is not the gateway.
    pub(super) fence: Option<Box<str>>,
    /// The resources that an external token is for.
    pub(super) addressees: Addressees,
    /// Of a device-bound session: until when an external token counts without the cookie.
    pub(super) alone_until: Option<UnixTime>,
}

impl Facts {
    pub(super) fn new(user: &User, record: &SessionRecord, settings: &Settings) -> Self {
        let email = user.email(&record.iss).filter(|_| settings.keep_email);
        let issuer = Some(record.issuer.as_str()).filter(|_| settings.keep_issuer);
        Self {
            email: email.map(Box::from),
            issuer: issuer.map(Box::from),
            claims: settings.policy.claims.select(record.known_claims()),
            fence: None,
            addressees: Addressees::default(),
            alone_until: settings.alone_until(record),
        }
    }

    pub(super) fn memory(&self) -> usize {
        let text = |text: &Option<Box<str>>| text.as_ref().map_or(0, |text| text.len());
        let resources = size_of_val(&*self.addressees.resources);
        let texts = text(&self.email) + text(&self.issuer) + text(&self.fence);
        size_of::<Self>() + texts + resources + self.claims.memory()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_count_by_their_length() {
        let least = Facts::default().memory();
        for (fence, more) in [(None, 0), (Some("https://billing.example"), 23)] {
            let facts = Facts {
                fence: fence.map(Box::from),
                ..Facts::default()
            };
            assert_eq!(facts.memory(), least + more, "{fence:?}");
        }
    }
}
