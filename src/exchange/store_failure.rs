//! Refusals of requests for which the store was needed.

use std::time::Duration;

use tracing::warn;

use crate::rejection::Rejection;
use crate::store::StoreError;

/// The refusal of a request for which the store was needed, logged.
pub fn store_failed(error: &StoreError) -> Rejection {
    warn!(%error, "store failed");
    Rejection::unavailable("store_unavailable", RETRY)
}

/// The refusal of a request during which sessions kept being ended.
pub(super) fn sessions_ending() -> Rejection {
    Rejection::unavailable("sessions_ending", RETRY)
}

/// The `Retry-After` of responses while the store does not respond.
const RETRY: Duration = Duration::from_secs(5);
