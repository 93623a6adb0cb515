//! What a signed-in user may do only with a fresh assertion.

use schemars::JsonSchema;
use serde::Deserialize;

/// Step-up by assertions of the issuers.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct StepUp {
    /// The scopes that an assertion may ask for, and routes may demand.
    pub scopes: Vec<String>,
    /// An elevated token works once within 5 minutes; else any number of times within 10.
    pub single_use: bool,
}

impl Default for StepUp {
    fn default() -> Self {
        Self {
            scopes: Vec::new(),
            single_use: true,
        }
    }
}
