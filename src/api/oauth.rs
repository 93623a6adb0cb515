//! OAuth: token exchange (RFC 8693), introspection (RFC 7662), revocation (RFC 7009), and the
//! user behind a session token (OpenID Connect Core section 5.3).
//!
//! What any OAuth client library can do by discovery alone, without the platform's SDKs.

use axum::Router;
use axum::middleware::from_fn_with_state;
use axum::routing::{get, post};

pub mod client;
pub mod error;
pub mod introspect;
pub mod parameters;
pub mod revoke;
pub mod token;
pub mod userinfo;

use super::ApiState;
use super::sdk::cors;
pub use client::Clients;
pub use error::OAuthError;
pub use parameters::Parameters;

/// All endpoints, below the API prefix.
pub fn router(state: &ApiState) -> Router<ApiState> {
    Router::new()
        .route("/oauth/token", post(token::exchange))
        .route("/oauth/introspect", post(introspect::introspect))
        .route("/oauth/revoke", post(revoke::revoke))
        .route("/userinfo", get(userinfo::userinfo))
        .layer(axum::middleware::from_fn(cors::no_store))
        .layer(from_fn_with_state(state.clone(), cors::allow))
}
