//! The platform's own endpoints, under the API prefix of every host.
//!
//! One router behind the proxy's listener. Nothing here changes settings.

use std::net::IpAddr;
use std::sync::Arc;

use axum::Router;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};

pub mod discovery;
pub mod limits;
pub mod logout;
pub mod oauth;
pub mod sdk;
pub mod settings;

use crate::config::{Config, Origin};
use crate::credential::{Places, PlacesError};
use crate::exchange::Exchange;
use crate::rejection::Rejection;
pub use limits::ApiLimits;
use sdk::nonce::Nonces;
pub use settings::ApiSettings;

/// The address of the client, which the proxy knows.
#[derive(Clone, Copy, Debug)]
pub struct ClientAddress(pub IpAddr);

/// What the endpoints answer from.
#[derive(Clone)]
pub struct ApiState {
    /// Tokens to sessions; whose keys and names are published.
    pub exchange: Arc<Exchange>,
    /// What browsers' requests are judged by.
    pub browsers: Arc<Browsers>,
    /// What the configuration says.
    pub settings: Arc<ApiSettings>,
    /// How often clients may sign in.
    pub limits: Arc<ApiLimits>,
    /// Proofs that a signature is fresh.
    pub nonces: Arc<Nonces>,
}

/// What requests of browsers to the endpoints are judged by.
#[derive(Debug)]
pub struct Browsers {
    /// Where credentials are looked for.
    pub places: Places,
    /// Origins, beside the gateway's own, that may send cookies.
    pub allowed_origins: Vec<Origin>,
    /// Whether clients come by `https`.
    pub is_https: bool,
}

impl Browsers {
    /// From the configuration.
    pub fn new(config: &Config) -> Result<Self, PlacesError> {
        Ok(Self {
            places: Places::new(config)?,
            allowed_origins: config.allowed_origins.clone(),
            is_https: config.public_url.is_https(),
        })
    }
}

/// A refusal as an answer: whoever serves the endpoints writes it like any other.
#[derive(Clone, Copy, Debug)]
pub struct Refused(pub Rejection);

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        let mut response = self.0.status.into_response();
        response.extensions_mut().insert(self);
        response
    }
}

/// All endpoints, with paths below `prefix`.
pub fn router(prefix: &str, state: ApiState) -> Router {
    let endpoints = Router::new()
        .route("/.well-known/jwks.json", get(discovery::jwks))
        .route(
            "/.well-known/openid-configuration",
            get(discovery::openid_configuration),
        )
        .route("/logout", post(logout::logout))
        .route("/backchannel-logout", post(logout::backchannel))
        .route(
            "/.well-known/oauth-authorization-server",
            get(discovery::openid_configuration),
        )
        .merge(oauth::router(&state))
        .nest("/api/v0/sdk/{environment}", sdk::router(&state));
    Router::new()
        .nest(prefix, endpoints)
        // RFC 8414 section 3.1: an issuer's path comes after the well-known part.
        .route(
            &discovery::authorization_server_path(prefix),
            get(discovery::openid_configuration),
        )
        .fallback(|| async { StatusCode::NOT_FOUND })
        .with_state(state)
}
