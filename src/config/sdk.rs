//! Settings for the platform's SDKs.

use schemars::JsonSchema;
use serde::Deserialize;

/// The SDK protocol under `{api}/api/v0/sdk`.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Sdk {
    /// The name of the issuer whose settings SDKs see; by default the only issuer.
    pub issuer: Option<String>,
    /// Keep the session token in the HttpOnly cookie `DYNAMIC_JWT_TOKEN` instead of handing it to
    /// the page.
    pub cookie: bool,
}
