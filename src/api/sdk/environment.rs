//! The environment of a path, and what SDKs are told of it.

use std::collections::HashMap;

use axum::Json;
use axum::extract::{Path, Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use super::SdkError;
use crate::api::ApiState;

/// Lets requests for this gateway's environment pass.
pub async fn check(
    State(api): State<ApiState>,
    Path(parameters): Path<HashMap<String, String>>,
    request: Request,
    next: Next,
) -> Response {
    let own = api.exchange.minter().environment_id.to_string();
    if parameters.get("environment") == Some(&own) {
        next.run(request).await
    } else {
        SdkError::not_found().into_response()
    }
}

/// `GET settings`: how clients keep tokens, and whose cookie may sign in. The issuer's address
/// and keys are nobody's business here.
pub async fn settings(State(api): State<ApiState>) -> Json<Value> {
    let view = &api.settings.sdk;
    let storage = if view.sets_cookie {
        "cookie"
    } else {
        "localstorage"
    };
    Json(json!({
        "chains": [],
        "kyc": [],
        "design": {},
        "general": {},
        "privacy": {},
        "sdk": {},
        "security": {
            "auth": { "storage": [storage] },
            "externalAuth": {
                "enabled": view.has_issuer,
                "cookieName": view.cookie_name,
            },
        },
    }))
}
