//! Sessions whose rows this process is still writing.
//!
//! The sign-in of a known user is answered before its session's row is written (see
//! [`SignIn::durable_session`](super::SignIn::durable_session)), and the app that gets the session token may
//! show it a moment later. So whoever looks a session up by its id waits for what is being written of it.
//! There is one entry for each session that is being written, of which engines bound the number.

use std::sync::Arc;
use std::time::Duration;

use dashmap::DashMap;
use dashmap::mapref::entry::Entry;
use tokio::sync::watch;
use tokio::time::timeout;
use uuid::Uuid;

use super::StoreError;

/// The sessions whose rows are being written.
#[derive(Default)]
pub(super) struct Behind {
    rows: DashMap<Uuid, Pending>,
}

/// What is being written of one session.
#[derive(Default)]
struct Pending {
    writes: u32,
    /// For those who wait; `None` until somebody does.
    outcome: Option<watch::Sender<Option<Result<(), StoreError>>>>,
}

/// A write of a session's row. One that is dropped without an outcome has failed.
pub(super) struct RowWrite {
    behind: Arc<Behind>,
    sid: Uuid,
    outcome: Result<(), StoreError>,
}

impl Behind {
    /// Begins a write: before its sign-in is answered.
    pub(super) fn begin(self: &Arc<Self>, sid: Uuid) -> RowWrite {
        self.rows.entry(sid).or_default().writes += 1;
        RowWrite {
            behind: Arc::clone(self),
            sid,
            outcome: Err(not_written()),
        }
    }

    /// Waits until nothing more is being written of a session.
    ///
    /// # Errors
    ///
    /// The last write failed, or takes too long.
    pub(super) async fn settled(&self, sid: Uuid) -> Result<(), StoreError> {
        let mut written = {
            let Some(mut row) = self.rows.get_mut(&sid) else {
                return Ok(());
            };
            let outcome = row.outcome.get_or_insert_with(|| watch::Sender::new(None));
            outcome.subscribe()
        };
        let outcome = timeout(LONGEST_WAIT, written.wait_for(Option::is_some)).await;
        match outcome {
            Ok(Ok(outcome)) => outcome.clone().unwrap_or_else(|| Err(not_written())),
            _ => Err(not_written()),
        }
    }
}

impl RowWrite {
    /// Ends the write.
    pub(super) fn done(mut self, outcome: Result<(), StoreError>) {
        self.outcome = outcome;
    }
}

impl Drop for RowWrite {
    fn drop(&mut self) {
        let Entry::Occupied(mut row) = self.behind.rows.entry(self.sid) else {
            return;
        };
        let pending = row.get_mut();
        pending.writes = pending.writes.saturating_sub(1);
        if pending.writes == 0
            && let Some(waited_for) = row.remove().outcome
        {
            waited_for.send_replace(Some(self.outcome.clone()));
        }
    }
}

fn not_written() -> StoreError {
    StoreError::Unavailable("a session's row was not written".to_owned())
}

/// For whoever asks about a session while the store is slow.
const LONGEST_WAIT: Duration = Duration::from_secs(5);

#[cfg(test)]
mod tests {
    use std::pin::pin;

    use futures::poll;

    use super::*;

    const SID: Uuid = Uuid::from_bytes([1; 16]);

    #[tokio::test]
    async fn a_look_up_waits_for_every_write_of_its_session_and_for_no_other() {
        let behind = Arc::new(Behind::default());
        let (first, second) = (behind.begin(SID), behind.begin(SID));
        let other = Uuid::from_bytes([2; 16]);
        assert_eq!(behind.settled(other).await, Ok(()));
        let mut waits = pin!(behind.settled(SID));
        assert!(poll!(&mut waits).is_pending());
        first.done(Ok(()));
        assert!(poll!(&mut waits).is_pending());
        second.done(Ok(()));
        assert_eq!(waits.await, Ok(()));
        assert!(behind.rows.is_empty());
        assert_eq!(behind.settled(SID).await, Ok(()));
    }

    #[tokio::test]
    async fn a_look_up_fails_with_the_write_and_with_one_that_is_dropped() {
        for outcome in [Some(Ok(())), Some(Err(StoreError::Full("disk"))), None] {
            let behind = Arc::new(Behind::default());
            let write = behind.begin(SID);
            let mut waits = pin!(behind.settled(SID));
            assert!(poll!(&mut waits).is_pending());
            let expected = outcome.clone().unwrap_or_else(|| Err(not_written()));
            match outcome {
                Some(outcome) => write.done(outcome),
                None => drop(write),
            }
            assert_eq!(waits.await, expected);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_look_up_does_not_wait_for_ever() {
        let behind = Arc::new(Behind::default());
        let write = behind.begin(SID);
        assert_eq!(behind.settled(SID).await, Err(not_written()));
        write.done(Ok(()));
        assert_eq!(behind.settled(SID).await, Ok(()));
    }
}
