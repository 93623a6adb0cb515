//! The part of the platform's own admin API that this gateway has, under `/api/v0`, for its clients:
//! paths, members and answers are the platform's.

use axum::http::StatusCode;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

pub mod environment;
pub mod keys;
pub mod sessions;

use super::AdminState;
use super::api_error::ApiError;

/// The endpoints.
pub fn router() -> OpenApiRouter<AdminState> {
    OpenApiRouter::new()
        .routes(routes!(environment::show, environment::replace))
        .routes(routes!(keys::show))
        .routes(routes!(sessions::revoke))
        .routes(routes!(sessions::revoke_all))
}

/// 404 for an environment that is not this gateway's.
pub fn check(state: &AdminState, environment: Uuid) -> Result<(), ApiError> {
    if environment == state.exchange().minter().environment_id {
        return Ok(());
    }
    Err(ApiError::new(
        StatusCode::NOT_FOUND,
        "environment_not_found",
        "there is no such environment",
    ))
}
