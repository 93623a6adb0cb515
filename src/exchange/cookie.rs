//! The session cookie: a session without its external token.
//!
//! Set for browsers that signed in with an issuer's cookie, so that they stay signed in without it.
//! The store has only the hash of the value, and it refers to the session itself: whatever ends the
//! session ends the cookie.

use std::sync::Arc;

use uuid::Uuid;

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
        // That of a bound session comes with a proof.
        if !self.settings.session_cookie || session.is_device_bound() {
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
        let value = self.new_cookie(session.sid(), session.expires_at()).await?;
        Some(session.keep_cookie(value))
    }

    /// A new session cookie for a session that is not bound to a device and ends at `until`. `None`: the
    /// store cannot keep one now.
    pub async fn new_cookie(&self, sid: Uuid, until: UnixTime) -> Option<CookieValue> {
        let value = CookieValue::generate()?;
        let store = &self.shared.store;
        let kept = store.put_session_alias(value.digest(), sid, until).await;
        kept.inspect_err(|error: &StoreError| {
            self.store_failed(error);
        })
        .ok()?;
        Some(value)
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
        let bound_until = cookie::bound_until(value);
        if bound_until.is_some_and(|until| until <= now) {
            return Err(Rejection::new(Code::LoginRequired, "device_cookie_expired"));
        }
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
        // A cookie of before the binding counts for as long as one of after it would.
        let ends_at = bound_until.or_else(|| self.settings.alone_until(&record));
        if ends_at.is_some_and(|end| end <= now) {
            let replaced = "device_cookie_replaced";
            return Err(Rejection::new(Code::LoginRequired, replaced));
        }
        let user = self.user_of(&record).await?;
        let token = self
            .shared
            .minter
            .mint(&user, &record, now, record.expires_at)
            .map_err(super::mint_failed)?;
        let session = self.on_our_word(&user, &record, token, lease)?;
        Ok(Arc::new(match ends_at {
            Some(end) => session.ending_at(end),
            None => session,
        }))
    }
}
