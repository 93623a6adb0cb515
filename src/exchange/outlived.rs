//! Sessions that outlive the external token that opened them (`session_outlives_token`).

use std::sync::Arc;

use super::{Exchange, Recipient, Session};
use crate::clock::UnixTime;
use crate::credential::Credential;
use crate::identity::Client;

impl Exchange {
    /// The session of the gateway's own cookie, for a browser whose issuer's cookie has expired in front
    /// of it. Only the login of that very token continues: another one's session in the cookie would be
    /// another user's.
    pub async fn outlived(
        &self,
        expired: &Credential<'_>,
        own: &Credential<'_>,
        recipient: Recipient<'_>,
    ) -> Option<Arc<Session>> {
        let token = expired.token.expose();
        let unverified = self.verifier.parse(token).ok()?;
        let issuer = self.issuers().get(&unverified.issuer()?)?;
        if !issuer.settings().session_outlives_token || !expired.admits(issuer.name()) {
            return None;
        }
        // As of its last second: everything but its age is verified.
        let last = UnixTime(unverified.expires_at()?.0.saturating_sub(1));
        let verified = unverified.verify(self.issuers(), last).ok()?;
        let session = Box::pin(self.session_of(own, recipient, Client::default))
            .await
            .ok()?;
        (session.sid() == self.authenticator.sid_of(&verified, 0)).then_some(session)
    }
}
