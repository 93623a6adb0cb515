//! Which pages may call (Fetch standard, "CORS protocol").
//!
//! The page's own origin is repeated, never `*`: the clients send credentials.

use axum::extract::{Request, State};
use axum::http::header::{
    ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS,
    ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE,
    CACHE_CONTROL, HeaderValue, VARY,
};
use axum::http::{Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use crate::api::ApiState;

/// Answers preflights, and tells browsers of every other answer who may read it.
pub async fn allow(State(api): State<ApiState>, request: Request, next: Next) -> Response {
    let page = api.settings.page(request.headers());
    let page = page.and_then(|page| HeaderValue::from_str(page).ok());
    let is_preflight = request.method() == Method::OPTIONS;
    let mut response = if is_preflight {
        StatusCode::NO_CONTENT.into_response()
    } else {
        next.run(request).await
    };
    let headers = response.headers_mut();
    headers.append(VARY, HeaderValue::from_static("Origin"));
    let Some(page) = page else {
        return response;
    };
    headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, page);
    headers.insert(
        ACCESS_CONTROL_ALLOW_CREDENTIALS,
        HeaderValue::from_static("true"),
    );
    if is_preflight {
        headers.insert(ACCESS_CONTROL_ALLOW_METHODS, METHODS);
        headers.insert(ACCESS_CONTROL_ALLOW_HEADERS, FIELDS);
        headers.insert(ACCESS_CONTROL_MAX_AGE, TEN_MINUTES);
    } else {
        headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSED);
    }
    response
}

/// Answers hold tokens and people's data.
pub async fn no_store(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    response
        .headers_mut()
        .insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

const METHODS: HeaderValue = HeaderValue::from_static("GET, POST");
/// What the SDKs send.
const FIELDS: HeaderValue = HeaderValue::from_static(
    "authorization, content-type, x-dyn-api-version, x-dyn-request-id, x-dyn-session-id, \
     x-dyn-session-public-key, x-dyn-version, x-dyn-logout-reason, x-dyn-elevated-access-token, \
     x-mfa-auth-token, x-dynamic-platform, x-dynamic-device-nonce, x-dynamic-device-publickey, \
     x-dynamic-device-signed-nonce",
);
const EXPOSED: HeaderValue = HeaderValue::from_static("x-request-id, retry-after");
const TEN_MINUTES: HeaderValue = HeaderValue::from_static("600");
