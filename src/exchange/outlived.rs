//! Sessions that outlive the token of their login: of the gateway's own cookie, behind an issuer's cookie that
//! counts no more, and as somebody signs out by the token.

use std::sync::Arc;

use uuid::Uuid;

use super::store_failure::store_failed;
use super::{Exchange, Session};
use crate::clock::UnixTime;
use crate::credential::Credential;
use crate::identity;
use crate::jwt::{Reason, Verified};
use crate::rejection::Rejection;
use crate::store::{SignInRefusal, StoreError};

impl Exchange {
    /// Whether a session of the gateway's own cookie counts, although an issuer's cookie stands in front of
    /// it that was refused so. It does by itself where it is of another issuer. Of the same one, that
    /// cookie is the browser's login, which may be another user's: only a session of this very login
    /// continues, where it may outlive its token (`session_outlives_token`).
    pub(super) async fn counts_behind(
        &self,
        (cookie, refused): (&Credential<'_>, &Rejection),
        session: &Session,
    ) -> bool {
        let issuer = session.provider();
        if issuer.is_some_and(|issuer| !cookie.admits(issuer.name())) {
            return true;
        }
        self.continues((cookie, refused), session).await
    }

    /// Whether a session is that of the login of a cookie that was refused so, and outlives it.
    pub(super) async fn continues(
        &self,
        (cookie, refused): (&Credential<'_>, &Rejection),
        session: &Session,
    ) -> bool {
        // Of one that did not verify, no signature is looked at for nothing.
        refused.reason == Reason::Expired.code() && self.outlives(session, cookie).await
    }

    /// Whether a session is that of the login of an expired token, and may outlive it.
    pub(super) async fn outlives(&self, session: &Session, expired: &Credential<'_>) -> bool {
        match self.verified_at_its_end(expired) {
            Some(verified) => self.is_of_login(session, &verified).await,
            None => false,
        }
    }

    /// The id of the session that an expired token's login has, where it may outlive the token, and the name of the
    /// issuer. `None`: it may not, or the token does not hold.
    ///
    /// # Errors
    ///
    /// The store did not answer.
    pub(super) async fn outlived_session(
        &self,
        expired: &Credential<'_>,
    ) -> Result<Option<(Uuid, Arc<str>)>, Rejection> {
        let Some(verified) = self.verified_at_its_end(expired) else {
            return Ok(None);
        };
        let latest = self.latest_session(&verified).await;
        let (sid, _) = latest.map_err(|error| store_failed(&error))?;
        Ok(Some((sid, Arc::clone(verified.issuer().name()))))
    }

    /// A token that its session may outlive, as of its last second: everything but its age is verified.
    fn verified_at_its_end(&self, expired: &Credential<'_>) -> Option<Verified> {
        let unverified = self.verifier.parse(expired.token.expose()).ok()?;
        let issuer = self.issuers().get(&unverified.issuer()?)?;
        if !issuer.settings().session_outlives_token || !expired.admits(issuer.name()) {
            return None;
        }
        let last = UnixTime(unverified.expires_at()?.0.saturating_sub(1));
        unverified.verify(self.issuers(), last).ok()
    }

    /// Whether a session is that of a token's login.
    async fn is_of_login(&self, session: &Session, verified: &Verified) -> bool {
        if session.sid() == self.authenticator.sid_of(verified, 0) {
            return true;
        }
        let latest = self.latest_session(verified).await;
        latest.is_ok_and(|(latest, refusal)| latest == session.sid() && refusal.is_none())
    }

    /// The session of a token's login, which has another one since its issuer was switched off and on again, and
    /// what stands against it.
    async fn latest_session(
        &self,
        verified: &Verified,
    ) -> Result<(Uuid, Option<SignInRefusal>), StoreError> {
        let sid = |epoch| self.authenticator.sid_of(verified, epoch);
        let (policy, now) = (&self.settings.policy, UnixTime::now());
        let request = identity::sign_in(verified, sid(0), policy, verified.expires_at(), now);
        self.sessions().preview_sign_in(request, sid).await
    }
}
