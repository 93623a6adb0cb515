//! Users as operators find, make, block and delete them.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use utoipa::ToSchema;
use uuid::Uuid;

use super::AdminState;
use super::access::Operator;
use super::api_error::ApiError;
use super::audit;
use super::body::{Body, Path, ValidQuery};
use super::page::Paging;
use super::refusals;
use super::sessions::{self, SessionRow};
use crate::clock::UnixTime;
use crate::diagnostic::Diagnostic;
use crate::store::{
    Description, Email, Identifier, NewUser, Page, PageRequest, RevocationScope, User, UserFilter,
};

/// Which users to list.
#[derive(Debug, Default, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Search {
    /// A user's id, an address, or the `sub` at any issuer; all users without it.
    #[serde(default)]
    pub q: Option<String>,
    /// The `next` of the page before.
    #[serde(default)]
    pub after: Option<String>,
    /// The maximum number of entries; 50 if omitted, at most 1000.
    #[serde(default)]
    pub limit: Option<usize>,
}

/// A part of the users.
#[derive(Debug, Serialize, ToSchema)]
pub struct UserPage {
    /// Newest first.
    pub users: Vec<User>,
    /// What to ask for the next page with; null after the last.
    pub next: Option<String>,
}

/// One user, with what is open.
#[derive(Debug, Serialize, ToSchema)]
pub struct UserWithSessions {
    /// The user, with credentials.
    pub user: User,
    /// The newest sessions.
    pub sessions: Vec<SessionRow>,
}

/// A user to be, who will sign in later.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewUser)]
pub struct Create {
    /// The issuer, by its name in the configuration or its `iss`.
    issuer: String,
    /// The `sub` of the user's tokens, without space around it.
    external_id: String,
    /// An address that the operator vouches for.
    #[serde(default)]
    email: Option<String>,
    /// What is kept with the user.
    #[serde(default)]
    #[schema(value_type = Object)]
    metadata: Map<String, Value>,
}

/// The body of a block.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Block {
    blocked: bool,
}

/// List users, newest first, or search for users.
#[utoipa::path(
    get,
    path = "/admin/api/users",
    operation_id = "listUsers",
    tag = "users",
    params(Search),
    responses(
        (status = 200, description = "One page.", body = UserPage),
        refusals::Look, refusals::BadRequest, refusals::Unavailable,
    ),
)]
pub async fn list(
    State(state): State<AdminState>,
    ValidQuery(search): ValidQuery<Search>,
) -> Result<Json<UserPage>, ApiError> {
    let page = find(&state, search).await?;
    Ok(Json(UserPage {
        users: page.items,
        next: page.next,
    }))
}

/// Create a user before the first sign-in.
#[utoipa::path(
    post,
    path = "/admin/api/users",
    operation_id = "createUser",
    tag = "users",
    request_body = Create,
    responses(
        (status = 201, description = "The user.", body = User),
        refusals::Change, refusals::Conflict, refusals::Invalid, refusals::Unavailable,
    ),
)]
pub async fn create(
    State(state): State<AdminState>,
    operator: Operator,
    Body(wanted): Body<Create>,
) -> Result<(StatusCode, Json<User>), ApiError> {
    let sub = Identifier::parse(&wanted.external_id);
    let email = wanted.email.as_deref().map(Email::parse);
    let refused = [
        (sub.is_none(), "external_id", Identifier::RULE),
        (email == Some(None), "email", Email::RULE),
    ];
    let refused = refused.into_iter().filter(|(is_refused, ..)| *is_refused);
    let problems: Vec<_> = refused
        .map(|(_, member, rule)| Diagnostic::error(member, rule))
        .collect();
    if !problems.is_empty() {
        return Err(problems.into());
    }
    let user = state
        .store
        .create_user(NewUser {
            iss: iss_of(&state, &wanted.issuer)?,
            sub,
            email: email.flatten(),
            description: Description {
                metadata: Some(wanted.metadata),
                ..Description::default()
            },
            now: UnixTime::now(),
        })
        .await?;
    record(&state, &operator, "user.create", user.id).await;
    Ok((StatusCode::CREATED, Json(user)))
}

/// Show one user with credentials and sessions.
#[utoipa::path(
    get,
    path = "/admin/api/users/{id}",
    operation_id = "showUser",
    tag = "users",
    params(("id" = Uuid, Path)),
    responses(
        (status = 200, description = "The user.", body = UserWithSessions),
        refusals::Look, refusals::Missing, refusals::Unavailable,
    ),
)]
pub async fn show(
    State(state): State<AdminState>,
    Path(id): Path<Uuid>,
) -> Result<Json<UserWithSessions>, ApiError> {
    one(&state, id).await.map(Json)
}

/// Block a user and end all sessions, or let the user sign in again.
#[utoipa::path(
    put,
    path = "/admin/api/users/{id}/blocked",
    operation_id = "blockUser",
    tag = "users",
    params(("id" = Uuid, Path)),
    request_body = Block,
    responses(
        (status = 200, description = "The user afterwards.", body = User),
        refusals::Change, refusals::Missing, refusals::Invalid, refusals::Unavailable,
    ),
)]
pub async fn block(
    State(state): State<AdminState>,
    operator: Operator,
    Path(id): Path<Uuid>,
    Body(Block { blocked }): Body<Block>,
) -> Result<Json<User>, ApiError> {
    set_blocked(&state, &operator, id, blocked).await.map(Json)
}

/// Replace a user's metadata.
#[utoipa::path(
    put,
    path = "/admin/api/users/{id}/metadata",
    operation_id = "describeUser",
    tag = "users",
    params(("id" = Uuid, Path)),
    request_body(content = Object, description = "What is kept with the user."),
    responses(
        (status = 200, description = "The user afterwards.", body = User),
        refusals::Change, refusals::Missing, refusals::Invalid, refusals::Unavailable,
    ),
)]
pub async fn describe(
    State(state): State<AdminState>,
    operator: Operator,
    Path(id): Path<Uuid>,
    Body(metadata): Body<Map<String, Value>>,
) -> Result<Json<User>, ApiError> {
    let now = UnixTime::now();
    let description = Description {
        metadata: Some(metadata),
        ..Description::default()
    };
    let user = state.store.describe_user(id, description, now).await?;
    let user = user.ok_or_else(|| ApiError::not_found("user"))?;
    record(&state, &operator, "user.metadata", id).await;
    Ok(Json(user))
}

/// Delete a user with all credentials and sessions.
#[utoipa::path(
    delete,
    path = "/admin/api/users/{id}",
    operation_id = "deleteUser",
    tag = "users",
    params(("id" = Uuid, Path)),
    responses(
        (status = 204, description = "Done."),
        refusals::Change, refusals::Missing, refusals::Unavailable,
    ),
)]
pub async fn delete(
    State(state): State<AdminState>,
    operator: Operator,
    Path(id): Path<Uuid>,
) -> Result<StatusCode, ApiError> {
    remove(&state, &operator, id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// End all sessions of a user.
#[utoipa::path(
    post,
    path = "/admin/api/users/{id}/sign-out",
    operation_id = "signOutUser",
    tag = "users",
    params(("id" = Uuid, Path)),
    responses(
        (status = 204, description = "Done."),
        refusals::Change, refusals::Missing, refusals::Unavailable,
    ),
)]
pub async fn sign_out(
    State(state): State<AdminState>,
    operator: Operator,
    Path(id): Path<Uuid>,
) -> Result<StatusCode, ApiError> {
    sign_out_everywhere(&state, &operator, id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// The users that a search means.
pub async fn find(state: &AdminState, search: Search) -> Result<Page<User>, ApiError> {
    let page = PageRequest::from(Paging {
        after: search.after,
        limit: search.limit,
    });
    let wanted = search.q.unwrap_or_default();
    let wanted = wanted.trim();
    if wanted.is_empty() {
        return Ok(state.store.users(UserFilter::All, page).await?);
    }
    if let Ok(id) = wanted.parse::<Uuid>()
        && let Some(user) = state.store.user(id).await?
    {
        return Ok(Page {
            items: vec![user],
            next: None,
        });
    }
    if wanted.contains('@') {
        let filter = UserFilter::Email(wanted.to_owned());
        let found = state.store.users(filter, page.clone()).await?;
        if !found.items.is_empty() {
            return Ok(found);
        }
    }
    let filter = UserFilter::ExternalId(wanted.to_owned());
    Ok(state.store.users(filter, page).await?)
}

/// A user with the newest sessions.
pub async fn one(state: &AdminState, id: Uuid) -> Result<UserWithSessions, ApiError> {
    let user = state.store.user(id).await?;
    let user = user.ok_or_else(|| ApiError::not_found("user"))?;
    let newest = PageRequest::first(SHOWN_SESSIONS);
    let sessions = state.store.sessions(Some(id), newest).await?;
    Ok(UserWithSessions {
        user,
        sessions: sessions::rows(sessions.items),
    })
}

/// Blocks a user and ends all sessions, or lets the user sign in again.
pub async fn set_blocked(
    state: &AdminState,
    operator: &Operator,
    id: Uuid,
    blocked: bool,
) -> Result<User, ApiError> {
    let user = state.exchange().sessions().set_blocked(id, blocked).await?;
    let user = user.ok_or_else(|| ApiError::not_found("user"))?;
    let action = match blocked {
        true => "user.block",
        false => "user.unblock",
    };
    record(state, operator, action, id).await;
    Ok(user)
}

/// Takes a user out with everything known of them.
pub async fn remove(state: &AdminState, operator: &Operator, id: Uuid) -> Result<(), ApiError> {
    let user = state.exchange().sessions().delete_user(id).await?;
    user.ok_or_else(|| ApiError::not_found("user"))?;
    record(state, operator, "user.delete", id).await;
    Ok(())
}

/// Ends all sessions of a user.
pub async fn sign_out_everywhere(
    state: &AdminState,
    operator: &Operator,
    id: Uuid,
) -> Result<(), ApiError> {
    let user = state.store.user(id).await?;
    user.ok_or_else(|| ApiError::not_found("user"))?;
    state
        .exchange()
        .sessions()
        .end_sessions(RevocationScope::User(id))
        .await?;
    record(state, operator, "user.sign_out", id).await;
    Ok(())
}

/// The `iss` of the configured issuer with this name or `iss`.
///
/// # Errors
///
/// 422 if there is none.
pub fn iss_of(state: &AdminState, issuer: &str) -> Result<String, ApiError> {
    let issuers = state.issuers();
    let named = issuers
        .by_name(issuer)
        .filter(|issuer| issuer.settings().tenants.is_empty());
    if let Some(named) = named {
        return Ok(named.iss().to_owned());
    }
    // Under a template only the `iss` says which tenant is meant.
    match issuers.get(issuer) {
        Some(_) => Ok(issuer.to_owned()),
        None => Err(ApiError::new(
            StatusCode::UNPROCESSABLE_ENTITY,
            "issuer_unknown",
            "no issuer has this name or `iss`",
        )),
    }
}

/// What a description changes, for the audit log: names, since what they say of people is not kept there.
pub fn changed(description: &Description) -> Map<String, Value> {
    let fields = description.profile.iter().map(|(field, _)| field.name());
    let metadata = description.metadata.as_ref().map(|_| "metadata");
    let fields: Vec<_> = fields.chain(metadata).collect();
    Map::from_iter([("fields".to_owned(), json!(fields))])
}

/// Writes down that an operator changed a user, and what.
pub async fn record_update(
    state: &AdminState,
    operator: &Operator,
    id: Uuid,
    changed: Map<String, Value>,
) {
    let id = id.to_string();
    audit::record(&*state.store, operator, "user.update", &id, changed).await;
}

/// Writes down what an operator did to a user.
pub async fn record(state: &AdminState, operator: &Operator, action: &str, id: Uuid) {
    audit::record(&*state.store, operator, action, &id.to_string(), Map::new()).await;
}

/// Sessions that are shown with a user.
pub(super) const SHOWN_SESSIONS: usize = 100;
