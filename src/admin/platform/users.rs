//! Users in the form of the platform's own admin API: list, get, create, update, delete.

use axum::Json;
use axum::extract::{RawQuery, State};
use axum::http::StatusCode;
use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;
use uuid::Uuid;

use super::check;
use super::user::{PlatformUser, UserBody, UserFields, listed};
use super::users_query::UsersQuery;
use crate::admin::access::Operator;
use crate::admin::api_error::ApiError;
use crate::admin::body::{Body, Items, Path};
use crate::admin::{AdminState, refusals, users};
use crate::store::User;

/// One user.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = PlatformUserResponse)]
pub struct UserResponse {
    user: PlatformUser,
}

/// A part of the users, newest first.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = PlatformUsersResponse)]
pub struct UsersResponse {
    /// How many there are in this part.
    count: usize,
    users: Vec<PlatformUser>,
    /// What to send as `cursor` for the next part; null after the last.
    next_cursor: Option<String>,
}

/// List users, newest first.
#[utoipa::path(
    get,
    path = "/api/v0/environments/{environment}/users",
    operation_id = "listUsersAsPlatform",
    tag = "platform",
    params(
        ("environment" = Uuid, Path),
        ("filter[filterColumn]" = Option<String>, Query, description = "`all`, `id`, `email` or \
            `accountId`, which is the `sub` at any issuer."),
        ("filter[filterValue]" = Option<String>, Query, description = "The value to look for."),
        ("limit" = Option<usize>, Query, description = "At most 1000, or 100 with sessions."),
        ("offset" = Option<usize>, Query, description = "How many to leave out, at most 10000."),
        ("cursor" = Option<String>, Query, description = "The `nextCursor` of the part before."),
        ("includeSessions" = Option<bool>, Query, description = "Also list each user's newest \
            sessions."),
    ),
    responses(
        (status = 200, description = "One part.", body = UsersResponse),
        refusals::Look, refusals::BadRequest, refusals::Missing, refusals::Invalid,
        refusals::Unavailable,
    ),
)]
pub async fn list(
    State(state): State<AdminState>,
    Path(environment): Path<Uuid>,
    RawQuery(query): RawQuery,
) -> Result<Json<UsersResponse>, ApiError> {
    check(&state, environment)?;
    let query = UsersQuery::read(query.as_deref().unwrap_or_default())?;
    let page = query.find(&state).await?;
    let mut users = Vec::with_capacity(page.items.len());
    for user in page.items {
        users.push(listed(&state, user, query.includes_sessions).await?);
    }
    Ok(Json(UsersResponse {
        count: users.len(),
        users,
        next_cursor: page.next,
    }))
}

/// Create a user before the first sign-in: by `externalUserId`, the `sub` of the user's tokens, or
/// by `email`, which the first token with that verified address then belongs to.
#[utoipa::path(
    post,
    path = "/api/v0/environments/{environment}/users",
    operation_id = "createUserAsPlatform",
    tag = "platform",
    params(("environment" = Uuid, Path)),
    request_body = UserBody,
    responses(
        (status = 201, description = "The user.", body = UserResponse),
        refusals::Change, refusals::Missing, refusals::Conflict, refusals::TooLarge,
        refusals::Invalid, refusals::Unavailable,
    ),
)]
pub async fn create(
    State(state): State<AdminState>,
    operator: Operator,
    Path(environment): Path<Uuid>,
    Body(sent): Body<Map<String, Value>>,
) -> Result<(StatusCode, Json<UserResponse>), ApiError> {
    check(&state, environment)?;
    let new = UserFields::read(sent)?.into_new_user(&state)?;
    let user = state.store.create_user(new).await?;
    users::record(&state, &operator, "user.create", user.id).await;
    Ok((StatusCode::CREATED, answer(&state, user).await?))
}

/// Show a user with the newest sessions.
#[utoipa::path(
    get,
    path = "/api/v0/environments/{environment}/users/{user}",
    operation_id = "showUserAsPlatform",
    tag = "platform",
    params(("environment" = Uuid, Path), ("user" = Uuid, Path)),
    responses(
        (status = 200, description = "The user.", body = UserResponse),
        refusals::Look, refusals::Missing, refusals::Unavailable,
    ),
)]
pub async fn show(
    State(state): State<AdminState>,
    Path((environment, user)): Path<(Uuid, Uuid)>,
) -> Result<Json<UserResponse>, ApiError> {
    check(&state, environment)?;
    let user = state.store.user(user).await?;
    answer(&state, user.ok_or_else(|| ApiError::not_found("user"))?).await
}

/// Change a user's profile and metadata. What is not sent stays; null takes a field away.
#[utoipa::path(
    put,
    path = "/api/v0/environments/{environment}/users/{user}",
    operation_id = "updateUserAsPlatform",
    tag = "platform",
    params(("environment" = Uuid, Path), ("user" = Uuid, Path)),
    request_body = UserBody,
    responses(
        (status = 200, description = "The user afterwards.", body = UserResponse),
        refusals::Change, refusals::Missing, refusals::TooLarge, refusals::Invalid,
        refusals::Unavailable,
    ),
)]
pub async fn update(
    State(state): State<AdminState>,
    operator: Operator,
    Path((environment, id)): Path<(Uuid, Uuid)>,
    Body(sent): Body<Map<String, Value>>,
) -> Result<Json<UserResponse>, ApiError> {
    check(&state, environment)?;
    let description = UserFields::read(sent)?.into_description()?;
    let changed = users::changed(&description);
    let user = state
        .exchange()
        .sessions()
        .describe_user(id, description)
        .await?;
    let user = user.ok_or_else(|| ApiError::not_found("user"))?;
    users::record_update(&state, &operator, id, changed).await;
    answer(&state, user).await
}

/// Delete a user with all credentials and sessions.
#[utoipa::path(
    delete,
    path = "/api/v0/environments/{environment}/users/{user}",
    operation_id = "deleteUserAsPlatform",
    tag = "platform",
    params(("environment" = Uuid, Path), ("user" = Uuid, Path)),
    responses(
        (status = 204, description = "Done."),
        refusals::Change, refusals::Missing, refusals::Unavailable,
    ),
)]
pub async fn delete(
    State(state): State<AdminState>,
    operator: Operator,
    Path((environment, user)): Path<(Uuid, Uuid)>,
) -> Result<StatusCode, ApiError> {
    check(&state, environment)?;
    users::remove(&state, &operator, user).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn answer(state: &AdminState, user: User) -> Result<Json<UserResponse>, ApiError> {
    let user = listed(state, user, true).await?;
    Ok(Json(UserResponse { user }))
}

/// What became of the users of one call.
#[derive(Debug, Default, Serialize, ToSchema)]
#[schema(as = PlatformBulkResponse)]
pub struct BulkResponse {
    created: Vec<PlatformUser>,
    updated: Vec<PlatformUser>,
    failed: Vec<Failed>,
    /// How many were sent.
    total: usize,
}

/// A user who was not created.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = PlatformBulkFailure)]
pub struct Failed {
    /// Where it was in the list, from 0.
    index: usize,
    /// A sentence for people.
    error: String,
    /// A stable word for programs.
    #[schema(value_type = String)]
    code: &'static str,
}

/// Create up to 100 users. With `upsert`, one that the issuer knows gets the profile and metadata that
/// were sent. Each succeeds or fails by itself.
#[utoipa::path(
    post,
    path = "/api/v0/environments/{environment}/users/bulk",
    operation_id = "createUsersAsPlatform",
    tag = "platform",
    params(("environment" = Uuid, Path), ("upsert" = Option<bool>, Query)),
    request_body = Vec<UserBody>,
    responses(
        (status = 201, description = "What became of each.", body = BulkResponse),
        refusals::Change, refusals::BadRequest, refusals::Missing, refusals::TooLarge,
        refusals::Invalid, refusals::Unavailable,
    ),
)]
pub async fn bulk(
    State(state): State<AdminState>,
    operator: Operator,
    Path(environment): Path<Uuid>,
    RawQuery(query): RawQuery,
    Items(sent): Items<Map<String, Value>>,
) -> Result<(StatusCode, Json<BulkResponse>), ApiError> {
    check(&state, environment)?;
    if sent.len() > MOST_USERS {
        return Err(ApiError::new(
            StatusCode::UNPROCESSABLE_ENTITY,
            "unprocessable",
            format!("at most {MOST_USERS} users at once"),
        ));
    }
    let query = query.unwrap_or_default();
    let upsert = query.split('&').any(|pair| pair == "upsert=true");
    let mut answer = BulkResponse {
        total: sent.len(),
        ..BulkResponse::default()
    };
    for (index, sent) in sent.into_iter().enumerate() {
        match put(&state, &operator, sent, upsert).await {
            Ok((user, true)) => answer.created.push(user),
            Ok((user, false)) => answer.updated.push(user),
            Err(error) if error.status.is_server_error() => return Err(error),
            Err(ApiError { code, message, .. }) => answer.failed.push(Failed {
                index,
                error: message,
                code,
            }),
        }
    }
    Ok((StatusCode::CREATED, Json(answer)))
}

/// Creates the user, or describes the one who exists; whether the user is new.
async fn put(
    state: &AdminState,
    operator: &Operator,
    sent: Map<String, Value>,
    upsert: bool,
) -> Result<(PlatformUser, bool), ApiError> {
    let new = UserFields::read(sent)?.into_new_user(state)?;
    let error = match state.store.create_user(new.clone()).await {
        Ok(user) => {
            users::record(state, operator, "user.create", user.id).await;
            return Ok((listed(state, user, false).await?, true));
        }
        Err(error) => error,
    };
    let conflicts = matches!(error, crate::store::StoreError::Conflict(_));
    let known = match (&new.sub, conflicts && upsert) {
        (_, false) => None,
        (Some(sub), true) => {
            let found = state.store.user_by_identity(&new.iss, sub.as_str()).await;
            found?
        }
        (None, true) => super::users_query::by_email(state, &new.iss, new.email.as_ref()).await?,
    };
    let Some(known) = known else {
        return Err(error.into());
    };
    let changed = users::changed(&new.description);
    let described = state
        .exchange()
        .sessions()
        .describe_user(known.id, new.description)
        .await?;
    let user = described.ok_or_else(|| ApiError::not_found("user"))?;
    users::record_update(state, operator, user.id, changed).await;
    Ok((listed(state, user, false).await?, false))
}

/// Users that one call may create.
const MOST_USERS: usize = 100;
