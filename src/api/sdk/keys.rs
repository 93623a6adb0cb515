//! The keys that verify session tokens, where the platform's recipes look for them.

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;

use super::environment::Environment;
use super::refusals;
use crate::api::{ApiState, discovery};

/// The key set (RFC 7517).
#[utoipa::path(
    get,
    path = "/.well-known/jwks",
    operation_id = "getJwks",
    tag = "sdk",
    params(Environment),
    responses(discovery::KeySet, refusals::Public)
)]
pub async fn jwks(State(api): State<ApiState>, request: HeaderMap) -> Response {
    discovery::key_set(&api, &request)
}

/// The key set, under its other name.
#[utoipa::path(
    get,
    path = "/.well-known/jwks.json",
    operation_id = "getJwksJson",
    tag = "sdk",
    params(Environment),
    responses(discovery::KeySet, refusals::Public)
)]
pub async fn jwks_json(State(api): State<ApiState>, request: HeaderMap) -> Response {
    discovery::key_set(&api, &request)
}
