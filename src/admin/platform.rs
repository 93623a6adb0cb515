//! The part of the platform's own admin API that this gateway has, under `/api/v0`, for its clients:
//! paths, members and answers are the platform's.

use axum::http::StatusCode;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

pub mod allowlists;
pub mod environment;
pub mod keys;
pub mod origins;
pub mod sessions;
pub mod user;
pub mod users;
pub mod users_query;

use super::AdminState;
use super::api_error::ApiError;

/// The endpoints.
pub fn router() -> OpenApiRouter<AdminState> {
    OpenApiRouter::new()
        .routes(routes!(environment::show, environment::replace))
        .routes(routes!(keys::show))
        .routes(routes!(sessions::revoke))
        .routes(routes!(sessions::show))
        .routes(routes!(sessions::revoke_all))
        .routes(routes!(sessions::revoke_everyone))
        .routes(routes!(users::list, users::create))
        .routes(routes!(users::bulk))
        .routes(routes!(users::show, users::update, users::delete))
        .routes(routes!(origins::list, origins::allow))
        .routes(routes!(origins::disallow))
        .routes(routes!(allowlists::list, allowlists::create))
        .routes(routes!(
            allowlists::show,
            allowlists::update,
            allowlists::delete
        ))
        .routes(routes!(allowlists::enable))
        .routes(routes!(allowlists::disable))
        .routes(routes!(allowlists::entries, allowlists::add_entry))
        .routes(routes!(allowlists::remove_entry))
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
