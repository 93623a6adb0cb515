//! Documents that any page may read.

use axum::http::StatusCode;
use axum::middleware::from_fn;
use utoipa_axum::router::OpenApiRouter;

use super::any_page;
use super::document::preflight;
use super::{ApiState, refuse};

/// The same endpoints, with preflights.
pub(super) fn with_preflights(mut endpoints: OpenApiRouter<ApiState>) -> OpenApiRouter<ApiState> {
    preflight::add(endpoints.get_openapi_mut());
    let (routes, document) = endpoints.split_for_parts();
    let routes = routes
        .method_not_allowed_fallback(|| async { refuse(StatusCode::METHOD_NOT_ALLOWED) })
        .layer(from_fn(any_page::answer_preflight));
    let mut endpoints = OpenApiRouter::from(routes);
    *endpoints.get_openapi_mut() = document;
    endpoints
}
