//! Logout by the issuer (OpenID Connect Back-Channel Logout 1.0).
//!
//! The issuer names a login by its `sid`, its user by `sub`, or both. A session's own id follows
//! from both; so that a `sid` alone finds its session, each login of an issuer that sends logout
//! tokens is written down by the hash of its `sid`.

use tracing::info;

use super::Exchange;
use crate::clock::UnixTime;
use crate::config;
use crate::jwt::{self, Logout, LogoutToken, Refusal};
use crate::rejection::{Code, Rejection};
use crate::session::Login;
use crate::session::login::Mark;
use crate::store::{Digest, RevocationReason, RevocationScope, StoreError};

impl Exchange {
    /// Ends what a logout token says is over. Each token counts once, at whichever gateway.
    ///
    /// # Errors
    ///
    /// The token is refused or was used before, or the store did not answer.
    pub async fn backchannel_logout(&self, token: &str) -> Result<(), Rejection> {
        let now = UnixTime::now();
        let verified = self
            .with_keys(token, |issuers| jwt::verify_logout(token, issuers, now))
            .await
            .map_err(|refusal| refused(&refusal))?;
        let LogoutToken {
            issuer,
            iss,
            logout,
            jti,
            accepted_until,
        } = verified;
        // Before the end: a token that was used up must end nothing that began after it.
        let scope = format!("logout {iss}");
        let spent = self.store.consume_once(&scope, &jti, accepted_until).await;
        if !spent.map_err(|error| self.store_failed(&error))? {
            let replayed = Rejection::new(Code::InvalidRequest, "logout_token_replayed");
            return Err(replayed);
        }
        info!(issuer = %issuer.name(), "logout by the issuer");
        let ended = self.end_logins(&iss, logout, now).await;
        ended.map_err(|error| self.store_failed(&error))
    }

    async fn end_logins(&self, iss: &str, logout: Logout, now: UnixTime) -> Result<(), StoreError> {
        let sid = match logout {
            Logout::LoginOf { login, subject } => self.sid_key.sid(&Login {
                iss,
                sub: &subject,
                mark: Mark::Claim(&login),
            }),
            Logout::Login(login) => {
                let found = self.store.session_alias(index(iss, &login), now).await?;
                // A login that was never seen here has no session to end.
                let Some(session) = found else {
                    return Ok(());
                };
                session.sid
            }
            Logout::Subject(subject) => {
                let user = self.store.user_by_identity(iss, &subject).await?;
                let Some(user) = user else { return Ok(()) };
                let scope = RevocationScope::UserAtIssuer(user.id, iss.to_owned());
                return self.end_sessions(scope).await;
            }
        };
        self.end_session(sid, RevocationReason::BackchannelLogout)
            .await?;
        Ok(())
    }
}

/// The name under which a login's session is found by the issuer's `sid`; `None` for issuers that
/// send no logout tokens.
pub(super) fn login_index(
    settings: &config::Issuer,
    iss: &str,
    login: Option<&str>,
) -> Option<Digest> {
    (!settings.logout_audience.is_empty())
        .then_some(login)
        .flatten()
        .map(|login| index(iss, login))
}

fn index(iss: &str, login: &str) -> Digest {
    Digest::of(&["login", iss, login])
}

/// The issuer is told 400 whatever is wrong with its token (section 2.8), and 503 when it may
/// try again.
fn refused(refusal: &Refusal) -> Rejection {
    let rejection = Rejection::from(refusal);
    match rejection.code {
        Code::Unavailable => rejection,
        _ => Rejection::new(Code::InvalidRequest, refusal.code()),
    }
}
