//! Admin tokens as operators list, create and revoke them: those of the configuration file, and
//! those of the store.

use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::{Map, json};
use utoipa::ToSchema;
use uuid::Uuid;

use super::AdminState;
use super::access::Operator;
use super::api_error::ApiError;
use super::audit;
use super::body::{Body, Path};
use super::credential::{AdminCredential, MARK, PREFIX, digest, read};
use super::refusals;
use crate::clock::UnixTime;
use crate::operator::{Role, is_token_name};

/// The response of `GET /admin/api/tokens`.
#[derive(Debug, Serialize, ToSchema)]
pub struct TokenList {
    /// Those of the file first.
    pub tokens: Vec<TokenRow>,
}

/// One token, without what proves it.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = AdminToken)]
pub struct TokenRow {
    /// Its holder, as the audit names them.
    pub name: String,
    /// What its holder can do.
    pub role: Role,
    /// `file` or `store`; those of the file are changed there.
    pub origin: &'static str,
    /// When it was created.
    pub created_at: Option<UnixTime>,
    /// The operator who created it; none if it is in the configuration file.
    pub created_by: Option<String>,
    /// From when on it is refused.
    pub expires_at: Option<UnixTime>,
    /// Whether that is past.
    pub expired: bool,
}

impl TokenRow {
    fn new(stored: AdminCredential, origin: &'static str) -> Self {
        Self {
            expired: !stored.is_valid_at(UnixTime::now()),
            name: stored.name,
            role: stored.role,
            origin,
            created_at: stored.created_at,
            created_by: stored.created_by,
            expires_at: stored.expires_at,
        }
    }
}

/// A token to be.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewAdminToken)]
pub struct Create {
    /// Its holder: lower-case letters, digits, `-` and `.`.
    pub name: String,
    /// What its holder can do.
    pub role: Role,
    /// How long it is valid.
    #[serde(default = "default_days")]
    pub expires_in_days: u32,
}

/// A token that was created.
#[derive(Serialize, ToSchema)]
#[schema(as = CreatedAdminToken)]
pub struct Created {
    /// What is kept of it.
    #[serde(flatten)]
    pub row: TokenRow,
    /// The token itself, which is shown only once.
    pub token: String,
}

/// List the admin tokens without their secrets.
#[utoipa::path(
    get,
    path = "/admin/api/tokens",
    operation_id = "listAdminTokens",
    tag = "tokens",
    responses(
        (status = 200, description = "All tokens.", body = TokenList),
        refusals::Look, refusals::Unavailable,
    ),
)]
pub async fn list(State(state): State<AdminState>) -> Result<Json<TokenList>, ApiError> {
    rows(&state).await.map(|tokens| Json(TokenList { tokens }))
}

/// Create an admin token; it is shown once and stored as a digest.
#[utoipa::path(
    post,
    path = "/admin/api/tokens",
    operation_id = "createAdminToken",
    tag = "tokens",
    request_body = Create,
    responses(
        (status = 201, description = "The token.", body = Created),
        refusals::Change, refusals::Conflict, refusals::Invalid, refusals::Unavailable,
    ),
)]
pub async fn create(
    State(state): State<AdminState>,
    operator: Operator,
    Body(wanted): Body<Create>,
) -> Result<(StatusCode, Json<Created>), ApiError> {
    let created = create_token(&state, &operator, wanted).await?;
    Ok((StatusCode::CREATED, Json(created)))
}

/// Revoke an admin token.
#[utoipa::path(
    delete,
    path = "/admin/api/tokens/{name}",
    operation_id = "deleteAdminToken",
    tag = "tokens",
    params(("name" = String, Path)),
    responses(
        (status = 204, description = "The token is refused from now on."),
        refusals::Change, refusals::Missing, refusals::Conflict, refusals::Unavailable,
    ),
)]
pub async fn delete(
    State(state): State<AdminState>,
    operator: Operator,
    Path(name): Path<String>,
) -> Result<StatusCode, ApiError> {
    revoke(&state, &operator, &name).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// All tokens, those of the file first.
pub async fn rows(state: &AdminState) -> Result<Vec<TokenRow>, ApiError> {
    let of_file = state.access.configured().iter().cloned();
    let mut rows: Vec<_> = of_file
        .map(|stored| TokenRow::new(stored, "file"))
        .collect();
    for (name, text) in state.store.settings(PREFIX).await? {
        match read(&text) {
            Some(stored) => rows.push(TokenRow::new(stored, "store")),
            None => tracing::warn!(name, "a setting in the store is not an admin token"),
        }
    }
    Ok(rows)
}

/// Makes a token and keeps its digest.
///
/// # Errors
///
/// 422 for an invalid name or lifetime, 409 if another token has the name.
pub async fn create_token(
    state: &AdminState,
    operator: &Operator,
    wanted: Create,
) -> Result<Created, ApiError> {
    let unprocessable = |message| {
        let status = StatusCode::UNPROCESSABLE_ENTITY;
        Err(ApiError::new(status, "unprocessable", message))
    };
    if !is_token_name(&wanted.name) {
        return unprocessable(
            "a name consists of lower-case letters, digits, `-` and `.`, at most 64 characters",
        );
    }
    if !(1..=MOST_DAYS).contains(&wanted.expires_in_days) {
        return unprocessable("a token can be valid for 1 to 3650 days");
    }
    let configured = state.access.configured();
    if configured.iter().any(|stored| stored.name == wanted.name) {
        return Err(taken());
    }
    let (one, two) = (Uuid::new_v4().simple(), Uuid::new_v4().simple());
    let token = format!("{MARK}{}_{one}{two}", wanted.name);
    let now = UnixTime::now();
    let handle = Duration::from_secs(u64::from(wanted.expires_in_days) * 24 * 3600);
    let stored = AdminCredential {
        role: wanted.role,
        created_at: Some(now),
        created_by: Some(operator.name.to_string()),
        expires_at: Some(now.plus(handle)),
        digest: digest(&token),
        name: wanted.name,
    };
    let setting = format!("{PREFIX}{}", stored.name);
    let text = json!(stored).to_string();
    let kept = state
        .store
        .replace_setting(&setting, None, Some(&text), now)
        .await;
    match kept {
        Err(crate::store::StoreError::Conflict(_)) => return Err(taken()),
        kept => kept?,
    }
    let detail = Map::from_iter([
        ("role".to_owned(), json!(stored.role)),
        ("expires_at".to_owned(), json!(stored.expires_at)),
    ]);
    audit::record(
        &*state.store,
        operator,
        "token.create",
        &stored.name,
        detail,
    )
    .await;
    Ok(Created {
        row: TokenRow::new(stored, "store"),
        token,
    })
}

/// Takes a token back: it is refused from the next request on, by every gateway.
///
/// # Errors
///
/// 404 if there is no such token, 409 if it is in the file.
pub async fn revoke(state: &AdminState, operator: &Operator, name: &str) -> Result<(), ApiError> {
    if state
        .access
        .configured()
        .iter()
        .any(|stored| stored.name == name)
    {
        return Err(ApiError::new(
            StatusCode::CONFLICT,
            "read_only",
            "this token is in the configuration file; remove it there",
        ));
    }
    let setting = format!("{PREFIX}{name}");
    let seen = state.store.setting(&setting).await?;
    let seen = seen.ok_or_else(|| ApiError::not_found("token"))?;
    let now = UnixTime::now();
    state
        .store
        .replace_setting(&setting, Some(&seen), None, now)
        .await?;
    audit::record(&*state.store, operator, "token.revoke", name, Map::new()).await;
    Ok(())
}

fn taken() -> ApiError {
    ApiError::new(
        StatusCode::CONFLICT,
        "conflict",
        "another token has this name",
    )
}

fn default_days() -> u32 {
    90
}

const MOST_DAYS: u32 = 3650;
