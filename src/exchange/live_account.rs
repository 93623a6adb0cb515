//! Sessions that are known by their ids alone.

use uuid::Uuid;

use super::{Account, Exchange};
use crate::clock::UnixTime;
use crate::rejection::{Code, Rejection};

impl Exchange {
    /// The session with an id and its user, as the store has them now. It counts as active.
    ///
    /// # Errors
    ///
    /// The session has ended, its user is blocked, its issuer is not in force, or the store did not
    /// answer.
    pub async fn live_account(&self, sid: Uuid, now: UnixTime) -> Result<Account, Rejection> {
        let (session, lease) = self.sessions().live_session(sid, now).await?;
        // Also where sessions outlive their issuers (`sessions_outlive_issuer`): operators are so by the word of an
        // issuer that is in force.
        let issuer = self.issuers().get(&session.iss);
        if !issuer.is_some_and(|issuer| issuer.enabled()) {
            return Err(Rejection::new(Code::LoginRequired, "issuer_disabled"));
        }
        let user = self.sessions().user_of(&session).await?;
        lease.handle.touch(now);
        Ok(Account { user, session })
    }
}
