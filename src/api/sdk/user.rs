//! Users and sign-ins as the SDKs show them, in camelCase but for what the platform spells
//! otherwise.

use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::claims::ProfileField;
use crate::clock::UnixTime;
use crate::exchange::Account;
use crate::session::claims::VerifiedCredential;
use crate::store::Profile;

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
    /// After a change of the user, what is left to do: `done`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub next_view: Option<&'static str>,
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
    #[serde(flatten)]
    profile: ProfileMembers<'a>,
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

/// What a user is called, and the like; nothing that is verified.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ProfileMembers<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    alias: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    country: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    first_name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    job_title: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    phone_number: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    picture: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    t_shirt_size: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    team: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    username: Option<&'a str>,
}

impl<'a> ProfileMembers<'a> {
    /// The members of a profile.
    pub fn new(profile: &'a Profile) -> Self {
        Self {
            alias: profile.get(ProfileField::Alias),
            country: profile.get(ProfileField::Country),
            first_name: profile.get(ProfileField::FirstName),
            job_title: profile.get(ProfileField::JobTitle),
            last_name: profile.get(ProfileField::LastName),
            phone_number: profile.get(ProfileField::PhoneNumber),
            picture: profile.get(ProfileField::Picture),
            t_shirt_size: profile.get(ProfileField::TShirtSize),
            team: profile.get(ProfileField::Team),
            username: profile.get(ProfileField::Username),
        }
    }
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
            profile: ProfileMembers::new(&user.profile),
            new_user,
            first_visit: user.first_visit.map(UnixTime::rfc3339),
            last_visit: user.last_visit.map(UnixTime::rfc3339),
            scope,
            missing_fields: [],
            metadata: &user.metadata,
        }
    }
}
