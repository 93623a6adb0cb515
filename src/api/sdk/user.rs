//! Users and sign-ins as the SDKs show them, in camelCase but for what the platform spells
//! otherwise.

use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::clock::UnixTime;
use crate::exchange::Account;
use crate::session::claims::VerifiedCredential;

/// The answer to a sign-in and to a refresh.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct VerifyResponse<'a> {
    /// Who signed in.
    pub user: SdkUser<'a>,
    /// When the client signs out, in seconds since 1970: with its token.
    #[schema(value_type = u64)]
    pub expires_at: UnixTime,
    /// The session token. Absent where the gateway keeps it in a cookie.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub minified_jwt: Option<String>,
    /// The full account. Absent with the session token.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub jwt: Option<String>,
}

/// A user, in the format of the platform's SDKs.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct SdkUser<'a> {
    id: Uuid,
    project_environment_id: Uuid,
    verified_credentials: Vec<VerifiedCredential<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_verified_credential_id: Option<Uuid>,
    session_id: Uuid,
    #[serde(skip_serializing_if = "Option::is_none")]
    email: Option<&'a str>,
    new_user: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    first_visit: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_visit: Option<String>,
    /// What the session token allows, words apart by spaces.
    scope: &'a str,
    #[schema(value_type = Vec<String>, max_items = 0)]
    missing_fields: [(); 0],
    #[schema(value_type = Object)]
    metadata: &'a Map<String, Value>,
}

impl<'a> SdkUser<'a> {
    /// The user of an account, for a token with `scope`; `new_user` if this sign-in created the
    /// user.
    pub fn new(account: &'a Account, environment_id: Uuid, new_user: bool, scope: &'a str) -> Self {
        let Account { user, session } = account;
        let external = user.external_credential(&session.iss);
        Self {
            id: user.id,
            project_environment_id: environment_id,
            verified_credentials: user
                .credentials
                .iter()
                .map(VerifiedCredential::new)
                .collect(),
            last_verified_credential_id: external.map(|credential| credential.id),
            session_id: session.sid,
            email: user.email(&session.iss),
            new_user,
            first_visit: user.first_visit.map(UnixTime::rfc3339),
            last_visit: user.last_visit.map(UnixTime::rfc3339),
            scope,
            missing_fields: [],
            metadata: &user.metadata,
        }
    }
}
