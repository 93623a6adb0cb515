//! Revocations of sessions in the form of the platform's own admin API.

use axum::extract::{Path, State};
use axum::http::StatusCode;
use uuid::Uuid;

use super::access::Operator;
use super::api_error::ApiError;
use super::{AdminState, sessions, users};

/// `PUT /api/v0/sessions/{sid}/revoke`, the platform's own form of it.
pub async fn revoke(
    State(state): State<AdminState>,
    operator: Operator,
    Path(sid): Path<Uuid>,
) -> Result<StatusCode, ApiError> {
    sessions::end(&state, &operator, sid).await?;
    Ok(StatusCode::OK)
}

/// `POST /api/v0/environments/{environment}/users/{user}/sessions/revoke`.
pub async fn revoke_all(
    State(state): State<AdminState>,
    operator: Operator,
    Path((environment, user)): Path<(Uuid, Uuid)>,
) -> Result<StatusCode, ApiError> {
    if environment != state.exchange.minter().environment_id {
        return Err(ApiError::not_found("environment"));
    }
    users::sign_out_everywhere(&state, &operator, user).await?;
    Ok(StatusCode::OK)
}
