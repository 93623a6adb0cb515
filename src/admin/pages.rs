//! The dashboard: pages over what the admin API does, for a browser on the admin listener.
//!
//! Everything works by links and forms; the script only spares clicks and looks again. Pages load
//! nothing from elsewhere and run nothing inline, and the policy says so.

use std::sync::Arc;

use askama::Template;
use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::middleware;
use axum::response::{Html, IntoResponse, Redirect, Response};
use axum::routing::{any, get, post};
use serde::Deserialize;

mod access_lists;
mod audit;
mod chart;
mod checks;
mod confirm;
mod external;
mod failure;
mod frame;
mod guard;
mod issuer;
mod kept_form;
mod keys;
mod login;
mod overview;
mod people;
mod refusals;
mod return_path;
mod routes;
mod session_view;
mod sessions;
mod text;
mod token;
mod tokens;
mod upstreams;
mod users;
mod visit;
mod webhooks;

use super::AdminState;
use super::api_error::ApiError;
use super::changes::{self, Changes};
use super::notice::done;
use frame::Frame;
use issuer::edit;
use text::{ago, ahead, length, moment, visible};

/// All pages, under `/dashboard`.
pub(super) fn router(state: &AdminState, changes: &Changes) -> Router<AdminState> {
    let of_issuer = Router::new()
        .route("/", get(issuer::show))
        .route("/edit", get(edit::written).post(edit::replace))
        .route("/try", post(edit::try_change))
        .route("/test", post(issuer::test))
        .route("/enabled", post(issuer::set_enabled))
        .route("/refresh", post(issuer::refresh))
        .route("/delete", post(issuer::delete));
    let inside = Router::new()
        .route("/dashboard", get(overview::show))
        .route("/dashboard/external", get(external::show))
        .route("/dashboard/external/test", post(external::test))
        .route(
            "/dashboard/external/new",
            get(edit::blank).post(edit::create),
        )
        .route("/dashboard/external/try", post(edit::try_out))
        .route("/dashboard/external/discover", post(edit::discover))
        .nest("/dashboard/external/issuer/{name}", of_issuer)
        .route("/dashboard/users", get(users::list))
        .route("/dashboard/users/{id}", get(users::show))
        .route("/dashboard/users/{id}/blocked", post(users::block))
        .route("/dashboard/users/{id}/sign-out", post(users::sign_out))
        .route("/dashboard/users/{id}/delete", post(users::delete))
        .route("/dashboard/sessions", get(sessions::list))
        .route(
            "/dashboard/sessions/revoke",
            post(sessions::revoke_selected),
        )
        .route("/dashboard/sessions/{sid}/revoke", post(sessions::revoke))
        .route("/dashboard/keys", get(keys::show))
        .route("/dashboard/keys/rotate", post(keys::rotate))
        .route("/dashboard/keys/{kid}/revoke", post(keys::revoke))
        .route("/dashboard/routes", get(routes::show))
        .route("/dashboard/routes/explain", post(routes::explain))
        .route("/dashboard/routes/reload", post(routes::reload))
        .route("/dashboard/upstreams/{name}/drain", post(upstreams::drain))
        .route(
            "/dashboard/upstreams/{name}/undrain",
            post(upstreams::undrain),
        )
        .route("/dashboard/upstreams/{name}/weight", post(upstreams::weigh))
        .route("/dashboard/refusals", get(refusals::show))
        .route("/dashboard/tokens", get(tokens::show).post(tokens::create))
        .route("/dashboard/tokens/{name}/revoke", post(tokens::revoke))
        .route(
            "/dashboard/access",
            get(access_lists::show).post(access_lists::create),
        )
        .route("/dashboard/access/{id}/entries", post(access_lists::add))
        .route(
            "/dashboard/access/{id}/enabled",
            post(access_lists::set_enabled),
        )
        .route("/dashboard/access/{id}/delete", post(access_lists::delete))
        .route(
            "/dashboard/access/entries/{id}/delete",
            post(access_lists::remove),
        )
        .route("/dashboard/audit", get(audit::show))
        .route("/dashboard/audit/export", get(audit::export))
        .route("/dashboard/webhooks", get(webhooks::list))
        .route("/dashboard/webhooks/{name}", get(webhooks::show))
        .route("/dashboard/webhooks/{name}/test", post(webhooks::test))
        .route("/dashboard/webhooks/{name}/resend", post(webhooks::resend))
        .route("/dashboard/logout", post(login::log_out))
        .route_layer(DefaultBodyLimit::max(LARGEST_FORM))
        .route_layer(middleware::from_fn_with_state(
            changes.and_bodies_up_to(LARGEST_FORM),
            changes::carry_out,
        ))
        .route_layer(middleware::from_fn_with_state(
            state.clone(),
            guard::only_visitors,
        ));
    Router::new()
        .route("/", get(|| async { Redirect::to("/dashboard") }))
        .route("/dashboard/login", get(login::show).post(login::log_in))
        .route("/dashboard/login/session", post(login::log_in_as_user))
        .route("/dashboard/style.css", get(style))
        .route("/dashboard/page.js", get(script))
        .route("/dashboard/mark.svg", get(mark))
        .route("/dashboard/", get(|| async { Redirect::to(OVERVIEW) }))
        .route(
            "/dashboard/{*elsewhere}",
            any(|| async { ApiError::not_found("page") }),
        )
        .merge(inside)
        .method_not_allowed_fallback(|| async { ApiError::method_not_allowed() })
        .layer(middleware::from_fn_with_state(
            Arc::clone(&state.access),
            guard::only_this_site,
        ))
        .layer(middleware::map_response(failure::for_people))
        .layer(middleware::map_response(guard::with_policy))
}

/// A form without fields of its own.
#[derive(Debug, Deserialize)]
struct Sent {
    csrf: String,
}

/// Renders a page.
fn page(template: &impl Template) -> Response {
    match template.render() {
        Ok(text) => Html(text).into_response(),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

async fn style() -> impl IntoResponse {
    (
        [(CONTENT_TYPE, "text/css; charset=utf-8")],
        include_str!("pages/style.css"),
    )
}

async fn script() -> impl IntoResponse {
    let kind = [(CONTENT_TYPE, "text/javascript; charset=utf-8")];
    (kind, include_str!("pages/page.js"))
}

async fn mark() -> impl IntoResponse {
    let kind = [(CONTENT_TYPE, "image/svg+xml")];
    (kind, include_str!("pages/mark.svg"))
}

/// Bytes of a form, whose texts may be long.
const LARGEST_FORM: usize = 2 << 20;

const OVERVIEW: &str = "/dashboard";
const LOGIN: &str = "/dashboard/login";
const EXTERNAL: &str = "/dashboard/external";
const USERS: &str = "/dashboard/users";
const SESSIONS: &str = "/dashboard/sessions";
const ACCESS_LISTS: &str = "/dashboard/access";
const KEYS: &str = "/dashboard/keys";
const REFUSALS: &str = "/dashboard/refusals";
const ROUTES: &str = "/dashboard/routes";
const TOKENS: &str = "/dashboard/tokens";
const WEBHOOKS: &str = "/dashboard/webhooks";
const AUDIT: &str = "/dashboard/audit";

#[cfg(test)]
mod tests;
