//! The platform's own endpoints, under the API prefix of every host.
//!
//! One router behind the proxy's listener. Nothing here changes settings. Each endpoint describes
//! itself, with all of its answers; [`document`] is what comes of that.

#![allow(
    unused_qualifications,
    reason = "the attributes that describe endpoints make such code"
)]

use std::sync::Arc;

use axum::http::StatusCode;
use axum::middleware::from_fn;
use axum::response::{IntoResponse, Response};
use axum::{Extension, Router};
use utoipa::openapi::OpenApi;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

mod any_page;
pub mod bounds;
pub mod caller;
pub mod device_bound;
pub mod discovery;
pub mod document;
pub mod limits;
mod listed_pages;
pub mod logout;
pub mod oauth;
mod public;
pub mod refusal_form;
pub mod refusals;
pub mod sdk;
pub mod settings;

use crate::exchange::Exchange;
use crate::rejection::{Code, Rejection};
pub use caller::Caller;
use document::Document;
pub use limits::ApiLimits;
use oauth::MetadataClients;
use sdk::nonce::Nonces;
pub use settings::ApiSettings;

/// What stays the same under every configuration.
#[derive(Clone)]
pub struct Lasting {
    /// How often clients may sign in.
    pub limits: Arc<ApiLimits>,
    /// Proofs that a signature is fresh.
    pub nonces: Arc<Nonces>,
}

/// What the endpoints answer from.
#[derive(Clone)]
pub struct ApiState {
    /// Tokens to sessions; whose keys and names are published.
    pub exchange: Arc<Exchange>,
    /// What the configuration says.
    pub settings: Arc<ApiSettings>,
    /// Clients that describe themselves, if any may.
    pub metadata_clients: Option<Arc<MetadataClients>>,
    /// How often clients may sign in.
    pub limits: Arc<ApiLimits>,
    /// Proofs that a signature is fresh.
    pub nonces: Arc<Nonces>,
}

/// A refusal as a response, which is written like any other.
#[derive(Clone, Copy, Debug)]
pub struct Refused(pub Rejection);

impl From<Rejection> for Refused {
    fn from(rejection: Rejection) -> Self {
        Self(rejection)
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        let mut response = self.0.status.into_response();
        response.extensions_mut().insert(self);
        response
    }
}

/// All endpoints, with paths below `prefix`. The document also includes those in `additional`, which
/// the proxy itself answers.
pub fn router(prefix: &str, state: ApiState, additional: OpenApi) -> Router {
    let mut documented = OpenApiRouter::new()
        .merge(public::with_preflights(discovery::router()))
        .merge(logout::router(&state))
        .merge(device_bound::router())
        .routes(routes!(document::openapi));
    documented.get_openapi_mut().merge(additional);
    let below = documented
        .layer(from_fn(bounds::keep::<Refused>))
        .merge(oauth::router(&state))
        .merge(sdk::router(&state));
    let (endpoints, described) = OpenApiRouter::with_openapi(document::frame(&state))
        .nest(prefix, below)
        .merge(public::with_preflights(discovery::outer_router(prefix)))
        .split_for_parts();
    let public_url = state.settings.public_url().as_str();
    let document = Document::new(described, public_url, prefix);
    endpoints
        .method_not_allowed_fallback(|| async { refuse(StatusCode::METHOD_NOT_ALLOWED) })
        .fallback(|| async { refuse(StatusCode::NOT_FOUND) })
        .layer(Extension(document))
        .with_state(state)
}

/// A refusal of what no endpoint is there for.
fn refuse(status: StatusCode) -> Refused {
    let rejection = match status {
        StatusCode::NOT_FOUND => Rejection::new(Code::NotFound, "endpoint_unknown"),
        status => Rejection::new(Code::InvalidRequest, "method_not_allowed").with_status(status),
    };
    Refused(rejection)
}

#[cfg(test)]
mod tests;
