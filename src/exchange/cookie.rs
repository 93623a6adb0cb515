//! The session cookie: a session without its external token.
//!
//! Set for browsers that signed in with an issuer's cookie, so that they stay signed in without it. A newer
//! token of the login moves the session's end, wherever it came, and the browser then gets another cookie in
//! time.
//! The store has only the hash of the value, and it refers to the session itself: whatever ends the
//! session ends the cookie.

use std::sync::Arc;
use std::time::Duration;

use uuid::Uuid;

use super::digest::TokenDigest;
use super::mint::mint_failed;
use super::{Exchange, KeptCookie, Session};
use crate::clock::UnixTime;
use crate::credential::{Credential, Source};
use crate::identity::Client;
use crate::rejection::{Code, Rejection};
use crate::session::cookie;

impl Exchange {
    /// The cookie to set for a browser that came by an issuer's cookie and sent `own` as the gateway's,
    /// which is looked for only when it matters. `None`: what it has will do, or there are no session
    /// cookies, or the store cannot keep one now.
    pub async fn cookie_to_set<'a>(
        &self,
        session: &Session,
        own: impl FnOnce() -> Option<Credential<'a>> + Send,
    ) -> Option<KeptCookie> {
        // That of a bound session comes with a proof.
        if !self.settings.session_cookie || session.is_device_bound() {
            return None;
        }
        let end = session.latest_end();
        if let Some(own) = own() {
            // In a box: an exchange of one credential asks for that of another.
            match Box::pin(self.session(&own)).await {
                Ok(held) if held.sid() == session.sid() && lasts(held.expires_at(), end) => {
                    return None;
                }
                Err(rejection) if rejection.code == Code::Unavailable => return None,
                _ => {}
            }
        }
        self.cookie_until(end, session).await
    }

    /// The cookie to set for a browser that came by the gateway's cookie alone, for which `session` was granted.
    /// `None`: it lasts, or the store cannot keep another one now.
    pub async fn cookie_in_place_of(
        &self,
        credential: &Credential<'_>,
        session: &Session,
    ) -> Option<KeptCookie> {
        let (own_end, end) = (session.expires_at(), session.latest_end());
        if end <= own_end || session.is_device_bound() || !self.is_cookie(credential) {
            return None;
        }
        match lasts(own_end, end) {
            true => None,
            false => self.cookie_until(end, session).await,
        }
    }

    async fn cookie_until(&self, end: UnixTime, session: &Session) -> Option<KeptCookie> {
        let kept = session.cookie();
        if let Some(kept) = kept.filter(|kept| lasts(kept.until, end)) {
            return Some(kept);
        }
        let value = self.sessions().new_cookie(session.sid(), end).await?;
        Some(session.keep_cookie(KeptCookie { value, until: end }))
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
            return Err(Rejection::new(Code::LoginRequired, DEVICE_COOKIE_EXPIRED));
        }
        let sessions = self.sessions();
        let named = sessions.named_by_cookie(value, now).await?;
        let until = named.as_ref().map_or(now, |(_, until)| *until);
        let live = match named {
            Some((session, _)) => sessions.live_session(session.sid, now).await,
            None => Err(Rejection::new(Code::LoginRequired, COOKIE_UNKNOWN)),
        };
        let (record, lease) = live.inspect_err(|rejection| {
            // What never was, or has ended, will not begin; by the clock alone it may not have ended.
            let is_final = rejection.reason == COOKIE_UNKNOWN || !sessions.doubts(now);
            if rejection.code == Code::LoginRequired && is_final {
                let decided = (now, self.version);
                self.shared.cache.refuse(digest, *rejection, None, decided);
            }
        })?;
        // A cookie of before the binding counts for as long as one of after it would.
        let ends_at = bound_until.or_else(|| self.settings.alone_until(&record));
        if ends_at.is_some_and(|end| end <= now) {
            let replaced = DEVICE_COOKIE_REPLACED;
            return Err(Rejection::new(Code::LoginRequired, replaced));
        }
        let user = sessions.user_of(&record).await?;
        let token = self
            .minter()
            .mint(&user, &record, now, record.expires_at)
            .map_err(mint_failed)?;
        let session = self.on_our_word(&user, &record, token, lease)?;
        Ok(Arc::new(match ends_at {
            Some(end) => session.ending_at(end),
            // Another gateway may have seen a newer token: while half of its time is left, the store is asked.
            None => session
                .by_cookie_until(until)
                .ending_at(now.plus((now.until(until) / 2).max(SHORTEST_LOOK))),
        }))
    }

    /// Until when the cookie of a bound session counts with which a credential of that session came. `None`: it came
    /// without one.
    pub async fn proven_until(&self, credential: &Credential<'_>, sid: Uuid) -> Option<UnixTime> {
        let now = UnixTime::now();
        self.check_cookie_of(sid, credential, now).await.ok()
    }

    /// Whether an external token of a bound session came with a cookie of that session, and until when that counts.
    ///
    /// # Errors
    ///
    /// It did not, or the store did not answer.
    pub(super) async fn check_cookie_of(
        &self,
        sid: Uuid,
        credential: &Credential<'_>,
        now: UnixTime,
    ) -> Result<UnixTime, Rejection> {
        let missing = || Rejection::new(Code::LoginRequired, DEVICE_COOKIE_MISSING);
        let value = credential.session_cookie.clone().ok_or_else(missing)?;
        let cookie = Credential::of_session_cookie(value);
        if !self.is_cookie(&cookie) {
            return Err(missing());
        }
        let value = cookie.token.expose();
        let (until, digest) = (cookie::bound_until(value), TokenDigest::of_cookie(value));
        let held = match self.shared.cache.session(&digest, now, self.version) {
            Some(held) => Ok(held),
            // In a box, so that requests without a bound session do not hold room for it.
            None => Box::pin(self.on_miss(&cookie, digest, Client::default(), now)).await,
        };
        match held {
            // One of before the binding counts no more by then.
            Ok(held) if held.sid() == sid => Ok(until.unwrap_or(now)),
            Err(rejection) if rejection.code == Code::Unavailable => Err(rejection),
            _ => Err(missing()),
        }
    }
}

/// Whether a refused credential is of a session that may live, and lacks the proof of its device alone.
pub fn lacks_proof(rejection: &Rejection) -> bool {
    [
        DEVICE_COOKIE_MISSING,
        DEVICE_COOKIE_EXPIRED,
        DEVICE_COOKIE_REPLACED,
    ]
    .contains(&rejection.reason)
}

/// Whether a cookie that counts until then lasts for a good part of what a session that ends at `end` has left: for
/// half of it. So a new one is written when the session's end has moved, and not by each request.
fn lasts(until: UnixTime, end: UnixTime) -> bool {
    let now = UnixTime::now();
    now.until(until).saturating_mul(2) >= now.until(end)
}

/// For so long at least what a cookie stands for is not asked for again.
const SHORTEST_LOOK: Duration = Duration::from_secs(30);

/// The reason of a refusal of a session cookie that the store does not know.
pub(super) const COOKIE_UNKNOWN: &str = "session_cookie_unknown";
/// The reason of a refusal of an external token whose session is bound to a device, and which came without
/// the cookie of that session.
const DEVICE_COOKIE_MISSING: &str = "device_cookie_missing";
/// That of a bound session's cookie that was not renewed in time.
const DEVICE_COOKIE_EXPIRED: &str = "device_cookie_expired";
/// That of a cookie from before the binding, whose time is over.
const DEVICE_COOKIE_REPLACED: &str = "device_cookie_replaced";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::credential::Token;
    use crate::exchange::fixture::TestExchange;

    /// The newer token may have come to another gateway.
    #[tokio::test]
    async fn a_cookie_that_ends_before_its_session_is_looked_at_in_time_and_replaced() {
        let gateway = TestExchange::new();
        let mut settings = (*gateway.here.settings).clone();
        settings.session_cookie = true;
        let issuers = Arc::clone(gateway.here.issuers());
        let here = gateway.here.succeeding(issuers, settings);
        let now = UnixTime::now();
        let token = gateway.token("alice", "1");
        let session = gateway.present_at(&here, &token).await.unwrap();
        // Of the ten minutes that the session has.
        for (seconds, is_replaced) in [(80, true), (400, false)] {
            let until = now.plus(Duration::from_secs(seconds));
            let value = here.sessions().new_cookie(session.sid(), until);
            let value = value.await.unwrap();
            let digest = TokenDigest::of_cookie(value.expose());
            let held = here.exchange_cookie(value.expose(), digest, now);
            let held = held.await.unwrap();
            assert_eq!(held.expires_at(), until);
            let credential = Credential::of_session_cookie(Token::from(value.expose()));
            let replace = async || here.cookie_in_place_of(&credential, &held).await;
            let Some(other) = replace().await else {
                assert!(!is_replaced, "{seconds}");
                continue;
            };
            assert!(is_replaced, "{seconds}");
            assert_eq!(other.until, session.expires_at());
            // One for all requests.
            let again = replace().await.unwrap();
            assert_eq!(again.value.digest(), other.value.digest());
            let is_valid_after = |seconds| {
                let later = now.plus(Duration::from_secs(seconds));
                held.is_valid(later, here.version)
            };
            assert!(is_valid_after(39) && !is_valid_after(40));
        }
    }
}
