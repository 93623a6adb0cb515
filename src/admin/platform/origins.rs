//! The origins that operators allow in addition to those of the configuration file, in the form of
//! the platform's own admin API.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::{Map, json};
use utoipa::ToSchema;
use uuid::Uuid;

use super::check;
use crate::admin::access::Operator;
use crate::admin::api_error::ApiError;
use crate::admin::body::{Body, Path};
use crate::admin::{AdminState, audit, refusals};
use crate::live_config::StoredOrigin;

/// All of them, the oldest first.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = PlatformOrigins)]
pub struct OriginsResponse {
    origins: Vec<Origin>,
}

/// One of them.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = PlatformOriginResponse)]
pub struct OriginResponse {
    origin: Origin,
}

/// An allowed origin.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = PlatformOrigin)]
pub struct Origin {
    id: Uuid,
    origin: String,
    /// RFC 3339.
    created_at: String,
    project_environment_id: Uuid,
}

/// An origin to allow, such as `https://app.example.com` or `https://*.example.com`.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = PlatformNewOrigin)]
pub struct NewOrigin {
    origin: String,
}

/// List the origins that operators allowed. Those of the configuration file are not among them.
#[utoipa::path(
    get,
    path = "/api/v0/environments/{environment}/origins",
    operation_id = "listOriginsAsPlatform",
    tag = "platform",
    params(("environment" = Uuid, Path)),
    responses(
        (status = 200, description = "The origins.", body = OriginsResponse),
        refusals::Look, refusals::Missing,
    ),
)]
pub async fn list(
    State(state): State<AdminState>,
    Path(environment): Path<Uuid>,
) -> Result<Json<OriginsResponse>, ApiError> {
    check(&state, environment)?;
    let view = state.live_config.view();
    let origins = view.origins.iter();
    Ok(Json(OriginsResponse {
        origins: origins
            .map(|stored| Origin::new(stored.clone(), environment))
            .collect(),
    }))
}

/// Allow an origin, at all gateways. One that is allowed already stays as it is.
#[utoipa::path(
    post,
    path = "/api/v0/environments/{environment}/origins",
    operation_id = "allowOriginAsPlatform",
    tag = "platform",
    params(("environment" = Uuid, Path)),
    request_body = NewOrigin,
    responses(
        (status = 201, description = "The origin.", body = OriginResponse),
        refusals::Change, refusals::Missing, refusals::Conflict, refusals::Invalid,
        refusals::Unavailable,
    ),
)]
pub async fn allow(
    State(state): State<AdminState>,
    operator: Operator,
    Path(environment): Path<Uuid>,
    Body(NewOrigin { origin }): Body<NewOrigin>,
) -> Result<(StatusCode, Json<OriginResponse>), ApiError> {
    check(&state, environment)?;
    let stored = state.live_config.allow_origin(&origin).await?;
    record(&state, &operator, "origin.allow", &stored).await;
    let origin = Origin::new(stored, environment);
    Ok((StatusCode::CREATED, Json(OriginResponse { origin })))
}

/// Take back an origin that an operator allowed.
#[utoipa::path(
    delete,
    path = "/api/v0/origins/{origin}",
    operation_id = "disallowOriginAsPlatform",
    tag = "platform",
    params(("origin" = Uuid, Path)),
    responses(
        (status = 204, description = "Done."),
        refusals::Change, refusals::Missing, refusals::Conflict, refusals::Unavailable,
    ),
)]
pub async fn disallow(
    State(state): State<AdminState>,
    operator: Operator,
    Path(id): Path<Uuid>,
) -> Result<StatusCode, ApiError> {
    let origin = state.live_config.disallow_origin(id).await?;
    record(&state, &operator, "origin.disallow", &origin).await;
    Ok(StatusCode::NO_CONTENT)
}

impl Origin {
    fn new(stored: StoredOrigin, environment: Uuid) -> Self {
        Self {
            id: stored.id,
            origin: stored.origin,
            created_at: stored.created_at.rfc3339(),
            project_environment_id: environment,
        }
    }
}

async fn record(state: &AdminState, operator: &Operator, action: &str, stored: &StoredOrigin) {
    let detail = Map::from_iter([("origin".to_owned(), json!(stored.origin))]);
    let id = stored.id.to_string();
    audit::record(&*state.store, operator, action, &id, detail).await;
}
