//! What an operator or the gateway did.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::clock::UnixTime;

/// What an operator or the gateway did, for those who look later.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AuditRecord {
    /// UUIDv7: records sort by time.
    pub id: Uuid,
    /// When it happened.
    pub at: UnixTime,
    /// Who: an operator's name, or `gateway`.
    pub actor: String,
    /// What, such as `user.block`.
    pub action: String,
    /// To whom or what, by id or name.
    #[serde(default)]
    pub target: Option<String>,
    /// More about it; nothing secret.
    #[serde(default)]
    #[schema(value_type = Object)]
    pub detail: Map<String, Value>,
}
