//! Session cookies: other names of sessions, of which the store has the hash.

use uuid::Uuid;

use super::SessionDirectory;
use crate::clock::UnixTime;
use crate::exchange::store_failure::store_failed;
use crate::rejection::{Code, Rejection};
use crate::session::cookie::{self, CookieValue};
use crate::store::SessionRecord;

impl SessionDirectory {
    /// A new session cookie for a session that is not bound to a device and ends at `until`. `None`: the
    /// store cannot keep one now.
    pub async fn new_cookie(&self, sid: Uuid, until: UnixTime) -> Option<CookieValue> {
        let value = CookieValue::generate()?;
        self.keep_cookie(&value, sid, until).await.ok()?;
        Some(value)
    }

    /// A new cookie for a session that is bound to a device; it counts until then.
    pub(in crate::exchange) async fn new_bound_cookie(
        &self,
        sid: Uuid,
        until: UnixTime,
    ) -> Result<CookieValue, Rejection> {
        let value = CookieValue::generate_bound(until)
            .ok_or_else(|| Rejection::new(Code::Internal, "random_failed"))?;
        self.keep_cookie(&value, sid, until).await?;
        Ok(value)
    }

    /// The session that a cookie names, ended or not, and until when it does. `None`: none that was ever seen.
    pub(in crate::exchange) async fn named_by_cookie(
        &self,
        value: &str,
        now: UnixTime,
    ) -> Result<Option<(SessionRecord, UnixTime)>, Rejection> {
        let found = self.store.session_alias(cookie::digest(value), now).await;
        found.map_err(|error| store_failed(&error))
    }

    async fn keep_cookie(
        &self,
        value: &CookieValue,
        sid: Uuid,
        until: UnixTime,
    ) -> Result<(), Rejection> {
        let kept = self
            .store
            .put_session_alias(value.digest(), sid, until)
            .await;
        kept.map_err(|error| store_failed(&error))
    }
}
