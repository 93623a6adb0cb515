//! What stands against a token that its text does not say: its user, and the session of its login.

use super::{Exchange, one_time_use};
use crate::claims::KnownClaims;
use crate::clock::UnixTime;
use crate::identity;
use crate::jwt::Verified;
use crate::rejection::Rejection;
use crate::store::{SignInRefusal, StoreError};

/// What the store knows of a token's user and session, in the words of refusals; `None`: nothing stands
/// against it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    /// Against the user.
    pub user: Option<&'static str>,
    /// Against the session.
    pub session: Option<&'static str>,
    /// What its session would know of its claims.
    pub claims: KnownClaims,
}

impl Exchange {
    /// Looks up a token that holds, by the rules of a sign-in, and changes nothing: no user is created, no
    /// session opened. `None`: it does not hold.
    ///
    /// # Errors
    ///
    /// The store did not answer.
    pub async fn standing(
        &self,
        token: &str,
        now: UnixTime,
    ) -> Result<Option<Standing>, StoreError> {
        let unverified = self.verifier.parse(token);
        let Ok(verified) = unverified.and_then(|token| token.verify(self.issuers(), now)) else {
            return Ok(None);
        };
        let (user, session) = match self.preview(&verified, now).await? {
            Ok(()) => (None, None),
            Err((About::User, reason)) => (Some(reason), None),
            Err((About::Session, reason)) => (None, Some(reason)),
        };
        let policy = &self.settings.policy;
        let claims = verified.claims().as_map();
        Ok(Some(Standing {
            user,
            session,
            claims: policy.claims.keep(claims, policy.claims_size),
        }))
    }

    /// What a sign-in with this token would be answered.
    async fn preview(
        &self,
        verified: &Verified,
        now: UnixTime,
    ) -> Result<Result<(), (About, &'static str)>, StoreError> {
        let (policy, authenticator) = (&self.settings.policy, &self.authenticator);
        let sid = |epoch| authenticator.sid_of(verified, epoch);
        let end = verified.expires_at();
        let mut request = identity::sign_in(verified, sid(0), policy, end, now);
        let scopes = &self.settings.step_up_scopes;
        request
            .uses
            .extend(one_time_use::by_login(verified, scopes));
        let (_, refusal) = self.sessions().preview_sign_in(request, sid).await?;
        Ok(match refusal {
            None => Ok(()),
            Some(refusal) => Err((About::of(refusal), Rejection::from(refusal).reason)),
        })
    }
}

/// What a refusal is about.
enum About {
    /// Who the user is.
    User,
    /// This login.
    Session,
}

impl About {
    fn of(refusal: SignInRefusal) -> Self {
        match refusal {
            SignInRefusal::UserBlocked
            | SignInRefusal::UserDeleted
            | SignInRefusal::UserUnknown
            | SignInRefusal::NoAccess(_) => Self::User,
            SignInRefusal::SessionEnded(_)
            | SignInRefusal::IssuerWasDisabled(_)
            | SignInRefusal::SignedOut
            | SignInRefusal::UsedUp
            | SignInRefusal::UsedOtherwise => Self::Session,
        }
    }
}
