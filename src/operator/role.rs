//! What operators can do.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What an operator can do. Each role includes the previous one.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    JsonSchema,
    utoipa::ToSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Can see everything and change nothing.
    #[default]
    Viewer,
    /// Can see and change everything.
    Admin,
}

impl Role {
    /// Its name in the configuration and the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Viewer => "viewer",
            Self::Admin => "admin",
        }
    }
}
