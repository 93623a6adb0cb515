//! Issuers' keys: parsing key sets, fetching them within bounds, keeping them fresh.
//!
//! One background task per issuer owns fetching ([`JwksService`]); requests read an atomic
//! snapshot ([`IssuerKeys::snapshot`]) and never fetch. A key that left a successful fetch loses
//! its [`KeyValidity`] at once, and with it every cached result that it vouched for.

mod configured;
mod error;
mod events;
mod fetch;
mod file;
mod issuer_keys;
mod key;
mod last_good;
mod roca;
mod service;
mod set;
mod source;
mod status;
#[cfg(test)]
mod tests;
mod unknown_kid;
mod wanted_kids;

pub use error::{FetchError, SourceError};
pub use events::{JwksEvents, NoEvents, UnknownKidAction};
pub use fetch::{DocumentSettings, Documents, Fetched};
pub use file::key_fault;
pub use issuer_keys::{IssuerKeys, NamedKey, Wanted};
pub use key::{KeyValidity, SkipReason, Thumbprints, VerifyingKey};
pub use last_good::{LastGood, StoredKeySet};
pub use service::JwksService;
pub use set::{Candidates, KeyHint, KeyMiss, KeySet, KeySetError};
pub use status::{FetchCounts, KeyRow, KeysStatus};
