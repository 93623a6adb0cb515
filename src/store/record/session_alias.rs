//! The session behind a cookie.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::clock::UnixTime;

/// The session behind a cookie of the gateway, which is known by its hash alone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionAlias {
    /// The session's id.
    pub sid: Uuid,
    /// When the cookie expires.
    pub until: UnixTime,
}
