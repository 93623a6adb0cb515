//! Issuers as operators see, make and switch them.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::Map;
use utoipa::ToSchema;

use super::AdminState;
use super::access::Operator;
use super::api_error::ApiError;
use super::audit;
use super::body::{Body, Path};
use super::refusals;
use crate::issuer::Provisioning;
use crate::jwks::KeysStatus;
use crate::jwt::Issuer;
use crate::live_config::{BasedOn, ConflictingIssuer, Document, View};
use version::{IF_MATCH, IfMatch, Versioned};

pub mod version;

/// An issuer with its settings and keys, as the API shows it.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Issuer)]
pub struct IssuerRow {
    /// The issuer's name.
    pub name: String,
    /// The exact `iss` of its tokens.
    pub iss: String,
    /// Whether its tokens are accepted now.
    pub enabled: bool,
    /// Whether its settings say so; the switch was turned where it differs from `enabled`.
    pub enabled_in_file: bool,
    /// Where the settings come from: `file`, which is read-only here, or `store`.
    pub origin: &'static str,
    /// The settings as an operator wrote them; null for an issuer of the file.
    #[schema(value_type = Option<Object>)]
    pub settings: Option<Document>,
    /// Accepted audiences; empty for any.
    pub aud: Vec<String>,
    /// The cookie that contains its token.
    pub cookie_name: Option<String>,
    /// The header field with its token, in addition to `Authorization`.
    pub header: Option<String>,
    /// Accepted algorithms.
    pub algorithms: Vec<&'static str>,
    /// Whether users are created on first sign-in (`auto`) or only by operators (`existing_only`).
    pub provisioning: Provisioning,
    /// Whether an address counts as verified when no claim says so.
    pub assume_email_verified: bool,
    /// The issuer's keys and their state.
    pub keys: KeysStatus,
}

impl IssuerRow {
    /// What is known of it now.
    pub fn of(issuer: &Issuer, view: &View) -> Self {
        let settings = issuer.settings();
        let written = view.made.get(&**issuer.name());
        Self {
            name: issuer.name().to_string(),
            iss: issuer.iss().to_owned(),
            enabled: issuer.enabled(),
            enabled_in_file: settings.enabled,
            origin: if written.is_some() { "store" } else { "file" },
            settings: written.cloned(),
            aud: settings.aud.clone(),
            cookie_name: settings.cookie_name.as_ref().map(ToString::to_string),
            header: settings.header.as_ref().map(|it| it.as_str().to_owned()),
            algorithms: settings.algorithms.iter().map(|it| it.name()).collect(),
            provisioning: settings.provisioning,
            assume_email_verified: settings.assume_email_verified,
            keys: issuer.keys().status(),
        }
    }
}

/// The response of `GET /admin/api/issuers`.
#[derive(Debug, Serialize, ToSchema)]
pub struct IssuerList {
    /// Issuers from the file in its order, then those created by operators, by name.
    pub issuers: Vec<IssuerRow>,
    /// Made ones that are not in force, and why.
    #[serde(rename = "set_aside")]
    pub conflicting: Vec<ConflictingIssuer>,
}

/// What a fetch on request came to.
#[derive(Debug, Serialize, ToSchema)]
pub struct Refreshed {
    /// Whether it succeeded. Inline keys are never fetched.
    pub refreshed: bool,
    /// The keys afterwards.
    pub keys: KeysStatus,
}

/// The body of a switch.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Switch {
    enabled: bool,
}

/// List the issuers with their keys.
#[utoipa::path(
    get,
    path = "/admin/api/issuers",
    operation_id = "listIssuers",
    tag = "issuers",
    responses(
        (
            status = 200,
            description = "Issuers from the file in its order, then those created by operators, by name.",
            body = IssuerList,
        ),
        refusals::Look,
    ),
)]
pub async fn list(State(state): State<AdminState>) -> Json<IssuerList> {
    Json(IssuerList {
        issuers: rows(&state),
        conflicting: state.live_config.view().conflicting.clone(),
    })
}

/// Show one issuer.
#[utoipa::path(
    get,
    path = "/admin/api/issuers/{name}",
    operation_id = "showIssuer",
    tag = "issuers",
    params(("name" = String, Path)),
    responses(
        (
            status = 200,
            description = "The issuer. `ETag` is the version of its settings, if they can be changed here.",
            body = IssuerRow,
            headers(("ETag" = String)),
        ),
        refusals::Look, refusals::Missing,
    ),
)]
pub async fn show(
    State(state): State<AdminState>,
    Path(name): Path<String>,
) -> Result<Versioned, ApiError> {
    row(&state, &name).map(Versioned)
}

/// Create an issuer for all gateways that use the store.
///
/// An entry of `issuers` as in the file, but without references to the gateway's machine.
#[utoipa::path(
    post,
    path = "/admin/api/issuers",
    operation_id = "createIssuer",
    tag = "issuers",
    request_body(content = Object, description = SETTINGS),
    responses(
        (
            status = 201,
            description = "The issuer is in force. The response includes its first keys unless fetching them takes too long.",
            body = IssuerRow,
        ),
        refusals::Change, refusals::BadRequest, refusals::Conflict, refusals::TooLarge,
        refusals::Invalid, refusals::Unavailable,
    ),
)]
pub async fn create(
    State(state): State<AdminState>,
    operator: Operator,
    Body(document): Body<Document>,
) -> Result<(StatusCode, Json<IssuerRow>), ApiError> {
    let row = create_issuer(&state, &operator, document).await?;
    Ok((StatusCode::CREATED, Json(row)))
}

/// Replace an issuer created by an operator. Settings without `enabled` leave it on or off, as it is.
#[utoipa::path(
    put,
    path = "/admin/api/issuers/{name}",
    operation_id = "replaceIssuer",
    tag = "issuers",
    params(("name" = String, Path), ("If-Match" = Option<String>, Header, description = IF_MATCH)),
    request_body(content = Object, description = SETTINGS),
    responses(
        (
            status = 200,
            description = "The issuer is in force.",
            body = IssuerRow,
            headers(("ETag" = String)),
        ),
        refusals::Change, refusals::BadRequest, refusals::Missing, refusals::Conflict,
        refusals::Changed, refusals::TooLarge, refusals::Invalid, refusals::Unavailable,
    ),
)]
pub async fn replace(
    State(state): State<AdminState>,
    operator: Operator,
    Path(name): Path<String>,
    condition: IfMatch,
    Body(document): Body<Document>,
) -> Result<Versioned, ApiError> {
    replace_issuer(&state, &operator, &name, (document, &condition.0))
        .await
        .map(Versioned)
        .map_err(|fault| condition.refused(fault))
}

/// Delete an issuer created by an operator; its tokens are refused from the next request on.
#[utoipa::path(
    delete,
    path = "/admin/api/issuers/{name}",
    operation_id = "deleteIssuer",
    tag = "issuers",
    params(("name" = String, Path), ("If-Match" = Option<String>, Header, description = IF_MATCH)),
    responses(
        (status = 204, description = "The issuer is deleted."),
        refusals::Change, refusals::Missing, refusals::Conflict, refusals::Changed,
        refusals::Unavailable,
    ),
)]
pub async fn delete(
    State(state): State<AdminState>,
    operator: Operator,
    Path(name): Path<String>,
    condition: IfMatch,
) -> Result<StatusCode, ApiError> {
    delete_issuer(&state, &operator, &name, &condition.0)
        .await
        .map_err(|fault| condition.refused(fault))?;
    Ok(StatusCode::NO_CONTENT)
}

/// Fetch an issuer's keys now.
#[utoipa::path(
    post,
    path = "/admin/api/issuers/{name}/refresh",
    operation_id = "refreshIssuer",
    tag = "issuers",
    params(("name" = String, Path)),
    responses(
        (status = 200, description = "The keys afterwards.", body = Refreshed),
        refusals::Change, refusals::Missing,
    ),
)]
pub async fn refresh(
    State(state): State<AdminState>,
    operator: Operator,
    Path(name): Path<String>,
) -> Result<Json<Refreshed>, ApiError> {
    fetch_now(&state, &operator, &name).await.map(Json)
}

/// Accept or refuse an issuer's tokens, from the next request on.
#[utoipa::path(
    put,
    path = "/admin/api/issuers/{name}/enabled",
    operation_id = "switchIssuer",
    tag = "issuers",
    params(("name" = String, Path)),
    request_body = Switch,
    responses(
        (status = 200, description = "The issuer afterwards.", body = IssuerRow),
        refusals::Change, refusals::Missing, refusals::Invalid, refusals::Unavailable,
    ),
)]
pub async fn switch(
    State(state): State<AdminState>,
    operator: Operator,
    Path(name): Path<String>,
    Body(Switch { enabled }): Body<Switch>,
) -> Result<Json<IssuerRow>, ApiError> {
    set_enabled(&state, &operator, &name, enabled)
        .await
        .map(Json)
}

/// All issuers: those from the file in its order, then those created by operators, by name.
pub fn rows(state: &AdminState) -> Vec<IssuerRow> {
    let (issuers, view) = (state.issuers(), state.live_config.view());
    let row = |issuer: &Arc<Issuer>| IssuerRow::of(issuer, &view);
    issuers.iter().map(row).collect()
}

/// Creates an issuer for this gateway and all others that use the store. The response includes its
/// first keys, or why there are none, unless the fetch takes too long.
pub async fn create_issuer(
    state: &AdminState,
    operator: &Operator,
    document: Document,
) -> Result<IssuerRow, ApiError> {
    let name = state.live_config.create(document.clone()).await?;
    audit::record(&*state.store, operator, "issuer.create", &name, document).await;
    first_keys(state, &name).await;
    row(state, &name)
}

/// Replaces an issuer that an operator created, if it is still what the change is based on.
pub async fn replace_issuer(
    state: &AdminState,
    operator: &Operator,
    name: &str,
    (document, based_on): (Document, &BasedOn),
) -> Result<IssuerRow, ApiError> {
    let live_config = &state.live_config;
    let replaced = live_config.replace(name, document, based_on).await?;
    let mut detail = replaced.after;
    detail.insert("before".to_owned(), replaced.before.into());
    audit::record(&*state.store, operator, "issuer.change", name, detail).await;
    first_keys(state, name).await;
    row(state, name)
}

/// Deletes an issuer created by an operator; its tokens are refused from the next request on.
pub async fn delete_issuer(
    state: &AdminState,
    operator: &Operator,
    name: &str,
    based_on: &BasedOn,
) -> Result<(), ApiError> {
    let deleted = state.live_config.delete(name, based_on).await?;
    audit::record(&*state.store, operator, "issuer.delete", name, deleted).await;
    Ok(())
}

/// Fetches an issuer's keys now, whatever the interval, and waits for the end.
pub async fn fetch_now(
    state: &AdminState,
    operator: &Operator,
    name: &str,
) -> Result<Refreshed, ApiError> {
    let issuer = find(state, name)?;
    let refreshed = issuer.keys().refresh().await;
    audit::record(&*state.store, operator, "issuer.refresh", name, Map::new()).await;
    Ok(Refreshed {
        refreshed,
        keys: issuer.keys().status(),
    })
}

/// Switches an issuer on or off, from the very next request on.
pub async fn set_enabled(
    state: &AdminState,
    operator: &Operator,
    name: &str,
    enabled: bool,
) -> Result<IssuerRow, ApiError> {
    state.live_config.set_enabled(name, enabled).await?;
    let action = if enabled {
        "issuer.enable"
    } else {
        "issuer.disable"
    };
    audit::record(&*state.store, operator, action, name, Map::new()).await;
    row(state, name)
}

/// One issuer by its name.
///
/// # Errors
///
/// 404.
pub fn row(state: &AdminState, name: &str) -> Result<IssuerRow, ApiError> {
    let issuer = find(state, name)?;
    Ok(IssuerRow::of(&issuer, &state.live_config.view()))
}

async fn first_keys(state: &AdminState, name: &str) {
    let Ok(issuer) = find(state, name) else {
        return;
    };
    // Late ones are in a later answer.
    let _ = tokio::time::timeout(PATIENCE_FOR_KEYS, issuer.keys().first_fetch()).await;
}

fn find(state: &AdminState, name: &str) -> Result<Arc<Issuer>, ApiError> {
    let issuers = state.issuers();
    issuers
        .by_name(name)
        .cloned()
        .ok_or_else(|| ApiError::not_found("issuer"))
}

/// How long a response waits for the first keys of a new issuer.
const PATIENCE_FOR_KEYS: Duration = Duration::from_secs(2);

/// What requests write of an issuer.
const SETTINGS: &str = "An entry of `issuers` as in the configuration file, with its keys, aliases \
    and presets. `hs256_secret`, `jwks_file` and private keys are refused: they would refer to \
    secrets and files of the gateway's machine, or be shown again. `vestibule generate schema` \
    describes its members.";
