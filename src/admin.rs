//! The operators' listener: health, metrics and what changes settings. Another port, loopback by
//! default.
//!
//! | path | answer |
//! | --- | --- |
//! | `/live` | 200 while the process answers |
//! | `/ready` | 200 when requests can be served, 503 while starting or draining |
//! | `/metrics` | Prometheus text format |
//! | `/dashboard` | the same for people |
//! | `/admin/api/…` | the admin API |
//! | `/api/v0/environments/…` | what the platform's own admin API has of this |

use std::sync::Arc;

use arc_swap::ArcSwap;
use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::http::header::{CACHE_CONTROL, X_CONTENT_TYPE_OPTIONS};
use axum::http::{HeaderValue, StatusCode};
use axum::middleware;
use axum::response::{IntoResponse, Response};
use axum::routing::{delete, get, post, put};

pub mod access;
pub mod api_error;
pub mod audit;
pub mod body;
pub mod browser;
pub mod config;
pub mod credential;
pub mod environment;
pub mod health;
pub mod history;
pub mod issuers;
pub mod keys;
mod openapi;
pub mod overview;
pub mod page;
mod pages;
pub mod platform_sessions;
pub mod routing;
mod scrape;
pub mod sessions;
pub mod token_test;
pub mod tokens;
pub mod users;

use crate::exchange::Exchange;
use crate::live_config::LiveConfig;
use crate::metrics::Metrics;
use crate::proxy::Snapshot;
use crate::resources::Admission;
use crate::store::Store;
use access::Access;
use api_error::ApiError;
use browser::DashboardSessions;
use health::Health;
use history::History;

/// What the endpoints answer from.
#[derive(Clone)]
pub struct AdminState {
    /// The metrics of this process.
    pub metrics: Arc<Metrics>,
    /// Whether requests can be served.
    pub health: Arc<Health>,
    /// The issuers and the live sessions.
    pub exchange: Arc<Exchange>,
    /// The store with all records.
    pub store: Arc<dyn Store>,
    /// The configuration in force.
    pub live_config: Arc<LiveConfig>,
    /// Routes and upstreams.
    pub snapshot: Arc<ArcSwap<Snapshot>>,
    /// What was counted over the last hour.
    pub history: Arc<History>,
    /// Who may use the admin API, and with which role.
    pub access: Arc<Access>,
    /// Who logged in to the dashboard.
    pub dashboard_sessions: Arc<DashboardSessions>,
    /// How much is spent on clients.
    pub admission: Arc<Admission>,
}

/// Every endpoint of the admin listener.
pub fn router(state: AdminState) -> Router {
    let api = Router::new()
        .route("/admin/api/token/test", post(token_test::test))
        .route(
            "/admin/api/issuers",
            get(issuers::list).post(issuers::create),
        )
        .route(
            "/admin/api/issuers/{name}",
            get(issuers::show)
                .put(issuers::replace)
                .delete(issuers::delete),
        )
        .route("/admin/api/issuers/{name}/refresh", post(issuers::refresh))
        .route("/admin/api/issuers/{name}/enabled", put(issuers::switch))
        .route("/admin/api/users", get(users::list).post(users::create))
        .route(
            "/admin/api/users/{id}",
            get(users::show).delete(users::delete),
        )
        .route("/admin/api/users/{id}/blocked", put(users::block))
        .route("/admin/api/users/{id}/metadata", put(users::describe))
        .route("/admin/api/users/{id}/sign-out", post(users::sign_out))
        .route("/admin/api/sessions", get(sessions::list))
        .route("/admin/api/sessions/{sid}", get(sessions::show))
        .route("/admin/api/sessions/{sid}/revoke", post(sessions::revoke))
        .route("/admin/api/keys", get(keys::list))
        .route("/admin/api/keys/rotate", post(keys::rotate))
        .route("/admin/api/keys/{kid}/revoke", post(keys::revoke))
        .route("/admin/api/tokens", get(tokens::list).post(tokens::create))
        .route("/admin/api/tokens/{name}", delete(tokens::delete))
        .route("/admin/api/audit", get(audit::list))
        .route("/admin/api/overview", get(overview::show))
        .route("/admin/api/routes", get(routing::list))
        .route("/admin/api/config", get(config::show))
        .route("/admin/api/config/reload", post(config::reload))
        .route("/admin/api/openapi.json", get(openapi::show))
        .route(
            "/api/v0/sessions/{sid}/revoke",
            put(platform_sessions::revoke),
        )
        .route(
            "/api/v0/environments/{environment}/users/{user}/sessions/revoke",
            post(platform_sessions::revoke_all),
        )
        .route(
            "/api/v0/environments/{environment}/externalJwt/check",
            post(token_test::check),
        )
        .route(
            "/api/v0/environments/{environment}",
            get(environment::show).put(environment::replace),
        )
        .layer(DefaultBodyLimit::max(LARGEST_BODY));
    let guarded = Router::new()
        .route("/metrics", get(scrape::metrics))
        .merge(api)
        .method_not_allowed_fallback(|| async {
            ApiError::new(
                StatusCode::METHOD_NOT_ALLOWED,
                "method_not_allowed",
                "this path does not support the method",
            )
        })
        .route_layer(middleware::from_fn_with_state(
            Arc::clone(&state.access),
            access::guard,
        ));
    Router::new()
        .route("/live", get(|| async { "live\n" }))
        .route("/ready", get(health::ready))
        .merge(guarded)
        .merge(pages::router(&state))
        .fallback(|| async { ApiError::not_found("path").into_response() })
        .layer(middleware::map_response(guard_answer))
        .with_state(state)
}

/// Nothing here is for a cache, and nothing is what a browser guesses it to be.
async fn guard_answer(mut response: Response) -> Response {
    let headers = response.headers_mut();
    headers
        .entry(CACHE_CONTROL)
        .or_insert(HeaderValue::from_static("no-store"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}

/// Larger than any token that could be accepted, and than any user's metadata should be.
const LARGEST_BODY: usize = 64 * 1024;
