//! Settings for the platform's SDKs.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::canonical::CookieSetting;
use crate::claims::ProfileField;

/// The SDK protocol under `{api}/api/v0/sdk`.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(rename = "Sdk", deny_unknown_fields, default)]
pub struct SdkSettings {
    /// The name of the issuer whose settings SDKs see; by default the only issuer.
    pub issuer: Option<String>,
    /// Keep the session token in the HttpOnly cookie `DYNAMIC_JWT_TOKEN` instead of handing it to
    /// the page. `{domain: example.com}` sets it for all hosts of that domain. Programs and apps, whose
    /// requests have neither `Origin` nor `Sec-Fetch-Site` nor a cookie with a token, get the token itself.
    pub cookie: CookieSetting,
    /// What users can change of their own record.
    pub self_service: SelfService,
}

/// What users can change of their own record by their session. A scope of `step_up.scopes` named
/// `user:update` or `user:delete` also asks for an elevated token.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct SelfService {
    /// The fields of the profile that they can change. One that tokens of an issuer of theirs carry
    /// (`claims`) stays that issuer's.
    pub profile: Vec<ProfileField>,
    /// Whether they can write their metadata, up to 16 KiB. Turn it off if operators keep there
    /// what users must not change.
    pub metadata: bool,
    /// Whether they can delete their account.
    pub delete: bool,
}

impl Default for SelfService {
    fn default() -> Self {
        Self {
            profile: ProfileField::ALL.to_vec(),
            metadata: true,
            delete: true,
        }
    }
}
