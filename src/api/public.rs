//! Documents that any page may read.
//!
//! A page may do so with a field of its own as well, as clients of MCP send their protocol's version:
//! browsers ask about that first (Fetch standard, "CORS protocol").

use axum::extract::Request;
use axum::http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_MAX_AGE, HeaderValue,
};
use axum::http::{Method, StatusCode};
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse, Response};
use utoipa_axum::router::OpenApiRouter;

use super::document::preflight;
use super::{ApiState, refuse};

/// The same endpoints, with preflights.
pub(super) fn with_preflights(mut endpoints: OpenApiRouter<ApiState>) -> OpenApiRouter<ApiState> {
    preflight::add(endpoints.get_openapi_mut());
    let (routes, document) = endpoints.split_for_parts();
    let routes = routes
        .method_not_allowed_fallback(|| async { refuse(StatusCode::METHOD_NOT_ALLOWED) })
        .layer(from_fn(answer_preflight));
    let mut endpoints = OpenApiRouter::from(routes);
    *endpoints.get_openapi_mut() = document;
    endpoints
}

async fn answer_preflight(request: Request, next: Next) -> Response {
    if request.method() != Method::OPTIONS {
        return next.run(request).await;
    }
    let fields = [
        (ACCESS_CONTROL_ALLOW_ORIGIN, ANY),
        (ACCESS_CONTROL_ALLOW_METHODS, READS),
        (ACCESS_CONTROL_ALLOW_HEADERS, ANY),
        (ACCESS_CONTROL_MAX_AGE, TEN_MINUTES),
    ];
    (StatusCode::NO_CONTENT, fields).into_response()
}

const ANY: HeaderValue = HeaderValue::from_static("*");
const READS: HeaderValue = HeaderValue::from_static("GET, HEAD");
const TEN_MINUTES: HeaderValue = HeaderValue::from_static("600");
