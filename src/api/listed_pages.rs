//! Endpoints of the gateway's own that pages of listed origins may call.

use axum::http::StatusCode;
use axum::middleware::from_fn_with_state;
use utoipa_axum::router::OpenApiRouter;

use super::document::preflight;
use super::sdk::cors::{self, PathMethods};
use super::{ApiState, refuse};

/// The same endpoints, with preflights, and with answers that those pages can read.
pub(super) fn may_call(
    mut endpoints: OpenApiRouter<ApiState>,
    state: &ApiState,
) -> OpenApiRouter<ApiState> {
    let methods = PathMethods::of(endpoints.get_openapi());
    preflight::add(endpoints.get_openapi_mut());
    let (routes, document) = endpoints.split_for_parts();
    let routes = routes
        // Before the layer, or a preflight would get this answer.
        .method_not_allowed_fallback(|| async { refuse(StatusCode::METHOD_NOT_ALLOWED) })
        .layer(from_fn_with_state((state.clone(), methods), cors::allow));
    let mut endpoints = OpenApiRouter::from(routes);
    *endpoints.get_openapi_mut() = document;
    endpoints
}
