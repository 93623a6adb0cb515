//! The session cookie: a session without its external token.
//!
//! Set for browsers that signed in with an issuer's cookie, so that they stay signed in without it.
//! The store has only the hash of the value, and it refers to the session itself: whatever ends the
//! session ends the cookie.

use std::sync::Arc;

use super::digest::TokenDigest;
use super::{Exchange, Session};
use crate::clock::UnixTime;
use crate::credential::{Credential, Source};
use crate::rejection::{Code, Rejection};
use crate::session::cookie::{self, CookieValue};
use crate::store::StoreError;

impl Exchange {
    /// The value to set for a browser that came by an issuer's cookie and sent `own` as the
    /// gateway's, which is looked for only when it matters. `None`: what it has will do, or there are no session cookies, or the store can
    /// not keep one now.
    pub async fn cookie_to_set<'a>(
        &self,
        session: &Session,
        own: impl FnOnce() -> Option<Credential<'a>> + Send,
    ) -> Option<CookieValue> {
        if !self.settings.session_cookie {
            return None;
        }
        if let Some(own) = own() {
            // In a box: an exchange of one credential asks for that of another.
            match Box::pin(self.session(&own)).await {
                Ok(held) if held.sid() == session.sid() => return None,
                Err(rejection) if rejection.code == Code::Unavailable => return None,
                _ => {}
            }
        }
        if let Some(value) = session.cookie() {
            return Some(value);
        }
        let value = CookieValue::generate()?;
        let kept = self
            .shared
            .store
            .put_session_alias(value.digest(), session.sid(), session.expires_at())
            .await;
        kept.inspect_err(|error: &StoreError| {
            self.store_failed(error);
        })
        .ok()?;
        Some(session.keep_cookie(value))
    }

    /// Whether a presented value is to be looked up as a session cookie.
    pub(super) fn is_cookie(&self, credential: &Credential<'_>) -> bool {
        self.settings.session_cookie
            && credential.source == Source::SessionCookie
            && cookie::is_opaque(credential.token.expose())
    }

    /// The session of a cookie.
    pub(super) async fn exchange_cookie(
        &self,
        value: &str,
        digest: TokenDigest,
        now: UnixTime,
    ) -> Result<Arc<Session>, Rejection> {
        let found = self
            .shared
            .store
            .session_alias(cookie::digest(value), now)
            .await;
        let found = found.map_err(|error| self.store_failed(&error))?;
        let live = match found {
            Some(session) => self.live_session(session.sid, now).await,
            None => Err(Rejection::new(
                Code::LoginRequired,
                "session_cookie_unknown",
            )),
        };
        let (record, lease) = live.inspect_err(|rejection| {
            // What has ended, or never was, will not begin.
            if rejection.code == Code::LoginRequired {
                self.shared
                    .refused
                    .remember(digest, *rejection, None, (now, self.version));
            }
        })?;
        let user = self.user_of(&record).await?;
        let token = self
            .shared
            .minter
            .mint(&user, &record, now, record.expires_at)
            .map_err(super::mint_failed)?;
        self.on_our_word(&user, &record, token, lease).map(Arc::new)
    }
}
