//! OAuth: token exchange (RFC 8693), introspection (RFC 7662), revocation (RFC 7009), and the
//! user behind a session token (OpenID Connect Core section 5.3).
//!
//! What any OAuth client library can do by discovery alone, without the platform's SDKs.

use axum::middleware::{from_fn, from_fn_with_state};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

mod assertion;
pub mod authorize;
pub mod client;
pub mod client_metadata;
pub mod error;
pub mod granted;
pub mod grants;
pub mod introspect;
pub mod parameters;
pub mod refusals;
pub mod revoke;
pub mod settings;
pub mod token;
pub mod userinfo;

use super::document::preflight;
use super::sdk::cors::{self, PathMethods};
use super::{ApiState, bounds};
pub use client::Clients;
pub use client_metadata::MetadataClients;
pub use error::OAuthError;
pub use grants::{ASSERTION_GRANT, GrantSettings, Grants, IDENTITY_PROFILE};
pub use parameters::Parameters;
pub use settings::{ClientMetadataSettings, ClientSettings};

/// All endpoints, below the API prefix.
pub fn router(state: &ApiState) -> OpenApiRouter<ApiState> {
    let mut endpoints = OpenApiRouter::new()
        .routes(routes!(authorize::authorize))
        .routes(routes!(token::exchange))
        .routes(routes!(introspect::introspect))
        .routes(routes!(revoke::revoke))
        .routes(routes!(userinfo::userinfo, userinfo::userinfo_by_post));
    let methods = PathMethods::of(endpoints.get_openapi());
    preflight::add(endpoints.get_openapi_mut());
    let (endpoints, document) = endpoints.split_for_parts();
    let endpoints = endpoints
        .method_not_allowed_fallback(|| async { OAuthError::method_not_allowed() })
        .layer(from_fn(bounds::keep::<OAuthError>))
        .layer(from_fn(cors::no_store))
        .layer(from_fn_with_state((state.clone(), methods), cors::allow));
    let mut endpoints = OpenApiRouter::from(endpoints);
    *endpoints.get_openapi_mut() = document;
    endpoints
}
