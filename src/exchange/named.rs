//! The session that a refused credential names all the same.
//!
//! A session that is bound to a device lives on when a credential of it comes without the device's proof, and
//! so does one whose own token has expired before it, or that of its login (`session_outlives_token`). The
//! credential opens nothing. But whoever signs out by it means the session, and the device's next proof, or
//! another credential of the session, would continue that.

use std::sync::Arc;
use std::time::Duration;

use uuid::Uuid;

use super::cookie::lacks_proof;
use super::self_issued::OWN_EXPIRED;
use super::{Exchange, Recipient, Session};
use crate::clock::UnixTime;
use crate::credential::Credential;
use crate::identity::Client;
use crate::jwt::{Issuer, Reason};
use crate::rejection::{Code, Rejection};
use crate::session::cookie;

/// A live session, as far as its end goes.
#[derive(Clone, Debug)]
pub struct Named {
    /// Its id.
    pub sid: Uuid,
    /// The user's id.
    pub user: Uuid,
    /// The name of the issuer whose token names it; `None` for a credential of our own.
    pub issuer: Option<Arc<str>>,
    /// The issuer that it ends with.
    pub provider: Option<Arc<Issuer>>,
}

impl From<&Session> for Named {
    fn from(session: &Session) -> Self {
        Self {
            sid: session.sid(),
            user: session.user(),
            issuer: session.issuer().map(Arc::from),
            provider: session.provider().cloned(),
        }
    }
}

impl Exchange {
    /// The live session that a credential names which was refused so. `None`: none, as far as is known.
    ///
    /// # Errors
    ///
    /// The store did not answer.
    pub async fn named_session(
        &self,
        credential: &Credential<'_>,
        refused: &Rejection,
        client: impl FnOnce() -> Client + Send,
    ) -> Result<Option<Named>, Rejection> {
        let now = UnixTime::now();
        let token = credential.token.expose();
        let named = if refused.reason == OWN_EXPIRED {
            let claims = self.minter().read_past(token).ok();
            let claims = claims.filter(|claims| self.audiences.is_for_gateway(&claims.aud));
            match claims {
                Some(claims) => self.named_by_id(claims.sid, now).await,
                None => return Ok(None),
            }
        } else if refused.reason == Reason::Expired.code() {
            let Some((sid, issuer)) = self.outlived_session(credential).await? else {
                return Ok(None);
            };
            let named = self.named_by_id(sid, now).await;
            named.map(|named| Named {
                issuer: Some(issuer),
                ..named
            })
        } else if !lacks_proof(refused) {
            return Ok(None);
        } else if self.is_cookie(credential) {
            // That of a bound session is its name until its end; for a while the store has it longer.
            let until = cookie::bound_until(token).map(|until| until.minus(LAST_SECOND));
            let as_of = until.map_or(now, |until| until.min(now));
            match self.sessions().named_by_cookie(token, as_of).await? {
                Some((record, _)) => self.named_by_id(record.sid, now).await,
                None => return Ok(None),
            }
        } else {
            let session = self.session_without_proof(credential, Recipient::Gateway, client, now);
            session.await.map(|session| Named::from(&*session))
        };
        match named {
            Ok(named) => Ok(Some(named)),
            Err(unknown) if unknown.code == Code::Unavailable => Err(unknown),
            Err(_over) => Ok(None),
        }
    }

    async fn named_by_id(&self, sid: Uuid, now: UnixTime) -> Result<Named, Rejection> {
        let (record, _) = self.sessions().live_session(sid, now).await?;
        // Without its issuer it ends as well.
        let issuer = self.verifier.issuer_in_force(&record.iss).ok().flatten();
        Ok(Named {
            sid,
            user: record.user_id,
            issuer: None,
            provider: issuer.map(|(issuer, _)| issuer),
        })
    }
}

const LAST_SECOND: Duration = Duration::from_secs(1);
