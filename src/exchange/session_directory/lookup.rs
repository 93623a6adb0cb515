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

    /// The live session that another gateway may still be writing: one that is unknown is looked for
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
            if let Some(over) = over(&record, now) {
                return Err(over);
            }
            self.registry.bind(&pending.lease.handle, &record);
            if pending.lease.handle.is_idle(now) {
                // By a clock that may be ahead, nothing ends for good.
                let certain = now.minus(self.certain.doubt(now));
                if pending.lease.handle.is_idle(certain) {
                    let ended = self.end_session(sid, RevocationReason::Idle).await;
                    ended.map_err(|error| store_failed(&error))?;
                }
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
            .filter(|record| record.user_id == session.user())
            .ok_or_else(|| Rejection::new(Code::LoginRequired, "session_ended"))?;
        if let Some(ended) = record.ended {
            return Err(ended.into());
        }
        Ok(Account {
            user: self.user_of(&record).await?,
            session: record,
        })
    }
}

/// Why a session is over; `None`: it is not.
fn over(record: &SessionRecord, now: UnixTime) -> Option<Rejection> {
    match record.ended {
        Some(ended) => Some(ended.into()),
        // Its own time, or that of its login's newest token: nobody has ended it.
        None if record.expires_at <= now => {
            Some(Rejection::new(Code::LoginRequired, "session_expired"))
        }
        None => None,
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exchange::fixture::TestExchange;
    use crate::identity::Policy;

    #[tokio::test]
    async fn the_reason_says_what_ended_a_session() {
        for (cause, reason) in [
            (RevocationReason::MaxAge, "session_max_age"),
            (RevocationReason::Idle, "session_idle"),
            (RevocationReason::Displaced, "session_displaced"),
            (RevocationReason::Logout, "session_ended"),
            (RevocationReason::IssuerSignedOut, "session_ended"),
        ] {
            let gateway = TestExchange::new();
            let session = gateway.present(&gateway.token("alice", "1")).await.unwrap();
            let sessions = gateway.here.sessions();
            let (sid, now) = (session.sid(), UnixTime::now());
            assert!(sessions.live_session(sid, now).await.is_ok());
            assert!(sessions.account(&session).await.is_ok());

            sessions.end_session(sid, cause).await.unwrap();
            let looked_up = sessions.live_session(sid, now).await.map(|_| ());
            let account = sessions.account(&session).await.map(|_| ());
            for over in [looked_up.unwrap_err(), account.unwrap_err()] {
                assert_eq!((over.code, over.reason), (Code::LoginRequired, reason));
            }
            // The login's token is refused for the same reason.
            let refused = gateway.present(&gateway.token("alice", "1")).await;
            assert_eq!(refused.map(|_| ()).unwrap_err().reason, reason);
        }
    }

    #[tokio::test]
    async fn a_clock_that_is_ahead_ends_no_session_for_good() {
        let idle = |policy: &mut Policy| policy.idle_timeout = Some(Duration::from_secs(60));
        let gateway = TestExchange::with(idle);
        let session = gateway.present(&gateway.token("alice", "1")).await.unwrap();
        let sessions = gateway.here.sessions();
        let (sid, now) = (session.sid(), UnixTime::now());
        let later = now.plus(Duration::from_secs(100));
        let refused = async |at| {
            let found = sessions.live_session(sid, at).await;
            found.map(|_| ()).err().map(|refused| refused.reason)
        };
        assert_eq!(refused(later).await, Some("session_idle"));
        assert_eq!(refused(now).await, None);
        // Once it is that late, as others say as well, it ends.
        sessions.trust(later);
        assert_eq!(refused(later).await, Some("session_idle"));
        assert_eq!(refused(now).await, Some("session_idle"));
    }

    #[tokio::test]
    async fn a_session_whose_time_has_come_was_not_ended_by_anybody() {
        let gateway = TestExchange::new();
        let session = gateway.present(&gateway.token("alice", "1")).await.unwrap();
        let sessions = gateway.here.sessions();
        let now = UnixTime::now();
        let (record, _) = sessions.live_session(session.sid(), now).await.unwrap();
        let last = record.expires_at.minus(Duration::from_secs(1));
        assert!(sessions.live_session(session.sid(), last).await.is_ok());
        let over = sessions.live_session(session.sid(), record.expires_at);
        let over = over.await.map(|_| ()).unwrap_err();
        assert_eq!(
            (over.code, over.reason),
            (Code::LoginRequired, "session_expired")
        );
    }

    /// A fresh token of the login opens no other session, and the reason says so.
    #[tokio::test]
    async fn a_fresh_token_of_an_old_login_is_refused_for_the_greatest_age() {
        let brief = TestExchange::with(|policy| policy.max_age = Duration::from_secs(1));
        let now = UnixTime::now();
        let ago = now.minus(Duration::from_secs(2));
        let session = brief.present(&brief.token("alice", "1")).await.unwrap();
        assert!(session.expires_at() <= now.plus(Duration::from_secs(2)));
        // Nobody waits for it: the store is asked as of a moment later.
        let fresh = brief.token_issued("alice", "1", ago);
        let later = brief
            .here
            .standing(&fresh, now.plus(Duration::from_secs(3)));
        let later = later.await.unwrap().expect("a token that holds");
        assert_eq!((later.user, later.session), (None, Some("session_max_age")));
        let other = brief.token_issued("alice", "2", ago);
        let other = brief
            .here
            .standing(&other, now.plus(Duration::from_secs(3)));
        assert_eq!(other.await.unwrap().unwrap().session, None);
    }
}
