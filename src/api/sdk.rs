//! The sign-in protocol of the platform's SDKs, under `{api}/api/v0/sdk/{environment}`.
//!
//! Paths, members and their mix of cases are the platform's. What its clients need beyond the
//! obvious: errors are `{error, code}` with `error` a string; a signed-out client's refresh is
//! answered 401; `expiresAt` counts seconds; a list of nonces is never empty; every answer, a
//! refusal too, carries the CORS fields, or a page sees a network error in its place.

use axum::Router;
use axum::middleware::{from_fn, from_fn_with_state};
use axum::routing::any;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub mod body;
pub mod cookie;
pub mod cors;
pub mod device;
pub mod environment;
pub mod error;
mod example;
pub mod keys;
pub mod native;
pub mod nonce;
pub mod presented;
pub mod profile;
pub mod refusals;
pub mod session;
pub mod settings;
pub mod sign_in;
pub mod step_up;
pub mod user;

use super::document::preflight;
use super::{ApiState, any_page, bounds};
use cors::PathMethods;
pub use error::SdkError;
pub use settings::{SdkSettings, SelfService};
pub use user::SdkUser;

/// All endpoints of the protocol, below the API prefix.
pub fn router(state: &ApiState) -> OpenApiRouter<ApiState> {
    let (answers, mut document) = OpenApiRouter::new()
        .routes(routes!(environment::settings))
        .routes(routes!(nonce::nonces))
        .routes(routes!(nonce::nonce))
        .routes(routes!(sign_in::sign_in))
        .routes(routes!(step_up::verify))
        .routes(routes!(step_up::check))
        .routes(routes!(session::refresh))
        .routes(routes!(session::user, profile::update, profile::delete))
        .routes(routes!(session::check))
        .routes(routes!(session::revoke))
        .split_for_parts();
    let methods = PathMethods::of(&document);
    preflight::add(&mut document);
    let answers = answers
        .method_not_allowed_fallback(|| async { SdkError::method_not_allowed() })
        // Not a fallback: those of nested routers are left without their layers.
        .route("/{*unknown}", any(|| async { SdkError::not_found() }))
        .layer(from_fn_with_state(state.clone(), environment::check));
    // Public documents, which any page may read: without the rule of the others.
    let (keys, mut documented_keys) = OpenApiRouter::new()
        .routes(routes!(keys::jwks))
        .routes(routes!(keys::jwks_json))
        .split_for_parts();
    preflight::add(&mut documented_keys);
    let keys = keys
        .method_not_allowed_fallback(|| async { SdkError::method_not_allowed() })
        .layer(from_fn_with_state(state.clone(), environment::check))
        .layer(from_fn(bounds::keep::<SdkError>))
        // Of any environment, as with the other paths.
        .layer(from_fn(any_page::answer_preflight));
    document.merge(documented_keys);
    let mut protocol = OpenApiRouter::from(may_be_called(answers, state, &methods).merge(keys));
    *protocol.get_openapi_mut() = document;
    let elsewhere = Router::new().route("/{*unknown}", any(|| async { SdkError::not_found() }));
    OpenApiRouter::new()
        .nest("/api/v0/sdk/{environment}", protocol)
        .merge(OpenApiRouter::from(
            Router::new().nest("/api/v0", may_be_called(elsewhere, state, &methods)),
        ))
}

/// What answers whom, and how: pages of listed origins, nothing of it stored, content bounded.
fn may_be_called(
    answers: Router<ApiState>,
    state: &ApiState,
    methods: &PathMethods,
) -> Router<ApiState> {
    answers
        .layer(from_fn(bounds::keep::<SdkError>))
        .layer(from_fn(cors::no_store))
        .layer(from_fn_with_state(
            (state.clone(), methods.clone()),
            cors::allow,
        ))
}
