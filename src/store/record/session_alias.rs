//! Another name of a session.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::clock::UnixTime;

/// The session of another name, which is known by its hash alone: a cookie of the gateway, or the
/// issuer's `sid` of its login.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionAlias {
    /// The session's id.
    pub sid: Uuid,
    /// When the name expires.
    pub until: UnixTime,
}
