//! Who may sign in, and with which scopes, in the form of the platform's own admin API.

use axum::Json;
use axum::extract::{RawQuery, State};
use axum::http::StatusCode;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value};
use url::form_urlencoded;
use utoipa::ToSchema;
use uuid::Uuid;

use super::check;
use crate::admin::access::Operator;
use crate::admin::api_error::ApiError;
use crate::admin::body::{Body, Path};
use crate::admin::{AdminState, access_lists, refusals};
use crate::clock::UnixTime;
use crate::identity::AccessList;
use crate::identity::access::{Entry, KnownIssuers, Meant, Outcome};

/// A list, without its entries.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = PlatformAllowlist)]
pub struct Allowlist {
    id: Uuid,
    name: String,
    /// RFC 3339; null while it does not apply.
    enabled_at: Option<String>,
    project_environment_id: Uuid,
    scope: Option<String>,
    outcome: Outcome,
}

/// A list to be. A new one applies once it is enabled.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = PlatformNewAllowlist)]
pub struct NewAllowlist {
    name: String,
    /// Of the outcome `scope`.
    #[serde(default)]
    scope: Option<String>,
    /// `siteAccess` by default.
    #[serde(default = "site_access")]
    outcome: Outcome,
}

/// What to change of a list. What is not sent stays as it is.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = PlatformAllowlistChange)]
pub struct AllowlistChange {
    #[serde(default, deserialize_with = "sent")]
    #[schema(value_type = String, required = false)]
    name: Option<String>,
    /// Of the outcome `scope`; null takes it away, and so does another outcome.
    #[serde(default, deserialize_with = "sent")]
    #[schema(value_type = Option<String>, required = false)]
    scope: Option<Option<String>>,
    #[serde(default, deserialize_with = "sent")]
    #[schema(value_type = Outcome, required = false)]
    outcome: Option<Outcome>,
}

/// A line of a list: whom it means, by one of these.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = PlatformAllowlistEntry)]
pub struct AllowlistEntry {
    id: Uuid,
    allow_list_id: Uuid,
    #[serde(flatten)]
    meant: Meant,
    /// How it counts, where that is less or more than it says; null: as it says.
    note: Option<&'static str>,
}

/// Lines of a list.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = PlatformAllowlistEntries)]
pub struct Entries {
    /// How many the list has.
    count: usize,
    entries: Vec<AllowlistEntry>,
}

/// List the access lists by name.
#[utoipa::path(
    get,
    path = "/api/v0/environments/{environment}/allowlists",
    operation_id = "listAllowlistsAsPlatform",
    tag = "platform",
    params(("environment" = Uuid, Path)),
    responses(
        (status = 200, description = "The lists.", body = Vec<Allowlist>),
        refusals::Look, refusals::Missing, refusals::Unavailable,
    ),
)]
pub async fn list(
    State(state): State<AdminState>,
    Path(environment): Path<Uuid>,
) -> Result<Json<Vec<Allowlist>>, ApiError> {
    check(&state, environment)?;
    let lists = state.live_config.access_lists().await?;
    Ok(Json(lists.iter().map(|list| shown(&state, list)).collect()))
}

/// Create an access list. It applies once it is enabled.
#[utoipa::path(
    post,
    path = "/api/v0/environments/{environment}/allowlists",
    operation_id = "createAllowlistAsPlatform",
    tag = "platform",
    params(("environment" = Uuid, Path)),
    request_body = NewAllowlist,
    responses(
        (status = 201, description = "The list.", body = Allowlist),
        refusals::Change, refusals::Missing, refusals::Conflict, refusals::Invalid,
        refusals::Unavailable,
    ),
)]
pub async fn create(
    State(state): State<AdminState>,
    operator: Operator,
    Path(environment): Path<Uuid>,
    Body(wanted): Body<NewAllowlist>,
) -> Result<(StatusCode, Json<Allowlist>), ApiError> {
    check(&state, environment)?;
    let NewAllowlist {
        name,
        scope,
        outcome,
    } = wanted;
    let list = access_lists::create(&state, &operator, name, (outcome, scope)).await?;
    Ok((StatusCode::CREATED, Json(shown(&state, &list))))
}

/// Show an access list.
#[utoipa::path(
    get,
    path = "/api/v0/allowlists/{list}",
    operation_id = "showAllowlistAsPlatform",
    tag = "platform",
    params(("list" = Uuid, Path)),
    responses(
        (status = 200, description = "The list.", body = Allowlist),
        refusals::Look, refusals::Missing, refusals::Unavailable,
    ),
)]
pub async fn show(
    State(state): State<AdminState>,
    Path(id): Path<Uuid>,
) -> Result<Json<Allowlist>, ApiError> {
    let list = find(&state, id).await?;
    Ok(Json(shown(&state, &list)))
}

/// Change what an access list is called or what being on it means. What is not sent stays as it is.
#[utoipa::path(
    put,
    path = "/api/v0/allowlists/{list}",
    operation_id = "updateAllowlistAsPlatform",
    tag = "platform",
    params(("list" = Uuid, Path)),
    request_body = AllowlistChange,
    responses(
        (status = 200, description = "The list afterwards.", body = Allowlist),
        refusals::Change, refusals::Missing, refusals::Conflict, refusals::Invalid,
        refusals::Unavailable,
    ),
)]
pub async fn update(
    State(state): State<AdminState>,
    operator: Operator,
    Path(id): Path<Uuid>,
    Body(sent): Body<AllowlistChange>,
) -> Result<Json<Allowlist>, ApiError> {
    let change = |list: &mut AccessList| sent.apply(list);
    let list = access_lists::change(&state, &operator, id, change).await?;
    Ok(Json(shown(&state, &list)))
}

/// Delete an access list with its entries.
#[utoipa::path(
    delete,
    path = "/api/v0/allowlists/{list}",
    operation_id = "deleteAllowlistAsPlatform",
    tag = "platform",
    params(("list" = Uuid, Path)),
    responses(
        (status = 204, description = "Done."),
        refusals::Change, refusals::Missing, refusals::Conflict, refusals::Unavailable,
    ),
)]
pub async fn delete(
    State(state): State<AdminState>,
    operator: Operator,
    Path(id): Path<Uuid>,
) -> Result<StatusCode, ApiError> {
    access_lists::delete(&state, &operator, id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Let an access list apply to sign-ins from now on.
#[utoipa::path(
    put,
    path = "/api/v0/allowlists/{list}/enable",
    operation_id = "enableAllowlistAsPlatform",
    tag = "platform",
    params(("list" = Uuid, Path)),
    responses(
        (status = 200, description = "The list afterwards.", body = Allowlist),
        refusals::Change, refusals::Missing, refusals::Conflict, refusals::Unavailable,
    ),
)]
pub async fn enable(
    State(state): State<AdminState>,
    operator: Operator,
    Path(id): Path<Uuid>,
) -> Result<Json<Allowlist>, ApiError> {
    let list = access_lists::set_enabled(&state, &operator, id, true).await?;
    Ok(Json(shown(&state, &list)))
}

/// Let an access list apply no more. Sessions stay, and keep its scope until another external token of their
/// login comes.
#[utoipa::path(
    put,
    path = "/api/v0/allowlists/{list}/disable",
    operation_id = "disableAllowlistAsPlatform",
    tag = "platform",
    params(("list" = Uuid, Path)),
    responses(
        (status = 200, description = "The list afterwards.", body = Allowlist),
        refusals::Change, refusals::Missing, refusals::Conflict, refusals::Unavailable,
    ),
)]
pub async fn disable(
    State(state): State<AdminState>,
    operator: Operator,
    Path(id): Path<Uuid>,
) -> Result<Json<Allowlist>, ApiError> {
    let list = access_lists::set_enabled(&state, &operator, id, false).await?;
    Ok(Json(shown(&state, &list)))
}

/// List the entries of an access list, the oldest first.
#[utoipa::path(
    get,
    path = "/api/v0/allowlists/{list}/entries",
    operation_id = "listAllowlistEntriesAsPlatform",
    tag = "platform",
    params(
        ("list" = Uuid, Path),
        ("offset" = Option<usize>, Query),
        ("limit" = Option<usize>, Query),
    ),
    responses(
        (status = 200, description = "The entries.", body = Entries),
        refusals::Look, refusals::Missing, refusals::Unavailable,
    ),
)]
pub async fn entries(
    State(state): State<AdminState>,
    Path(id): Path<Uuid>,
    RawQuery(query): RawQuery,
) -> Result<Json<Entries>, ApiError> {
    let query = query.unwrap_or_default();
    let number = |wanted: &str| {
        let mut pairs = form_urlencoded::parse(query.as_bytes());
        let found = pairs.find(|(name, _)| name == wanted);
        found.and_then(|(_, value)| value.parse::<usize>().ok())
    };
    let list = find(&state, id).await?;
    let part = list.entries.iter().skip(number("offset").unwrap_or(0));
    let part = part.take(number("limit").unwrap_or(usize::MAX));
    let issuers = access_lists::known_issuers(&state);
    Ok(Json(Entries {
        count: list.entries.len(),
        entries: part.map(|entry| line(&list, entry, &issuers)).collect(),
    }))
}

/// Add an entry to an access list: `email`, `emailDomain`, `externalUserId`, or `claim` with `name`
/// and `value`; with `issuer`, for tokens of that issuer only.
#[utoipa::path(
    post,
    path = "/api/v0/allowlists/{list}/entries",
    operation_id = "addAllowlistEntryAsPlatform",
    tag = "platform",
    params(("list" = Uuid, Path)),
    request_body = Meant,
    responses(
        (status = 201, description = "The entry.", body = AllowlistEntry),
        refusals::Change, refusals::Missing, refusals::Conflict, refusals::Invalid,
        refusals::Unavailable,
    ),
)]
pub async fn add_entry(
    State(state): State<AdminState>,
    operator: Operator,
    Path(id): Path<Uuid>,
    Body(sent): Body<Map<String, Value>>,
) -> Result<(StatusCode, Json<AllowlistEntry>), ApiError> {
    let (list, entry) = access_lists::add_entry(&state, &operator, id, sent).await?;
    let issuers = access_lists::known_issuers(&state);
    Ok((StatusCode::CREATED, Json(line(&list, &entry, &issuers))))
}

/// Take an entry out of its access list.
#[utoipa::path(
    delete,
    path = "/api/v0/allowlistEntries/{entry}",
    operation_id = "removeAllowlistEntryAsPlatform",
    tag = "platform",
    params(("entry" = Uuid, Path)),
    responses(
        (status = 204, description = "Done."),
        refusals::Change, refusals::Missing, refusals::Conflict, refusals::Unavailable,
    ),
)]
pub async fn remove_entry(
    State(state): State<AdminState>,
    operator: Operator,
    Path(id): Path<Uuid>,
) -> Result<StatusCode, ApiError> {
    access_lists::remove_entry(&state, &operator, id).await?;
    Ok(StatusCode::NO_CONTENT)
}

impl AllowlistChange {
    fn apply(self, list: &mut AccessList) {
        if let Some(name) = self.name {
            list.name = name;
        }
        if let Some(outcome) = self.outcome {
            list.outcome = outcome;
        }
        let keeps_scope = self.outcome.is_none_or(|it| it == Outcome::Scope);
        match self.scope {
            Some(scope) => list.scope = scope,
            None if keeps_scope => {}
            // It means nothing with the outcome that was chosen.
            None => list.scope = None,
        }
    }
}

/// A member that was sent, in contrast to one that is absent.
fn sent<'de, T: Deserialize<'de>, D: Deserializer<'de>>(from: D) -> Result<Option<T>, D::Error> {
    T::deserialize(from).map(Some)
}

async fn find(state: &AdminState, id: Uuid) -> Result<AccessList, ApiError> {
    let lists = state.live_config.access_lists().await?;
    let found = lists.into_iter().find(|list| list.id == id);
    found.ok_or_else(|| ApiError::not_found("access list"))
}

fn shown(state: &AdminState, list: &AccessList) -> Allowlist {
    Allowlist {
        id: list.id,
        name: list.name.clone(),
        enabled_at: list.enabled_at.map(UnixTime::rfc3339),
        project_environment_id: state.exchange().minter().environment_id,
        scope: list.scope.clone(),
        outcome: list.outcome,
    }
}

fn line(list: &AccessList, entry: &Entry, issuers: &KnownIssuers) -> AllowlistEntry {
    AllowlistEntry {
        id: entry.id,
        allow_list_id: list.id,
        meant: Meant {
            issuer: entry.issuer.clone(),
            who: entry.who.clone(),
        },
        note: issuers.note(list.outcome, entry),
    }
}

fn site_access() -> Outcome {
    Outcome::SiteAccess
}
