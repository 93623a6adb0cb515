//! Which of a request's credentials decides, by whatever door it comes.
//!
//! The first one, as a rule. But a browser sends each cookie that it has, and one that counts no more
//! says nothing about the login that is behind it. So what is behind it is looked at: the first
//! credential that is live, or may be, decides alone. Where none is, the request is judged by its first
//! cookie, as if it had no other.

use std::sync::Arc;

use super::cookie::lacks_proof;
use super::lapsed::is_over;
use super::{Exchange, Granted, Recipient, Session};
use crate::credential::{Candidates, Credential, Source};
use crate::identity::{Client, NONCE_SPENT};
use crate::rejection::{Code, Rejection};
use crate::store::Once;

/// What a request shows: its first credential, and those behind it.
pub type Shown<'c> = (Credential<'c>, Candidates<'c>);

/// A credential, and what it opens or why nothing.
pub type Judged<'c, T> = (Credential<'c>, Result<T, Rejection>);

impl Exchange {
    /// The credential that decides, and the session that it stands for, as [`Self::session_of`] has it.
    pub fn decisive_session<'c>(
        &self,
        shown: Shown<'c>,
        recipient: Recipient<'_>,
        client: impl Fn() -> Client + Send + Sync,
    ) -> impl Future<Output = Judged<'c, Arc<Session>>> + Send {
        self.decisive(SessionDoor { recipient, client }, shown)
    }

    /// The credential that decides, and the sign-in with it, as [`Self::grant`] has it. One that is
    /// refused uses `nonce` up no more than it opens a session.
    pub fn decisive_grant<'c>(
        &self,
        shown: Shown<'c>,
        client: Client,
        recipient: Recipient<'_>,
        nonce: Option<Once>,
    ) -> impl Future<Output = Judged<'c, Granted>> + Send {
        let door = GrantDoor {
            client,
            recipient,
            nonce,
        };
        self.decisive(door, shown)
    }

    async fn decisive<'c, D: Door>(
        &self,
        door: D,
        (first, others): Shown<'c>,
    ) -> Judged<'c, D::Opened> {
        match door.open(self, &first).await {
            Err(refused) if first.source == Source::Cookie && is_over(&refused) => {
                // Few requests come here, and all would have room for it.
                let behind = Box::pin(self.behind(&door, (&first, refused), others));
                match behind.await {
                    Some(other) => other,
                    None => (first, Err(refused)),
                }
            }
            opened => (first, opened),
        }
    }

    /// The credential that decides in place of a cookie that counts no more.
    async fn behind<'c, D: Door>(
        &self,
        door: &D,
        (first, refused): (&Credential<'c>, Rejection),
        mut others: Candidates<'c>,
    ) -> Option<Judged<'c, D::Opened>> {
        let mut over = vec![(first.clone(), refused)];
        while let Some(found) = others.next() {
            // Which of two values counts would be a guess.
            let Ok(credential) = found else {
                return self.continued(door, (first, refused), others).await;
            };
            let opened = door.open(self, &credential).await;
            if let Ok(opened) = &opened
                && !self
                    .may_stand_in(&over, &credential, D::session(opened))
                    .await
            {
                return None;
            }
            match opened {
                Err(refused) if is_over(&refused) => over.push((credential, refused)),
                // Our own is the last. Without its device's proof it stands for nobody now.
                Err(refused) if credential.source.is_own_cookie() && lacks_proof(&refused) => {
                    return None;
                }
                // It opens nothing, and is not past either.
                Err(other) if is_made_up(&other) => {
                    return self.continued(door, (first, refused), others).await;
                }
                // It is live. Or it cannot be judged now, or its user is kept out: it may be, or is, the
                // browser's login, and nothing behind it stands in for that.
                _ => return Some((credential, opened)),
            }
        }
        None
    }

    /// The gateway's own cookie, behind one that may be anybody's: it decides where it continues the login of
    /// the first cookie, whatever stands between the two.
    async fn continued<'c, D: Door>(
        &self,
        door: &D,
        (first, refused): (&Credential<'c>, Rejection),
        others: Candidates<'c>,
    ) -> Option<Judged<'c, D::Opened>> {
        let own = others.own_cookie()?;
        let opened = door.open(self, &own).await.ok()?;
        let session = D::session(&opened)?;
        let continues = self.continues((first, &refused), session).await;
        continues.then_some((own, Ok(opened)))
    }

    /// Whether a live credential may stand in for these cookies. An issuer's says itself whose login it
    /// is.
    async fn may_stand_in(
        &self,
        over: &[(Credential<'_>, Rejection)],
        credential: &Credential<'_>,
        session: Option<&Session>,
    ) -> bool {
        if !credential.source.is_own_cookie() {
            return true;
        }
        // Nobody signs in by a cookie of the gateway's own.
        let Some(session) = session else {
            return false;
        };
        for (cookie, refused) in over {
            if !self.counts_behind((cookie, refused), session).await {
                return false;
            }
        }
        true
    }
}

/// What credentials are shown for.
trait Door: Send + Sync {
    /// What a live one opens here.
    type Opened: Send + Sync;

    /// Looks a credential up.
    fn open(
        &self,
        exchange: &Exchange,
        credential: &Credential<'_>,
    ) -> impl Future<Output = Result<Self::Opened, Rejection>> + Send;

    /// The session of what was opened, where the gateway's own cookie can open it.
    fn session(opened: &Self::Opened) -> Option<&Session>;
}

/// A request is for the session of its credential.
struct SessionDoor<'a, C> {
    recipient: Recipient<'a>,
    client: C,
}

impl<C: Fn() -> Client + Send + Sync> Door for SessionDoor<'_, C> {
    type Opened = Arc<Session>;

    async fn open(
        &self,
        exchange: &Exchange,
        credential: &Credential<'_>,
    ) -> Result<Arc<Session>, Rejection> {
        exchange
            .session_of(credential, self.recipient, || (self.client)())
            .await
    }

    fn session(opened: &Arc<Session>) -> Option<&Session> {
        Some(opened)
    }
}

/// A client signs in by an issuer's token.
struct GrantDoor<'a> {
    client: Client,
    recipient: Recipient<'a>,
    nonce: Option<Once>,
}

impl Door for GrantDoor<'_> {
    type Opened = Granted;

    async fn open(
        &self,
        exchange: &Exchange,
        credential: &Credential<'_>,
    ) -> Result<Granted, Rejection> {
        let client = self.client.clone();
        exchange
            .grant(credential, client, self.recipient, self.nonce, None)
            .await
    }

    fn session(_: &Granted) -> Option<&Session> {
        None
    }
}

/// Whether a credential is refused for what it is: made up, or for another. A spent nonce is no fault of
/// the credential that came with it.
fn is_made_up(refused: &Rejection) -> bool {
    refused.code == Code::TokenInvalid && refused.reason != NONCE_SPENT
}
