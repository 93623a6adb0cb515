//! How many requests an upstream has at once, and how many wait for it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use prometheus::IntGauge;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

use super::settings::Settings;
use crate::rejection::Overload;

/// The permits of one upstream, and the queue before them.
#[derive(Debug)]
pub(super) struct RequestLimit {
    free: Arc<Semaphore>,
    waiting: AtomicU32,
    shown: IntGauge,
    most_waiting: u32,
    patience: Duration,
}

/// One request's turn, until it is dropped.
#[derive(Debug)]
pub struct UpstreamPermit(#[expect(dead_code, reason = "is held")] OwnedSemaphorePermit);

impl RequestLimit {
    pub(super) fn new(settings: &Settings, shown: IntGauge) -> Self {
        let most = settings
            .max_requests
            .map_or(Semaphore::MAX_PERMITS, |most| {
                usize::try_from(most.get()).unwrap_or(Semaphore::MAX_PERMITS)
            });
        Self {
            free: Arc::new(Semaphore::new(most.min(Semaphore::MAX_PERMITS))),
            waiting: AtomicU32::new(0),
            shown,
            most_waiting: settings.max_waiting,
            patience: settings.queue_timeout,
        }
    }

    /// Takes a permit; waits for one when there is none, but neither for long nor with many others.
    pub(super) async fn take(&self) -> Result<UpstreamPermit, Overload> {
        if let Ok(permit) = Arc::clone(&self.free).try_acquire_owned() {
            return Ok(UpstreamPermit(permit));
        }
        let before = self.waiting.fetch_add(1, Ordering::Relaxed);
        // Whoever leaves while waiting is dropped here.
        let _waits = Waits(self);
        self.shown.inc();
        if before >= self.most_waiting {
            return Err(Overload::Upstream);
        }
        match timeout(self.patience, Arc::clone(&self.free).acquire_owned()).await {
            Ok(Ok(permit)) => Ok(UpstreamPermit(permit)),
            // It is never closed.
            Ok(Err(_)) | Err(_) => Err(Overload::UpstreamWait),
        }
    }
}

struct Waits<'a>(&'a RequestLimit);

impl Drop for Waits<'_> {
    fn drop(&mut self) {
        self.0.waiting.fetch_sub(1, Ordering::Relaxed);
        self.0.shown.dec();
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn limit(settings: serde_json::Value) -> RequestLimit {
        let shown = IntGauge::new("waiting", "Waiting.").unwrap();
        RequestLimit::new(&serde_json::from_value(settings).unwrap(), shown)
    }

    #[tokio::test]
    async fn some_are_served_some_wait_and_others_are_refused() {
        let permits = limit(json!({
            "servers": ["a.test:1"], "max_requests": 1, "max_waiting": 1, "queue_timeout": "1h",
        }));
        let first = permits.take().await.unwrap();
        let waiting = permits.take();
        tokio::pin!(waiting);
        assert!(futures::poll!(&mut waiting).is_pending());
        assert_eq!(permits.take().await.unwrap_err(), Overload::Upstream);
        drop(first);
        assert!(waiting.await.is_ok());
    }

    #[tokio::test]
    async fn nobody_waits_for_longer_than_the_queue_allows() {
        let permits = limit(json!({
            "servers": ["a.test:1"], "max_requests": 1, "queue_timeout": "1ms",
        }));
        let first = permits.take().await.unwrap();
        assert_eq!(permits.take().await.unwrap_err(), Overload::UpstreamWait);
        drop(first);
        assert!(permits.take().await.is_ok());
        assert_eq!(permits.waiting.load(Ordering::Relaxed), 0);
    }
}
