//! Revocations of sessions in the form of the platform's own admin API.

use axum::extract::{Path, State};
use axum::http::StatusCode;
use uuid::Uuid;

use super::access::Operator;
use super::api_error::ApiError;
use super::{AdminState, refusals, sessions, users};

/// The platform's own operation to end a session.
#[utoipa::path(
    put,
    path = "/api/v0/sessions/{sid}/revoke",
    operation_id = "revokeSessionAsPlatform",
    tag = "platform",
    params(("sid" = Uuid, Path)),
    responses(
        (status = 200, description = "Done."),
        refusals::Change, refusals::Missing, refusals::Unavailable,
    ),
)]
pub async fn revoke(
    State(state): State<AdminState>,
    operator: Operator,
    Path(sid): Path<Uuid>,
) -> Result<StatusCode, ApiError> {
    sessions::end(&state, &operator, sid).await?;
    Ok(StatusCode::OK)
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
    if environment != state.exchange().minter().environment_id {
        return Err(ApiError::not_found("environment"));
    }
    users::sign_out_everywhere(&state, &operator, user).await?;
    Ok(StatusCode::OK)
}
