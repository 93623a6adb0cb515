//! What stands against a token that its text does not say: its user, and the session of its login.

use super::Exchange;
use crate::claims::KnownClaims;
use crate::clock::UnixTime;
use crate::issuer::Provisioning;
use crate::store::{RevocationReason, StoreError};

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
    /// Looks up a token that holds, and changes nothing: no user is created, no session opened. `None`:
    /// it does not hold.
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
        let store = self.sessions().store();
        let provisioning = verified.issuer().settings().provisioning;
        let user = match provisioning {
            Provisioning::None => None,
            _ => {
                let (iss, subject) = (verified.iss(), verified.subject());
                match store.user_by_identity(iss, subject).await? {
                    Some(user) if user.blocked => Some("user_blocked"),
                    None if provisioning == Provisioning::ExistingOnly => Some("user_unknown"),
                    Some(_) | None => None,
                }
            }
        };
        let session = store
            .session(self.authenticator.sid_of(&verified, 0))
            .await?;
        let ended = session.and_then(|session| match session.ended {
            // The login may go on in another session.
            Some(ended) if ended.cause == RevocationReason::IssuerDisabled => None,
            Some(_) => Some("session_ended"),
            None if session.expires_at <= now => Some("session_ended"),
            None => None,
        });
        let policy = &self.settings.policy;
        let barred = policy.access.check(&verified).err();
        let claims = verified.claims().as_map();
        Ok(Some(Standing {
            user: barred.map(|rejection| rejection.reason).or(user),
            session: ended,
            claims: policy.claims.keep(claims, policy.claims_size),
        }))
    }
}
