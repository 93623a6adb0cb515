//! Refusals of requests for which the store was needed.

use std::time::Duration;

use tracing::warn;

use crate::clock::rarely::Rarely;
use crate::rejection::Rejection;
use crate::store::StoreError;

/// The refusal of a request for which the store was needed. The log says so once a minute, with the latest
/// error.
pub fn store_failed(error: &StoreError) -> Rejection {
    static FAILED: Rarely = Rarely::new();
    if let Some(times) = FAILED.due() {
        warn!(%error, times, "store failed");
    }
    Rejection::unavailable("store_unavailable", RETRY)
}

/// The refusal of a request during which sessions kept being ended.
pub(super) fn sessions_ending() -> Rejection {
    Rejection::unavailable("sessions_ending", RETRY)
}

/// The `Retry-After` of responses while the store does not respond.
const RETRY: Duration = Duration::from_secs(5);
