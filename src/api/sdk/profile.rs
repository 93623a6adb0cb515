//! `PUT users` and `DELETE users`: what users change of their own record, and its end.

use axum::extract::{ConnectInfo, State};
use axum::http::{HeaderMap, Method};
use axum::response::Response;
use bytes::Bytes;
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::environment::Environment;
use super::user::VerifyResponse;
use super::{SdkError, body, example, presented, refusals, session, sign_in};
use crate::api::{ApiState, Caller};
use crate::claims::ProfileField;
use crate::exchange::{Account, Session, store_failed};
use crate::rejection::{Code, Rejection};
use crate::session::scope;
use crate::stepup::{self, ELEVATED_FIELD};
use crate::store::{Description, LONGEST_FIELD, User};

/// What a user changes. Null, or an empty text, takes a field away; what is not named stays.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
#[expect(dead_code, reason = "describes what is read as JSON")]
pub struct UserFields {
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

/// The user changes their own profile and metadata, as far as the gateway is configured so. What
/// cannot be changed here, such as an address, is refused by its name.
#[utoipa::path(
    put,
    path = "/users",
    operation_id = "updateSelf",
    tag = "sdk",
    params(Environment),
    request_body(content = UserFields, example = json!({ "firstName": "Alice" })),
    security(("session_token" = []), ("session_cookie" = []), ("sdk_cookie" = [])),
    responses(
        (
            status = 200,
            description = "The user and a new session token, as for a refresh.",
            body = VerifyResponse<'static>,
            headers(("set-cookie" = String)),
            example = json!(example::signed_in())
        ),
        refusals::Change
    )
)]
pub async fn update(
    State(api): State<ApiState>,
    ConnectInfo(caller): ConnectInfo<Caller>,
    headers: HeaderMap,
    content: Bytes,
) -> Result<Response, SdkError> {
    presented::credential(&api, &caller, &Method::PUT, &headers)?;
    if api.settings.keeps_in_cookie(&headers) {
        api.settings
            .check_cookie_use(&caller, &Method::PUT, &headers)?;
    }
    let (credential, session) =
        presented::session_of(&api, &caller, &Method::PUT, &headers).await?;
    session.require_scope(scope::BASIC)?;
    let account = api.exchange.sessions().account(&session).await?;
    let terms = session::terms_of(&api, &headers, &credential, (&session, &account)).await?;
    let fields: Map<String, Value> = body::read(&content)?;
    let description = description(&api, &account, fields)?;
    may_change(&api, &caller, &headers, &session, UPDATE).await?;
    let user = api
        .exchange
        .sessions()
        .describe_user(session.user(), description)
        .await;
    let user = user.map_err(|error| store_failed(&error))?;
    let account = Account {
        user: user.ok_or_else(nobody)?,
        ..account
    };
    sign_in::answer_with(&api, &headers, (&account, &terms), Some("done"))
}

/// The user deletes their own account, with all sessions.
#[utoipa::path(
    delete,
    path = "/users",
    operation_id = "hardDeleteUser",
    tag = "sdk",
    params(Environment),
    security(("session_token" = []), ("session_cookie" = []), ("sdk_cookie" = [])),
    responses(
        (
            status = 204,
            description = "The user is deleted, and so is the SDK's cookie.",
            headers(("set-cookie" = String))
        ),
        refusals::Delete
    )
)]
pub async fn delete(
    State(api): State<ApiState>,
    ConnectInfo(caller): ConnectInfo<Caller>,
    headers: HeaderMap,
) -> Result<Response, SdkError> {
    let session = presented::signed_in(&api, &caller, &Method::DELETE, &headers).await?;
    if !api.settings.self_service.delete {
        return Err(Rejection::new(Code::Forbidden, "self_service_off").into());
    }
    may_change(&api, &caller, &headers, &session, DELETE).await?;
    let user = api.exchange.sessions().delete_user(session.user()).await;
    user.map_err(|error| store_failed(&error))?
        .ok_or_else(nobody)?;
    Ok(session::signed_out(&api, &headers))
}

/// Whether the user may change their record now: seldom enough, and with a fresh proof where one is
/// asked for.
async fn may_change(
    api: &ApiState,
    caller: &Caller,
    headers: &HeaderMap,
    session: &Session,
    scope: &str,
) -> Result<(), Rejection> {
    api.limits.change(caller.address, session.user())?;
    if !api.settings.step_up.guards(scope) {
        return Ok(());
    }
    let shown = headers.get(ELEVATED_FIELD).map(|shown| shown.as_bytes());
    stepup::require(&api.exchange, session, scope, shown).await
}

/// What the members ask for.
fn description(
    api: &ApiState,
    account: &Account,
    fields: Map<String, Value>,
) -> Result<Description, SdkError> {
    let allowed = &api.settings.self_service;
    let issuers = api.exchange.issuers();
    // Of any whose user it is, not of the session's alone: the next login by another would say otherwise.
    let is_issuers = |field: &ProfileField| {
        let credentials = account.user.credentials.iter();
        credentials
            .filter_map(|credential| issuers.get(&credential.iss))
            .any(|issuer| issuer.settings().profile_claims.contains_key(field))
    };
    let mut description = Description::default();
    for (member, value) in fields {
        let field = ProfileField::named(&member);
        let field = field.filter(|field| allowed.profile.contains(field) && !is_issuers(field));
        match (field, value) {
            (Some(field), Value::Null) => description.profile.push((field, None)),
            (Some(_), Value::String(text)) if text.len() > LONGEST_FIELD => {
                return Err(SdkError::unfit(
                    &member,
                    "body_member_too_long",
                    "is too long",
                ));
            }
            (Some(field), Value::String(text)) => description.profile.push((field, Some(text))),
            (None, Value::Object(metadata)) if member == "metadata" && allowed.metadata => {
                if Value::Object(metadata.clone()).to_string().len() > MOST_METADATA {
                    let why = "is larger than 16 KiB";
                    return Err(SdkError::unfit(&member, "body_member_too_long", why));
                }
                description.metadata = Some(metadata);
            }
            (None, Value::Null) if member == "metadata" && allowed.metadata => {
                description.metadata = Some(Map::new());
            }
            // Clients send what they have nothing of, too.
            (None, Value::Null) if !says(&account.user, &member) => {}
            (None, _) if member != "metadata" || !allowed.metadata => {
                let why = "cannot be changed here";
                return Err(SdkError::unfit(&member, "body_member_fixed", why));
            }
            _ => return Err(SdkError::wrong_type(&member)),
        }
    }
    Ok(description)
}

/// Whether a user's record has something that can be changed by this name.
fn says(user: &User, member: &str) -> bool {
    match ProfileField::named(member) {
        Some(field) => user.profile.get(field).is_some(),
        None => member == "metadata" && !user.metadata.is_empty(),
    }
}

/// The session is nobody's who is kept here.
fn nobody() -> Rejection {
    Rejection::new(Code::Forbidden, "user_not_kept")
}

/// The scopes that `step_up` may guard.
const UPDATE: &str = "user:update";
const DELETE: &str = "user:delete";
/// In bytes of JSON.
const MOST_METADATA: usize = 16 << 10;
