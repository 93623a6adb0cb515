//! Requests in flight, the wait for the last of them, and the moment in which the others are cut.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use tokio::sync::Notify;

/// Counts the requests whose header has arrived and whose answer is not complete.
#[derive(Clone, Debug, Default)]
pub struct InFlight(Arc<State>);

#[derive(Debug, Default)]
struct State {
    count: AtomicUsize,
    empty: Notify,
}

impl InFlight {
    /// Counts one request until the returned guard is dropped.
    pub fn enter(&self) -> Counted {
        self.0.count.fetch_add(1, Ordering::Relaxed);
        Counted(self.clone())
    }

    /// Whether none is in flight now.
    pub fn is_none(&self) -> bool {
        self.0.count.load(Ordering::Acquire) == 0
    }

    /// Waits until none is in flight.
    pub async fn none(&self) {
        loop {
            // Made before the count is read, so the last request's notice is not missed.
            let empty = self.0.empty.notified();
            if self.is_none() {
                return;
            }
            empty.await;
        }
    }
}

/// One counted request.
#[derive(Debug)]
pub struct Counted(InFlight);

impl Drop for Counted {
    fn drop(&mut self) {
        let state = &*self.0.0;
        if state.count.fetch_sub(1, Ordering::Release) == 1 {
            state.empty.notify_waiters();
        }
    }
}

/// When the process waits no longer for the requests in flight.
#[derive(Debug, Default)]
pub struct LastMoment {
    is_here: AtomicBool,
    /// Several, so that the requests of all threads do not meet in one lock.
    come: [Notify; 16],
}

impl LastMoment {
    /// It is now.
    pub fn comes(&self) {
        self.is_here.store(true, Ordering::Release);
        for come in &self.come {
            come.notify_waiters();
        }
    }

    /// Whether it has come.
    pub fn is_here(&self) -> bool {
        self.is_here.load(Ordering::Acquire)
    }

    /// Waits for it. `number` tells those who wait apart, and may be any.
    pub async fn has_come(&self, number: usize) {
        let Some(come) = self.come.get(number % self.come.len()) else {
            // A remainder is less than what it is divided by.
            return;
        };
        // Made before the look, so that what comes in between is not missed.
        let come = come.notified();
        if !self.is_here() {
            come.await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn waits_for_the_last() {
        let in_flight = InFlight::default();
        let (one, two) = (in_flight.enter(), in_flight.enter());
        let waiting = tokio::spawn({
            let in_flight = in_flight.clone();
            async move { in_flight.none().await }
        });
        drop(one);
        tokio::task::yield_now().await;
        assert!(!waiting.is_finished());
        drop(two);
        waiting.await.unwrap();
    }

    #[tokio::test]
    async fn the_last_moment_comes_for_all() {
        let last = Arc::new(LastMoment::default());
        let waiting = tokio::spawn({
            let last = Arc::clone(&last);
            async move { last.has_come(17).await }
        });
        tokio::task::yield_now().await;
        assert!(!waiting.is_finished() && !last.is_here());
        last.comes();
        waiting.await.unwrap();
        // Who comes later does not wait.
        last.has_come(0).await;
    }
}
