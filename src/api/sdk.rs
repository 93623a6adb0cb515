//! The sign-in protocol of the platform's SDKs, under `{api}/api/v0/sdk/{environment}`.
//!
//! Paths, members and their mix of cases are the platform's. What its clients need beyond the
//! obvious: errors are `{error, code}` with `error` a string; a signed-out client's refresh is
//! answered 401; `expiresAt` counts seconds; a list of nonces is never empty; every answer, a
//! refusal too, carries the CORS fields, or a page sees a network error in its place.

use axum::Router;
use axum::middleware::{from_fn, from_fn_with_state};
use axum::routing::{any, get, post};

pub mod body;
pub mod cookie;
pub mod cors;
pub mod device;
pub mod environment;
pub mod error;
pub mod nonce;
pub mod session;
pub mod sign_in;
pub mod step_up;
pub mod user;

use super::{ApiState, discovery};
pub use error::SdkError;
pub use user::SdkUser;

/// All endpoints of the protocol.
pub fn router(state: &ApiState) -> Router<ApiState> {
    let answers = Router::new()
        .route("/settings", get(environment::settings))
        .route("/nonces", get(nonce::nonces))
        .route("/nonce", get(nonce::nonce))
        .route("/externalAuth/signin", post(sign_in::sign_in))
        .route("/externalAuth/verify", post(step_up::verify))
        .route("/stepUp/check", post(step_up::check))
        .route("/refresh", post(session::refresh))
        .route("/users", get(session::user))
        .route("/session", get(session::check))
        .route("/revoke", post(session::revoke))
        .method_not_allowed_fallback(|| async { SdkError::method_not_allowed() })
        // Not a fallback: those of nested routers are left without their layers.
        .route("/{*unknown}", any(|| async { SdkError::not_found() }))
        .layer(from_fn_with_state(state.clone(), environment::check))
        .layer(from_fn(cors::no_store))
        .layer(from_fn_with_state(state.clone(), cors::allow));
    // Public documents, which any page may read: without the rule of the others.
    Router::new()
        .route("/.well-known/jwks", get(discovery::jwks))
        .route("/.well-known/jwks.json", get(discovery::jwks))
        .route_layer(from_fn_with_state(state.clone(), environment::check))
        .merge(answers)
}
