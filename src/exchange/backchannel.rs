//! Logout by the issuer (OpenID Connect Back-Channel Logout 1.0).
//!
//! The issuer names a login by its `sid`, its user by `sub`, or both. A session's own id follows
//! from both; so that a `sid` alone finds its session, each login of an issuer that sends logout
//! tokens is written down by the hash of its `sid`, before its session is opened. A logout of a login
//! that was not seen here until then ends nothing.

use std::net::IpAddr;

use tracing::info;
use uuid::Uuid;

use super::Exchange;
use super::login_index::index;
use super::store_failure::store_failed;
use crate::clock::UnixTime;
use crate::issuer::Provisioning;
use crate::jwt::{self, Issuer, Logout, LogoutToken, Refusal};
use crate::rejection::{Code, Rejection};
use crate::session::Login;
use crate::session::login::Mark;
use crate::store::{End, Once, RevocationReason, RevocationScope, StoreError, workload_id};

impl Exchange {
    /// Ends the sessions that a logout token names. Each token counts once among all gateways.
    /// `client` is who sent it.
    ///
    /// # Errors
    ///
    /// The token is refused or was used before, too many of that client were, or the store did not
    /// answer.
    pub async fn backchannel_logout(&self, token: &str, client: IpAddr) -> Result<(), Rejection> {
        self.rates().may_try(Some(client))?;
        let now = UnixTime::now();
        let verified = self
            .verifier
            .with_keys(token, |issuers| jwt::verify_logout(token, issuers, now))
            .await
            .inspect_err(|refusal| self.rates().count(Some(client), &Rejection::from(refusal)))
            .map_err(|refusal| refused(&refusal))?;
        let LogoutToken {
            issuer,
            iss,
            logout,
            jti,
            accepted_until,
        } = verified;
        let end = self.end_of(&issuer, &iss, logout, now).await;
        let end = end.map_err(|error| store_failed(&error))?;
        // In one with the end: a token that was used up ends nothing that began after it, and one
        // whose end was not written down can come again.
        let once = Once::new(&format!("logout {iss}"), &jti, accepted_until);
        let first = self.sessions().end_once(once, end).await;
        if !first.map_err(|error| store_failed(&error))? {
            let replayed = Rejection::new(Code::InvalidRequest, "logout_token_replayed");
            return Err(replayed);
        }
        info!(issuer = %issuer.name(), "logout by the issuer");
        Ok(())
    }

    /// What a logout ends; `None`: nothing that was ever seen here.
    async fn end_of(
        &self,
        issuer: &Issuer,
        iss: &str,
        logout: Logout,
        now: UnixTime,
    ) -> Result<Option<End>, StoreError> {
        let sid = match logout {
            Logout::LoginOf { login, subject } => {
                let first = self.shared.sid_key.sid(&Login {
                    iss,
                    sub: &subject,
                    mark: Mark::Claim(&login),
                    epoch: 0,
                });
                let latest = self.latest_of(issuer, iss, (&login, &subject), now).await?;
                latest.unwrap_or(first)
            }
            Logout::Login(login) => {
                let found = self
                    .sessions()
                    .store()
                    .sid_of_alias(index(iss, &login), now)
                    .await?;
                let Some(sid) = found else {
                    return Ok(None);
                };
                sid
            }
            Logout::Subject(subject) => {
                let user = self.user_of(issuer, iss, &subject).await?;
                let scope = user.map(|user| RevocationScope::UserAtIssuer(user, iss.to_owned()));
                return Ok(scope.map(End::Sessions));
            }
        };
        Ok(Some(End::Session(sid, RevocationReason::BackchannelLogout)))
    }

    /// The session that a login of this user has, where it is another one since the issuer was
    /// switched off and on again.
    async fn latest_of(
        &self,
        issuer: &Issuer,
        iss: &str,
        (login, subject): (&str, &str),
        now: UnixTime,
    ) -> Result<Option<Uuid>, StoreError> {
        let store = self.sessions().store();
        let Some(sid) = store.sid_of_alias(index(iss, login), now).await? else {
            return Ok(None);
        };
        // One that is still being opened has no user yet.
        let Some(session) = store.session(sid).await? else {
            return Ok(Some(sid));
        };
        let user = self.user_of(issuer, iss, subject).await?;
        Ok((user == Some(session.user_id)).then_some(session.sid))
    }

    /// The id that a subject has in sessions; `None`: it was never seen here. Of what is no user but a
    /// workload nothing is kept, and its id follows from its name.
    async fn user_of(
        &self,
        issuer: &Issuer,
        iss: &str,
        subject: &str,
    ) -> Result<Option<Uuid>, StoreError> {
        let user = self.sessions().store().user_by_identity(iss, subject);
        let user = user.await?.map(|user| user.id);
        let is_workload = issuer.settings().provisioning == Provisioning::None;
        Ok(user.or_else(|| is_workload.then(|| workload_id(iss, subject))))
    }
}

/// The issuer gets 400 for any invalid token (section 2.8), and 503 if it can try again.
fn refused(refusal: &Refusal) -> Rejection {
    let rejection = Rejection::from(refusal);
    match rejection.code {
        Code::Unavailable => rejection,
        _ => Rejection::new(Code::InvalidRequest, refusal.code()),
    }
}
