//! The end of a session, awaited by what runs under it.

use std::time::Duration;

use tokio::time::timeout;

use super::SessionDirectory;
use crate::clock::UnixTime;
use crate::exchange::session::Session;

impl SessionDirectory {
    /// Returns when the session is over: it was ended, or its time has come.
    ///
    /// A stream is opened by one token of a login and outlives it: a newer token of the same login,
    /// presented by another request, moves the session's end. Here that is seen at once; whether
    /// another gateway has seen one, the store is asked when the time has come.
    pub async fn session_over(&self, session: &Session) {
        let handle = session.handle();
        let mut end = session.expires_at();
        loop {
            end = end.max(handle.expires_at());
            let left = UnixTime::now().until(end);
            // An elapsed timeout is the other way for a session to be over. Timers stand still while the
            // machine is suspended, and the clock may be set, so it is looked at from time to time.
            if timeout(left.min(LONGEST_SLEEP), handle.over())
                .await
                .is_ok()
            {
                return;
            }
            if handle.expires_at() > end || UnixTime::now() < end {
                continue;
            }
            // Whoever cannot be asked does not prolong anything. Every request that waits has room for this
            // future, and few ask.
            match Box::pin(self.live_session(session.sid(), UnixTime::now())).await {
                Ok((record, _)) if record.expires_at > end => end = record.expires_at,
                _ => return,
            }
        }
    }
}

/// Between looks at the clock: by so much at most a stream outlives its session on a machine that was
/// suspended.
const LONGEST_SLEEP: Duration = Duration::from_secs(30);

#[cfg(test)]
mod tests {
    use std::pin::pin;
    use std::time::Duration;

    use futures::future::select;
    use futures::poll;
    use serde_json::json;
    use tokio::time::timeout;

    use crate::clock::UnixTime;
    use crate::exchange::fixture::{PATIENCE, TestExchange};
    use crate::store::{RevocationReason, When};

    /// When its time has come, the store is asked whether another gateway has seen a newer token.
    #[tokio::test]
    async fn a_stream_outlives_its_token_if_another_gateway_saw_a_newer_one() {
        for renewed in [true, false] {
            let gateways = TestExchange::new();
            let now = UnixTime::now();
            let soon = json!({ "exp": now.0 + 2 });
            let token = gateways.token_saying("alice", "1", now, soon);
            let session = gateways.present(&token).await.unwrap();
            if renewed {
                let earlier = now.minus(Duration::from_secs(1));
                let newer = gateways.token_issued("alice", "1", earlier);
                let there = gateways.present_at(&gateways.there, &newer).await.unwrap();
                assert_eq!(there.sid(), session.sid());
            }
            let mut asked = gateways.gates.hold("session", When::After);
            let mut over = pin!(gateways.here.sessions().session_over(&session));
            {
                let reached = pin!(asked.reached());
                let first = timeout(PATIENCE, select(&mut over, reached));
                first.await.expect("the store was not asked");
            }
            asked.open();
            assert_eq!(poll!(&mut over).is_pending(), renewed);
            if renewed {
                let ended = gateways
                    .here
                    .sessions()
                    .end_session(session.sid(), RevocationReason::Logout);
                assert!(ended.await.unwrap().is_some());
                timeout(PATIENCE, over)
                    .await
                    .expect("the stream outlived its session");
            }
        }
    }
    /// It is the clock that says when, as for every request, and no timer that was set once.
    #[tokio::test]
    async fn a_session_is_over_when_the_clock_says_so() {
        let gateways = TestExchange::new();
        let token = gateways.token("alice", "1");
        let session = gateways.present(&token).await.unwrap();
        let left = UnixTime::now().until(session.expires_at());
        // From here on timers run ahead of the clock.
        tokio::time::pause();
        let sessions = gateways.here.sessions();
        let over = timeout(2 * left, sessions.session_over(&session));
        assert!(over.await.is_err(), "by the clock it is not over");
        tokio::time::resume();
        let ended = sessions.end_session(session.sid(), RevocationReason::Logout);
        assert!(ended.await.unwrap().is_some());
        sessions.session_over(&session).await;
    }
}
