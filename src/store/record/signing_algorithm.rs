//! What session tokens are signed with.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The algorithm that signs session tokens (RFC 7518 section 3.1, RFC 8037).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema, ToSchema)]
#[allow(missing_docs, reason = "the names are the registered ones")]
pub enum SigningAlgorithm {
    ES256,
    EdDSA,
    RS256,
}
