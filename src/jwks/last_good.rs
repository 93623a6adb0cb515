//! Key sets kept over a restart.

use crate::clock::UnixTime;

/// Stores the last valid response of each issuer, so that a gateway can start while an issuer is
/// down. Both functions may block, and are called from threads where that is allowed.
pub trait LastGood: Send + Sync {
    /// What was kept for this issuer from this source, if anything.
    fn load(&self, issuer_name: &str, source: &str) -> Option<StoredKeySet>;

    /// Keeps an answer in place of the former one. A failure to keep it is not the caller's
    /// concern.
    fn save(&self, issuer_name: &str, source: &str, kept: &StoredKeySet);
}

/// An answer as it came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredKeySet {
    /// The body of the answer, a key set's JSON text. It is parsed and checked again when used.
    pub body: Vec<u8>,
    /// When the issuer last confirmed it.
    pub fetched_at: UnixTime,
}
