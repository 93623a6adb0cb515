//! The configuration in force, and another look at its file.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::Serialize;
use serde_json::Map;
use utoipa::ToSchema;

use super::AdminState;
use super::access::Operator;
use super::audit;
use super::refusals;
use crate::live_config::{Attempt, ConflictingIssuer, Trigger};

/// Where the configuration comes from, and how far it is in force.
#[derive(Debug, Serialize, ToSchema)]
pub struct ConfigStatus {
    /// The file; null when there is none.
    pub file: Option<String>,
    /// The latest reload; null when there was none since the start.
    pub last_reload: Option<Attempt>,
    /// Keys that the file says otherwise, and that take effect only by a restart.
    pub needs_restart: Vec<&'static str>,
    /// Issuers created by operators that are not in force.
    #[serde(rename = "set_aside")]
    pub conflicting: Vec<ConflictingIssuer>,
}

/// Show the configuration's source and whether it is in force.
#[utoipa::path(
    get,
    path = "/admin/api/config",
    operation_id = "showConfig",
    tag = "config",
    responses(
        (status = 200, description = "The state.", body = ConfigStatus),
        refusals::Look,
    ),
)]
pub async fn show(State(state): State<AdminState>) -> Json<ConfigStatus> {
    let view = state.live_config.view();
    let file = state.live_config.file();
    let last = state.live_config.last_attempt();
    Json(ConfigStatus {
        file: file.map(|file| file.display().to_string()),
        last_reload: last.map(|attempt| Attempt::clone(&attempt)),
        needs_restart: view.needs_restart.clone(),
        conflicting: view.conflicting.clone(),
    })
}

/// Reload the file, or keep the last valid one.
///
/// 200 if the file is in force, 422 if the last valid one stays in force.
#[utoipa::path(
    post,
    path = "/admin/api/config/reload",
    operation_id = "reloadConfig",
    tag = "config",
    responses(
        (status = 200, description = "The file is in force.", body = Attempt),
        (
            status = 422,
            description = "The last valid file stays in force: this one is invalid (`config_invalid`), or \
                conflicts with what only changes with a restart (`config_needs_restart`).",
            body = Attempt,
        ),
        refusals::Change,
    ),
)]
pub async fn reload(
    State(state): State<AdminState>,
    operator: Operator,
) -> (StatusCode, Json<Attempt>) {
    let attempt = reload_now(&state, &operator).await;
    let status = if attempt.succeeded {
        StatusCode::OK
    } else {
        StatusCode::UNPROCESSABLE_ENTITY
    };
    (status, Json(Attempt::clone(&attempt)))
}

/// Reads the file again, and what a signal has read again, too.
pub async fn reload_now(state: &AdminState, operator: &Operator) -> Arc<Attempt> {
    (state.reread)();
    let attempt = state.live_config.reload(Trigger::Api).await;
    let mut detail = Map::new();
    detail.insert("succeeded".to_owned(), attempt.succeeded.into());
    audit::record(&*state.store, operator, "config.reload", "file", detail).await;
    attempt
}
