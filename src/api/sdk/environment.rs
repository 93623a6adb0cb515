//! The environment of a path, and its settings for SDKs.

use std::collections::HashMap;

use axum::Json;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use super::{SdkError, refusals};
use crate::api::ApiState;

/// The environment of a path.
#[derive(Debug, IntoParams)]
#[into_params(parameter_in = Path)]
pub struct Environment {
    /// The gateway's `environment_id`.
    pub environment: Uuid,
}

/// The settings that clients need before sign-in.
#[derive(Debug, Serialize, ToSchema)]
pub struct ProjectSettings {
    #[schema(value_type = Vec<String>, max_items = 0)]
    chains: [(); 0],
    #[schema(value_type = Vec<String>, max_items = 0)]
    kyc: [(); 0],
    design: Nothing,
    general: Nothing,
    privacy: Nothing,
    sdk: Nothing,
    security: Security,
}

/// Settings that clients ask for and this gateway has none of.
#[derive(Debug, Serialize, ToSchema)]
struct Nothing {}

#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct Security {
    auth: Storage,
    external_auth: ExternalAuth,
}

#[derive(Debug, Serialize, ToSchema)]
struct Storage {
    /// `cookie`, or `localstorage`.
    #[schema(value_type = Vec<String>)]
    storage: [&'static str; 1],
}

#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct ExternalAuth {
    /// There is an issuer whose tokens sign in.
    enabled: bool,
    /// The cookie that may carry them.
    cookie_name: Option<String>,
}

/// Lets requests for this gateway's environment pass.
pub async fn check(
    State(api): State<ApiState>,
    parameters: Result<Path<HashMap<String, String>>, PathRejection>,
    request: Request,
    next: Next,
) -> Response {
    let own = api.exchange.minter().environment_id.to_string();
    let named = parameters.ok();
    let named = named.as_ref().and_then(|Path(all)| all.get("environment"));
    if named == Some(&own) {
        next.run(request).await
    } else {
        SdkError::not_found().into_response()
    }
}

/// How clients keep tokens, and whose cookie may sign in. The issuer's address and keys are
/// nobody's business here.
#[utoipa::path(
    get,
    path = "/settings",
    operation_id = "getEnvironmentSettings",
    tag = "sdk",
    params(Environment),
    responses(
        (
            status = 200,
            description = "The settings that clients need before sign-in.",
            body = ProjectSettings,
            example = json!({
                "chains": [], "kyc": [],
                "design": {}, "general": {}, "privacy": {}, "sdk": {},
                "security": {
                    "auth": { "storage": ["localstorage"] },
                    "externalAuth": { "enabled": true, "cookieName": null },
                },
            })
        ),
        refusals::Public
    )
)]
pub async fn settings(State(api): State<ApiState>) -> Json<ProjectSettings> {
    let view = &api.settings.sdk;
    let storage = if view.sets_cookie {
        "cookie"
    } else {
        "localstorage"
    };
    Json(ProjectSettings {
        chains: [],
        kyc: [],
        design: Nothing {},
        general: Nothing {},
        privacy: Nothing {},
        sdk: Nothing {},
        security: Security {
            auth: Storage { storage: [storage] },
            external_auth: ExternalAuth {
                enabled: view.has_issuer,
                cookie_name: view.cookie_name.clone(),
            },
        },
    })
}
