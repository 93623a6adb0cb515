//! The answer to a preflight of a document that any page may read.
//!
//! A page may do so with a field of its own as well, as clients of MCP send their protocol's version:
//! browsers ask about that first (Fetch standard, "CORS protocol").

use axum::extract::Request;
use axum::http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_MAX_AGE, HeaderValue,
};
use axum::http::{Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

/// Answers preflights in place of the endpoint.
pub(super) async fn answer_preflight(request: Request, next: Next) -> Response {
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
