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
//! | `/api/v0/…` | what the platform's own admin API has of this |

use std::sync::Arc;

use arc_swap::ArcSwap;
use axum::extract::DefaultBodyLimit;
use axum::http::HeaderValue;
use axum::http::header::{CACHE_CONTROL, X_CONTENT_TYPE_OPTIONS};
use axum::middleware;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Extension, Router};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub mod access;
pub mod access_lists;
pub mod api_error;
pub mod audit;
pub mod body;
pub mod browser;
mod changes;
mod clocks;
pub mod complaint;
pub mod config;
pub mod credential;
mod degraded;
pub mod device;
pub mod discovery;
pub mod events;
pub mod health;
pub mod history;
pub mod issuers;
pub mod keys;
pub mod notice;
mod openapi;
pub mod overview;
pub mod page;
mod pages;
pub mod platform;
pub mod reason;
pub mod recent_refusals;
mod refusals;
pub mod refused_tokens;
pub mod route_explain;
pub mod routing;
mod scrape;
pub mod sessions;
pub mod store_look;
pub mod token_test;
pub mod tokens;
pub mod upstreams;
pub mod users;
pub mod webhooks;

use crate::clock::other_clock::OtherClock;
use crate::exchange::Exchange;
use crate::jwt::Issuers;
use crate::live_config::LiveConfig;
use crate::metrics::Metrics;
use crate::proxy::Snapshot;
use crate::proxy::request_log::recent_refusals::RecentRefusals;
use crate::resources::Admission;
use crate::store::Store;
use access::Access;
use api_error::ApiError;
use browser::DashboardSessions;
use changes::Changes;
use health::Health;
use history::History;
use openapi::Document;
use store_look::StoreLook;

/// What the endpoints answer from.
#[derive(Clone)]
pub struct AdminState {
    /// The metrics of this process.
    pub metrics: Arc<Metrics>,
    /// Whether requests can be served.
    pub health: Arc<Health>,
    /// The store with all records.
    pub store: Arc<dyn Store>,
    /// The configuration in force.
    pub live_config: Arc<LiveConfig>,
    /// Routes and upstreams.
    pub snapshot: Arc<ArcSwap<Snapshot>>,
    /// The clock of the database, if there is one.
    pub database_clock: Arc<OtherClock>,
    /// What was counted over the last hour.
    pub history: Arc<History>,
    /// The latest refusals of this process.
    pub refusals: Arc<RecentRefusals>,
    /// Who may use the admin API, and with which role.
    pub access: Arc<Access>,
    /// Who logged in to the dashboard.
    pub dashboard_sessions: Arc<DashboardSessions>,
    /// How much is spent on clients.
    pub admission: Arc<Admission>,
    /// What the store says of itself.
    pub store_look: Arc<StoreLook>,
    /// Begins to read again what a reload that is asked for covers in addition to the configuration's
    /// file, such as certificates.
    pub reread: Arc<dyn Fn() + Send + Sync>,
}

impl AdminState {
    /// The issuers in force and the live sessions.
    pub fn exchange(&self) -> Arc<Exchange> {
        Arc::clone(&self.snapshot.load().exchange)
    }

    /// The issuers in force.
    pub fn issuers(&self) -> Arc<Issuers> {
        Arc::clone(self.snapshot.load().exchange.issuers())
    }
}

/// All endpoints.
pub fn router(state: AdminState) -> Router {
    let (api, document) = endpoints().split_for_parts();
    let api = api
        .layer(DefaultBodyLimit::max(LARGEST_BODY))
        .layer(Extension(Document::new(&document)));
    let changes = Changes::with_bodies_up_to(LARGEST_BODY);
    let guarded = Router::new()
        .route("/metrics", get(scrape::metrics))
        .merge(api)
        .method_not_allowed_fallback(|| async { ApiError::method_not_allowed() })
        .route_layer(middleware::from_fn_with_state(
            changes.clone(),
            changes::carry_out,
        ))
        .route_layer(middleware::from_fn_with_state(
            Arc::clone(&state.access),
            access::guard,
        ));
    Router::new()
        .route("/live", get(|| async { "live\n" }))
        .route("/ready", get(health::ready))
        .merge(guarded)
        .merge(pages::router(&state, &changes))
        .fallback(|| async { ApiError::not_found("path").into_response() })
        .layer(middleware::map_response(guard_answer))
        .with_state(state)
}

/// The endpoints of the admin API, which describe themselves.
fn endpoints() -> OpenApiRouter<AdminState> {
    OpenApiRouter::with_openapi(openapi::frame())
        .routes(routes!(token_test::test))
        .routes(routes!(issuers::list, issuers::create))
        .routes(routes!(issuers::show, issuers::replace, issuers::delete))
        .routes(routes!(issuers::refresh))
        .routes(routes!(issuers::switch))
        .routes(routes!(users::list, users::create))
        .routes(routes!(users::show, users::delete))
        .routes(routes!(users::block))
        .routes(routes!(users::describe))
        .routes(routes!(users::sign_out))
        .routes(routes!(sessions::list))
        .routes(routes!(sessions::show))
        .routes(routes!(sessions::revoke))
        .routes(routes!(keys::list))
        .routes(routes!(keys::rotate))
        .routes(routes!(keys::revoke))
        .routes(routes!(tokens::list, tokens::create))
        .routes(routes!(tokens::delete))
        .routes(routes!(audit::list))
        .routes(routes!(events::feed))
        .routes(routes!(webhooks::list))
        .routes(routes!(webhooks::deliveries))
        .routes(routes!(webhooks::resend))
        .routes(routes!(webhooks::test))
        .routes(routes!(overview::show))
        .routes(routes!(recent_refusals::list))
        .routes(routes!(routing::list))
        .routes(routes!(route_explain::explain))
        .routes(routes!(upstreams::list))
        .routes(routes!(upstreams::drain))
        .routes(routes!(upstreams::undrain))
        .routes(routes!(upstreams::weigh))
        .routes(routes!(config::show))
        .routes(routes!(config::reload))
        .routes(routes!(openapi::show))
        .routes(routes!(token_test::check))
        .merge(platform::router())
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
