//! The end of a session, awaited by what runs under it.

use tokio::time::timeout;

use super::{Exchange, Session};
use crate::clock::UnixTime;

impl Exchange {
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
            // An elapsed timeout is the other way for a session to be over.
            if timeout(left, handle.over()).await.is_ok() {
                return;
            }
            if handle.expires_at() > end {
                continue;
            }
            // Whoever cannot be asked does not prolong anything.
            match self.live_session(session.sid(), UnixTime::now()).await {
                Ok((record, _)) if record.expires_at > end => end = record.expires_at,
                _ => return,
            }
        }
    }
}
