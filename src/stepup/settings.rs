//! What a signed-in user can only do with a fresh assertion.

use schemars::JsonSchema;
use serde::Deserialize;

/// Step-up by assertions of the issuers.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(rename = "StepUp", deny_unknown_fields, default)]
pub struct StepUpSettings {
    /// The scopes that an assertion can ask for and that routes can require.
    pub scopes: Vec<String>,
    /// Elevated tokens are valid once, within 5 minutes; with `false` any number of times, within
    /// 10.
    pub single_use: bool,
    /// Accept assertions that do not say when they were issued (`iat`). Their age is then unknown:
    /// one that was issued long ago counts as fresh.
    #[schemars(extend("x-unsafe" = "an assertion that does not say when it was issued proves no recent sign-in"))]
    pub allow_missing_iat: bool,
}

impl Default for StepUpSettings {
    fn default() -> Self {
        Self {
            scopes: Vec::new(),
            single_use: true,
            allow_missing_iat: false,
        }
    }
}
