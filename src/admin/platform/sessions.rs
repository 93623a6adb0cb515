//! Revocations of sessions in the form of the platform's own admin API.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::admin::access::Operator;
use crate::admin::api_error::ApiError;
use crate::admin::sessions::{self, SessionRow};
use crate::admin::{AdminState, refusals, users};
use crate::clock::UnixTime;

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
