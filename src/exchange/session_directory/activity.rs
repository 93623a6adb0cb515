//! When sessions were last used: kept in memory, written down in batches.

use std::sync::Arc;
use std::time::Duration;

use uuid::Uuid;

use super::SessionDirectory;
use crate::exchange::session_handle::SessionHandle;
use crate::exchange::store_failure::store_failed;
use crate::rejection::Rejection;
use crate::store::{Activity, StoreError};

impl SessionDirectory {
    /// How often [`Self::write_activity`] is to be called: often enough that another gateway does
    /// not take a busy session for an idle one.
    pub fn activity_interval(&self) -> Duration {
        let timeout = self.registry.idle_timeout();
        timeout.map_or(LONGEST_INTERVAL, |timeout| {
            (timeout / 4).clamp(SHORTEST_INTERVAL, LONGEST_INTERVAL)
        })
    }

    /// Stores when sessions were last used, if that has changed.
    ///
    /// # Errors
    ///
    /// The store did not take all of it; the rest is tried again by the next call.
    pub async fn write_activity(&self) -> Result<(), StoreError> {
        for batch in self.registry.unwritten().chunks(BATCH) {
            let activities: Vec<Activity> = batch.iter().map(|(activity, _)| *activity).collect();
            self.store.touch(activities).await?;
            for (activity, handle) in batch {
                handle.wrote(activity.at);
            }
        }
        Ok(())
    }

    /// Sees to it that the store, when it is asked whether a session has been idle, knows what is
    /// known here.
    pub(super) async fn write_before_idle(
        &self,
        sid: Uuid,
        handle: &Arc<SessionHandle>,
    ) -> Result<(), Rejection> {
        let at = match (self.registry.idle_timeout(), handle.unwritten()) {
            (Some(_), Some(at)) => at,
            _ => return Ok(()),
        };
        let written = self.store.touch(vec![Activity { sid, at }]).await;
        written.map_err(|error| store_failed(&error))?;
        handle.wrote(at);
        Ok(())
    }
}

const SHORTEST_INTERVAL: Duration = Duration::from_millis(250);
const LONGEST_INTERVAL: Duration = Duration::from_secs(30);
/// Sessions written in one transaction.
const BATCH: usize = 1000;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::UnixTime;
    use crate::exchange::fixture::TestExchange;

    fn with_timeout(seconds: u64) -> TestExchange {
        TestExchange::with(|policy| policy.idle_timeout = Some(Duration::from_secs(seconds)))
    }

    #[tokio::test]
    async fn the_client_is_written_down_at_the_opening() {
        let gateway = TestExchange::new();
        let session = gateway.present(&gateway.token("alice", "1")).await.unwrap();
        let record = gateway.store.session(session.sid()).await.unwrap().unwrap();
        assert_eq!(record.client_address, Some([192, 0, 2, 1].into()));
        assert_eq!(record.user_agent.as_deref(), Some("Browser/1"));
    }

    #[tokio::test]
    async fn activity_is_written_down_once() {
        let gateway = TestExchange::new();
        let session = gateway.present(&gateway.token("alice", "1")).await.unwrap();
        let later = UnixTime::now().plus(Duration::from_secs(60));
        session.handle().touch(later);
        gateway.here.sessions().write_activity().await.unwrap();
        let record = gateway.store.session(session.sid()).await.unwrap().unwrap();
        assert_eq!(record.last_seen, later);
        let user = gateway.store.user(session.user()).await.unwrap().unwrap();
        assert_eq!(user.last_visit, Some(later));
        assert_eq!(session.handle().unwritten(), None);
    }

    #[tokio::test]
    async fn an_idle_session_ends_and_a_busy_one_goes_on() {
        // Before its token is renewed.
        for (idle_for, goes_on) in [(39, true), (40, false)] {
            let gateway = with_timeout(40);
            let session = gateway.present(&gateway.token("alice", "1")).await.unwrap();
            let now = UnixTime::now().plus(Duration::from_secs(idle_for));
            assert_eq!(
                session.is_valid(now, gateway.here.version),
                goes_on,
                "{idle_for}"
            );
        }
    }

    /// What one gateway saw and had no time to write down counts when it asks the store.
    #[tokio::test]
    async fn the_store_is_told_before_it_is_asked() {
        let gateway = with_timeout(60);
        let token = gateway.token("alice", "1");
        let session = gateway.present(&token).await.unwrap();
        let seen = UnixTime::now().plus(Duration::from_secs(20));
        session.handle().touch(seen);
        let another = UnixTime::now().minus(Duration::from_secs(1));
        gateway
            .present(&gateway.token_issued("alice", "1", another))
            .await
            .unwrap();
        let record = gateway.store.session(session.sid()).await.unwrap().unwrap();
        assert_eq!(record.last_seen, seen);
    }
}
