//! Live sessions and their users, by the session's id.

use std::time::Duration;

use tokio::time::sleep;
use uuid::Uuid;

use super::{ATTEMPTS, SessionDirectory};
use crate::clock::UnixTime;
use crate::exchange::session::Session;
use crate::exchange::session_handle::Lease;
use crate::exchange::store_failure::{sessions_ending, store_failed};
use crate::rejection::{Code, Rejection};
use crate::store::{RevocationReason, SessionRecord, User, is_workload};

/// A user with a live session.
#[derive(Clone, Debug)]
pub struct Account {
    /// The user, not blocked.
    pub user: User,
    /// The session, not ended.
    pub session: SessionRecord,
}

impl SessionDirectory {
    /// The session with an id, and its handle, which a revocation from now on ends.
    pub(in crate::exchange) async fn live_session(
        &self,
        sid: Uuid,
        now: UnixTime,
    ) -> Result<(SessionRecord, Lease), Rejection> {
        let found = self.find_live(sid, now).await?;
        found.ok_or_else(|| Rejection::new(Code::TokenInvalid, "session_unknown"))
    }

    /// The same of a session that another gateway may still be writing: one that is unknown is looked for
    /// again, a few times.
    pub(in crate::exchange) async fn session_of_new_token(
        &self,
        sid: Uuid,
        now: UnixTime,
    ) -> Result<(SessionRecord, Lease), Rejection> {
        for pause in PAUSES {
            if let Some(found) = self.find_live(sid, now).await? {
                return Ok(found);
            }
            sleep(pause).await;
        }
        self.live_session(sid, now).await
    }

    /// `None`: there is no session with this id.
    async fn find_live(
        &self,
        sid: Uuid,
        now: UnixTime,
    ) -> Result<Option<(SessionRecord, Lease)>, Rejection> {
        for _ in 0..ATTEMPTS {
            let pending = self.registry.ask(sid);
            let found = self.store.session(sid).await;
            let Some(record) = found.map_err(|error| store_failed(&error))? else {
                return Ok(None);
            };
            if record.ended.is_some() || record.expires_at <= now {
                return Err(Rejection::new(Code::LoginRequired, "session_ended"));
            }
            self.registry.bind(&pending.lease.handle, &record);
            if pending.lease.handle.is_idle(now) {
                let ended = self.end_session(sid, RevocationReason::Idle).await;
                ended.map_err(|error| store_failed(&error))?;
                return Err(Rejection::new(Code::LoginRequired, "session_idle"));
            }
            if let Some(lease) = self.registry.answered(pending, &record) {
                return Ok(Some((record, lease)));
            }
        }
        Err(sessions_ending())
    }

    /// The user of a session, or what stands for one.
    pub(in crate::exchange) async fn user_of(
        &self,
        session: &SessionRecord,
    ) -> Result<User, Rejection> {
        if is_workload(session.user_id) {
            let (id, opened_at) = (session.user_id, session.opened_at);
            return Ok(User::of_workload(id, Vec::new(), opened_at));
        }
        let user = self.store.user(session.user_id).await;
        user.map_err(|error| store_failed(&error))?
            .filter(|user| !user.blocked)
            .ok_or_else(|| Rejection::new(Code::Forbidden, "user_blocked"))
    }

    /// The records of a session, as they are now.
    ///
    /// # Errors
    ///
    /// The session or its user is gone, or the store did not answer.
    pub async fn account(&self, session: &Session) -> Result<Account, Rejection> {
        let record = self.store.session(session.sid()).await;
        let record = record.map_err(|error| store_failed(&error))?;
        let record = record
            .filter(|record| record.ended.is_none() && record.user_id == session.user())
            .ok_or_else(|| Rejection::new(Code::LoginRequired, "session_ended"))?;
        Ok(Account {
            user: self.user_of(&record).await?,
            session: record,
        })
    }
}

/// Between looks for a session that another gateway may be writing.
const PAUSES: [Duration; 5] = [
    Duration::from_millis(10),
    Duration::from_millis(30),
    Duration::from_millis(60),
    Duration::from_millis(150),
    Duration::from_millis(250),
];
