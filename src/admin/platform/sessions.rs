//! Revocations of sessions in the form of the platform's own admin API.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::Serialize;
use serde_json::Map;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::admin::access::Operator;
use crate::admin::api_error::ApiError;
use crate::admin::body::Path;
use crate::admin::sessions::{self, SessionRow};
use crate::admin::{AdminState, audit, refusals, users};
use crate::clock::UnixTime;
use crate::store::RevocationScope;

/// A session, as the platform's clients read it.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = PlatformSession)]
pub struct Session {
    id: Uuid,
    /// RFC 3339.
    created_at: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    ip_address: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    user_agent: Option<String>,
    /// RFC 3339; null while the session is open.
    revoked_at: Option<String>,
}

impl From<SessionRow> for Session {
    fn from(row: SessionRow) -> Self {
        Self {
            id: row.sid,
            created_at: row.opened_at.rfc3339(),
            ip_address: row.client_address,
            user_agent: row.user_agent,
            revoked_at: row.ended.map(|ended| UnixTime::rfc3339(ended.at)),
        }
    }
}

/// The platform's own operation to end a session.
#[utoipa::path(
    put,
    path = "/api/v0/sessions/{sid}/revoke",
    operation_id = "revokeSessionAsPlatform",
    tag = "platform",
    params(("sid" = Uuid, Path)),
    responses(
        (status = 200, description = "The session afterwards.", body = Session),
        refusals::Change, refusals::Missing, refusals::Unavailable,
    ),
)]
pub async fn revoke(
    State(state): State<AdminState>,
    operator: Operator,
    Path(sid): Path<Uuid>,
) -> Result<Json<Session>, ApiError> {
    let ended = sessions::end(&state, &operator, sid).await?;
    Ok(Json(ended.into()))
}

/// The platform's own operation to end all sessions of a user.
#[utoipa::path(
    post,
    path = "/api/v0/environments/{environment}/users/{user}/sessions/revoke",
    operation_id = "revokeSessionsAsPlatform",
    tag = "platform",
    params(("environment" = Uuid, Path), ("user" = Uuid, Path)),
    responses(
        (status = 200, description = "Done."),
        refusals::Change, refusals::Missing, refusals::Unavailable,
    ),
)]
pub async fn revoke_all(
    State(state): State<AdminState>,
    operator: Operator,
    Path((environment, user)): Path<(Uuid, Uuid)>,
) -> Result<StatusCode, ApiError> {
    super::check(&state, environment)?;
    users::sign_out_everywhere(&state, &operator, user).await?;
    Ok(StatusCode::OK)
}

/// The platform's own operation to show a session of a user.
#[utoipa::path(
    get,
    path = "/api/v0/users/{user}/sessions/{sid}",
    operation_id = "showSessionAsPlatform",
    tag = "platform",
    params(("user" = Uuid, Path), ("sid" = Uuid, Path)),
    responses(
        (status = 200, description = "The session.", body = Session),
        refusals::Look, refusals::Missing, refusals::Unavailable,
    ),
)]
pub async fn show(
    State(state): State<AdminState>,
    Path((user, sid)): Path<(Uuid, Uuid)>,
) -> Result<Json<Session>, ApiError> {
    let found = state.store.session(sid).await?;
    let session = found.filter(|session| session.user_id == user);
    let session = session.ok_or_else(|| ApiError::not_found("session"))?;
    Ok(Json(SessionRow::from(session).into()))
}

/// The answer that all sessions have ended.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = PlatformRevocation)]
pub struct Revocation {
    #[schema(value_type = String)]
    message: &'static str,
}

/// The platform's own operation to end all sessions of the environment. External tokens that were
/// issued before open no others.
#[utoipa::path(
    post,
    path = "/api/v0/environments/{environment}/users/sessions/revoke",
    operation_id = "revokeEverySessionAsPlatform",
    tag = "platform",
    params(("environment" = Uuid, Path)),
    responses(
        (status = 200, description = "All sessions have ended.", body = Revocation),
        refusals::Change, refusals::Missing, refusals::Unavailable,
    ),
)]
pub async fn revoke_everyone(
    State(state): State<AdminState>,
    operator: Operator,
    Path(environment): Path<Uuid>,
) -> Result<Json<Revocation>, ApiError> {
    super::check(&state, environment)?;
    let exchange = state.exchange();
    exchange
        .sessions()
        .end_sessions(RevocationScope::Everyone)
        .await?;
    let target = environment.to_string();
    let action = "environment.sign_out";
    audit::record(&*state.store, &operator, action, &target, Map::new()).await;
    Ok(Json(Revocation {
        message: "all sessions of the environment have ended",
    }))
}
