//! Which of a request's credentials decides.
//!
//! The first one, as a rule. But a browser sends each cookie that it has, and one that counts no more
//! says nothing about the login that is behind it. So what is behind it is looked at: the first
//! credential that is live, or may be, decides alone. Where none is, the request is judged by its first
//! cookie, as if it had no other.

use std::sync::Arc;

use super::Incoming;
use crate::credential::{Candidates, Credential, Source};
use crate::exchange::{Session, is_over};
use crate::rejection::{Code, Rejection};
use crate::route::Route;

/// A credential, and the session that it stands for or why for none.
pub(super) type Judged<'c> = (Credential<'c>, Result<Arc<Session>, Rejection>);

impl Incoming<'_> {
    /// The credential that decides.
    pub(super) async fn decisive<'c>(
        &self,
        first: Credential<'c>,
        others: Candidates<'c>,
        route: &Route,
    ) -> Judged<'c> {
        let session = self.session(&first, route).await;
        match session {
            Err(refused) if first.source == Source::Cookie && is_over(&refused) => {
                // Few requests come here, and all would have room for it.
                let behind = Box::pin(self.behind((&first, refused), others, route));
                match behind.await {
                    Some(other) => other,
                    None => (first, session),
                }
            }
            _ => (first, session),
        }
    }

    /// The credential that decides in place of a cookie that counts no more.
    async fn behind<'c>(
        &self,
        (first, refused): (&Credential<'c>, Rejection),
        others: Candidates<'c>,
        route: &Route,
    ) -> Option<Judged<'c>> {
        let mut over = vec![(first.clone(), refused)];
        for found in others {
            // Which of two values counts would be a guess.
            let credential = found.ok()?;
            let session = self.session(&credential, route).await;
            if let Ok(session) = &session
                && !self.counts_behind(&over, &credential, session).await
            {
                return None;
            }
            match session {
                Err(refused) if is_over(&refused) => over.push((credential, refused)),
                // Made up, or for another: it opens nothing, and is not past either.
                Err(refused) if refused.code == Code::TokenInvalid => return None,
                // It is live. Or it cannot be judged now, or its user is kept out: it may be, or is, the
                // browser's login, and nothing behind it stands in for that.
                _ => return Some((credential, session)),
            }
        }
        None
    }

    /// Whether a live credential may stand in for these cookies. An issuer's says itself whose login it
    /// is.
    async fn counts_behind(
        &self,
        over: &[(Credential<'_>, Rejection)],
        credential: &Credential<'_>,
        session: &Session,
    ) -> bool {
        if !credential.source.is_own_cookie() {
            return true;
        }
        for (cookie, refused) in over {
            let exchange = &self.snapshot.exchange;
            if !exchange.counts_behind((cookie, refused), session).await {
                return false;
            }
        }
        true
    }
}
