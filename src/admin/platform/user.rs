//! A user as the platform's clients read and write one.

use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;
use uuid::Uuid;

use super::sessions::Session;
use crate::admin::AdminState;
use crate::admin::api_error::ApiError;
use crate::admin::sessions::SessionRow;
use crate::claims::ProfileField;
use crate::clock::UnixTime;
use crate::diagnostic::Diagnostic;
use crate::session::claims::VerifiedCredential;
use crate::store::{
    Description, Email, Identifier, LONGEST_FIELD, NewUser, PageRequest, Profile, User,
};

/// A user, as the platform's clients read one.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct PlatformUser {
    id: Uuid,
    project_environment_id: Uuid,
    #[schema(value_type = Vec<Object>)]
    verified_credentials: Value,
    #[serde(skip_serializing_if = "Option::is_none")]
    email: Option<String>,
    #[serde(flatten)]
    #[schema(value_type = Object)]
    profile: Profile,
    /// RFC 3339.
    created_at: String,
    /// RFC 3339.
    #[serde(skip_serializing_if = "Option::is_none")]
    first_visit: Option<String>,
    /// RFC 3339.
    #[serde(skip_serializing_if = "Option::is_none")]
    last_visit: Option<String>,
    #[schema(value_type = Object)]
    metadata: Map<String, Value>,
    /// The user is refused everywhere.
    blocked: bool,
    /// The newest.
    #[serde(skip_serializing_if = "Option::is_none")]
    sessions: Option<Vec<Session>>,
}

/// A user with the newest sessions, if they are asked for.
///
/// # Errors
///
/// The store does not answer.
pub async fn listed(
    state: &AdminState,
    user: User,
    with_sessions: bool,
) -> Result<PlatformUser, ApiError> {
    let sessions = match with_sessions {
        false => None,
        true => {
            let page = PageRequest::first(SHOWN_SESSIONS);
            let sessions = state.store.sessions(Some(user.id), page).await?;
            let sessions = sessions.items.into_iter().map(SessionRow::from);
            Some(sessions.map(Session::from).collect())
        }
    };
    let credentials: Vec<_> = user
        .credentials
        .iter()
        .map(VerifiedCredential::new)
        .collect();
    Ok(PlatformUser {
        id: user.id,
        project_environment_id: state.exchange().minter().environment_id,
        // Of texts: this cannot fail.
        verified_credentials: serde_json::to_value(credentials).unwrap_or_default(),
        email: user.email("").map(str::to_owned),
        created_at: user.created_at.rfc3339(),
        first_visit: user.first_visit.map(UnixTime::rfc3339),
        last_visit: user.last_visit.map(UnixTime::rfc3339),
        profile: user.profile,
        metadata: user.metadata,
        blocked: user.blocked,
        sessions,
    })
}

/// What operators write of a user. Null takes a field away; what is not sent stays.
#[derive(ToSchema)]
#[schema(as = PlatformUserFields, rename_all = "camelCase")]
#[expect(dead_code, reason = "describes what is read as JSON")]
pub struct UserBody {
    /// An address that the operator vouches for; of a new user only.
    email: Option<String>,
    /// The `sub` of the user's tokens; of a new user only.
    external_user_id: Option<String>,
    /// The issuer, by its name or `iss`; by default the one whose settings SDKs see.
    issuer: Option<String>,
    alias: Option<String>,
    country: Option<String>,
    first_name: Option<String>,
    job_title: Option<String>,
    last_name: Option<String>,
    phone_number: Option<String>,
    picture: Option<String>,
    t_shirt_size: Option<String>,
    team: Option<String>,
    username: Option<String>,
    /// Replaces all metadata; null leaves none.
    #[schema(value_type = Option<Object>)]
    metadata: Option<Map<String, Value>>,
}

/// The members of a request about a user, read and checked.
#[derive(Debug, Default)]
pub struct UserFields {
    email: Option<Email>,
    external_user_id: Option<Identifier>,
    issuer: Option<String>,
    profile: Vec<(ProfileField, Option<String>)>,
    metadata: Option<Map<String, Value>>,
}

impl UserFields {
    /// From what was sent.
    ///
    /// # Errors
    ///
    /// A member has the wrong type, is too long, or is one that this gateway has no use for.
    pub fn read(sent: Map<String, Value>) -> Result<Self, ApiError> {
        let mut fields = Self::default();
        let mut problems = Vec::new();
        for (member, value) in sent {
            let mut refuse = |why: &str| problems.push(Diagnostic::error(member.as_str(), why));
            match (ProfileField::named(&member), member.as_str(), value) {
                (Some(field), _, Value::Null) => fields.profile.push((field, None)),
                (Some(_), _, Value::String(text)) if text.len() > LONGEST_FIELD => {
                    refuse("is longer than 512 bytes");
                }
                (Some(field), _, Value::String(text)) => fields.profile.push((field, Some(text))),
                (None, "email", Value::String(email)) => match Email::parse(&email) {
                    None => refuse(Email::RULE),
                    email => fields.email = email,
                },
                (None, "externalUserId", Value::String(id)) => match Identifier::parse(&id) {
                    None => refuse(Identifier::RULE),
                    id => fields.external_user_id = id,
                },
                (None, "issuer", Value::String(issuer)) => fields.issuer = Some(issuer),
                (None, "metadata", Value::Object(metadata)) => fields.metadata = Some(metadata),
                (None, "metadata", Value::Null) => fields.metadata = Some(Map::new()),
                // An operator's word on an address needs no time.
                (None, "emailVerifiedAt", _) | (None, _, Value::Null) => {}
                (Some(_), _, _) | (None, "email" | "externalUserId" | "issuer" | "metadata", _) => {
                    refuse("has the wrong type");
                }
                _ => refuse("is not supported"),
            }
        }
        match problems.is_empty() {
            true => Ok(fields),
            false => Err(problems.into()),
        }
    }

    /// A user to create.
    ///
    /// # Errors
    ///
    /// There is nothing to know the user by, or no such issuer.
    pub fn into_new_user(self, state: &AdminState) -> Result<NewUser, ApiError> {
        if self.external_user_id.is_none() && self.email.is_none() {
            let why = "missing; `email` or `externalUserId` says who the user is";
            return Err(vec![Diagnostic::error("email", why)].into());
        }
        let view = state.live_config.view();
        let named = self.issuer.as_deref();
        let by_default = view.config.sdk_issuer().map(|issuer| issuer.name.as_str());
        let issuer = named.or(by_default).ok_or_else(|| {
            let why = "missing; there are several issuers, or none";
            vec![Diagnostic::error("issuer", why)]
        })?;
        Ok(NewUser {
            iss: crate::admin::users::iss_of(state, issuer)?,
            sub: self.external_user_id,
            email: self.email,
            description: Description {
                profile: self.profile,
                metadata: self.metadata,
            },
            now: UnixTime::now(),
        })
    }

    /// What to write of a user who exists.
    ///
    /// # Errors
    ///
    /// It says what only a new user gets.
    pub fn into_description(self) -> Result<Description, ApiError> {
        let fixed = [
            ("email", self.email.is_some()),
            ("externalUserId", self.external_user_id.is_some()),
            ("issuer", self.issuer.is_some()),
        ];
        let fixed = fixed.iter().filter(|(_, sent)| *sent);
        let problems: Vec<_> = fixed
            .map(|(member, _)| Diagnostic::error(*member, "comes from the issuer's tokens"))
            .collect();
        match problems.is_empty() {
            true => Ok(Description {
                profile: self.profile,
                metadata: self.metadata,
            }),
            false => Err(problems.into()),
        }
    }
}

const SHOWN_SESSIONS: usize = 20;
