//! What may happen a single time.

use async_trait::async_trait;

use super::{StoreError, Use, Used};

/// The ids that have been used up, so that what is sent again has no effect.
#[async_trait]
pub trait ReplayGuard {
    /// Uses an id up, unless it was used up before or for what it excludes.
    async fn use_up(&self, usage: Use) -> Result<Used, StoreError>;
}
