//! The configuration in force, and another look at its file.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::Serialize;
use serde_json::Map;

use super::AdminState;
use super::access::Operator;
use super::audit;
use crate::live_config::{Attempt, ConflictingIssuer, Trigger};

/// Where the configuration comes from, and how far it is in force.
#[derive(Debug, Serialize)]
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

/// `GET /admin/api/config`.
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

/// `POST /admin/api/config/reload`: 200 if the file is in force, 422 if the last valid one stays in
/// force.
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

/// Reads the file again.
pub async fn reload_now(state: &AdminState, operator: &Operator) -> Arc<Attempt> {
    let attempt = state.live_config.reload(Trigger::Api).await;
    let mut detail = Map::new();
    detail.insert("succeeded".to_owned(), attempt.succeeded.into());
    audit::record(&*state.store, operator, "config.reload", "file", detail).await;
    attempt
}
