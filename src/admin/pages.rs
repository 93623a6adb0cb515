//! The dashboard: pages over what the admin API does, for a browser on the admin listener.
//!
//! Everything works by links and forms; the script only spares clicks. Pages load nothing from
//! elsewhere and run nothing inline, and the policy says so.

use std::sync::Arc;

use askama::Template;
use axum::Router;
use axum::extract::{FromRequestParts, Request, State};
use axum::http::header::{CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY, X_FRAME_OPTIONS};
use axum::http::request::Parts;
use axum::http::{HeaderValue, StatusCode};
use axum::middleware::{self, Next};
use axum::response::{Html, IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use serde::Deserialize;

mod audit;
mod external;
mod keys;
mod login;
mod overview;
mod routes;
mod sessions;
mod users;

use super::AdminState;
use super::access::{self, Asked, Operator};
use super::browser::Visitor;
use super::fault::Fault;
use crate::clock::UnixTime;
use crate::config::Role;

/// All pages, under `/dashboard`.
pub(super) fn router(state: &AdminState) -> Router<AdminState> {
    let inside = Router::new()
        .route("/dashboard", get(overview::show))
        .route("/dashboard/external", get(external::show))
        .route("/dashboard/external/test", post(external::test))
        .route("/dashboard/external/{name}/enabled", post(external::turn))
        .route(
            "/dashboard/external/{name}/refresh",
            post(external::refresh),
        )
        .route("/dashboard/users", get(users::list))
        .route("/dashboard/users/{id}", get(users::show))
        .route("/dashboard/users/{id}/blocked", post(users::block))
        .route("/dashboard/users/{id}/sign-out", post(users::sign_out))
        .route("/dashboard/users/{id}/delete", post(users::delete))
        .route("/dashboard/sessions", get(sessions::list))
        .route("/dashboard/sessions/{sid}/revoke", post(sessions::revoke))
        .route("/dashboard/keys", get(keys::show))
        .route("/dashboard/keys/rotate", post(keys::rotate))
        .route("/dashboard/keys/{kid}/revoke", post(keys::revoke))
        .route("/dashboard/routes", get(routes::show))
        .route("/dashboard/audit", get(audit::show))
        .route("/dashboard/logout", post(login::log_out))
        .route_layer(middleware::from_fn_with_state(state.clone(), only_visitors));
    Router::new()
        .route("/", get(|| async { Redirect::to("/dashboard") }))
        .route("/dashboard/login", get(login::show).post(login::log_in))
        .route("/dashboard/style.css", get(style))
        .route("/dashboard/page.js", get(script))
        .merge(inside)
        .layer(middleware::map_response(with_policy))
        .layer(middleware::from_fn_with_state(
            Arc::clone(&state.access),
            only_this_site,
        ))
}

/// What every page shows around its content.
pub(super) struct Frame {
    title: &'static str,
    visitor: Visitor,
}

impl Frame {
    fn new(title: &'static str, visitor: Visitor) -> Self {
        Self { title, visitor }
    }

    /// What each form repeats.
    fn csrf(&self) -> &str {
        &self.visitor.csrf
    }

    /// Whether forms that change something are shown.
    fn may_change(&self) -> bool {
        self.visitor.operator.role == Role::Admin
    }

    /// The menu: address and title.
    fn menu(&self) -> [(&'static str, &'static str); 7] {
        [
            ("/dashboard", "Overview"),
            ("/dashboard/external", "External authentication"),
            ("/dashboard/users", "Users"),
            ("/dashboard/sessions", "Sessions"),
            ("/dashboard/keys", "Signing keys"),
            ("/dashboard/routes", "Routes and upstreams"),
            ("/dashboard/audit", "Audit"),
        ]
    }
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

/// A moment as operators read it: RFC 3339, in UTC.
fn moment(at: &UnixTime) -> String {
    if at.0 > LAST_MOMENT {
        return "never".to_owned();
    }
    let at = std::time::UNIX_EPOCH + std::time::Duration::from_secs(at.0);
    humantime::format_rfc3339_seconds(at).to_string()
}

/// Seconds as operators read them.
fn seconds(count: u64) -> String {
    humantime::format_duration(std::time::Duration::from_secs(count)).to_string()
}

impl<S: Send + Sync> FromRequestParts<S> for Visitor {
    type Rejection = Fault;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Fault> {
        parts
            .extensions
            .get::<Self>()
            .cloned()
            .ok_or_else(Fault::unauthorized)
    }
}

/// Names of this machine only, and forms of this origin only: a browser says so in one field at
/// least.
async fn only_this_site(
    State(access): State<Arc<access::Access>>,
    request: Request,
    next: Next,
) -> Response {
    let headers = request.headers();
    if let Err(fault) = access.check_host(headers) {
        return fault.into_response();
    }
    if !request.method().is_safe() {
        let says = headers.contains_key("origin") || headers.contains_key("sec-fetch-site");
        if !says {
            let fault = Fault::forbidden("cross_origin", "no page of this dashboard asked");
            return fault.into_response();
        }
        if let Err(fault) = access::check_same_origin(headers) {
            return fault.into_response();
        }
    }
    next.run(request).await
}

async fn only_visitors(
    State(state): State<AdminState>,
    mut request: Request,
    next: Next,
) -> Response {
    let visitor = if state.access.needs_token() {
        state.browsers.visitor(request.headers())
    } else {
        Some(state.browsers.local())
    };
    let visitor = match visitor {
        Some(visitor) => match state.access.still_holds(&visitor.operator).await {
            Ok(true) => Some(visitor),
            Ok(false) => {
                state.browsers.forget(&visitor.operator);
                None
            }
            Err(fault) => return fault.into_response(),
        },
        None => None,
    };
    match visitor {
        Some(visitor) => {
            if let Err(fault) = visitor.operator.check(&Asked::by(&request)) {
                return fault.into_response();
            }
            request
                .extensions_mut()
                .insert::<Operator>(visitor.operator.clone());
            request.extensions_mut().insert(visitor);
            next.run(request).await
        }
        None => Redirect::to("/dashboard/login").into_response(),
    }
}

async fn with_policy(mut response: Response) -> Response {
    let headers = response.headers_mut();
    headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    headers.insert(X_FRAME_OPTIONS, HeaderValue::from_static("DENY"));
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("same-origin"));
    response
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

const POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; \
                      form-action 'self'; frame-ancestors 'none'; base-uri 'none'";
/// 9999-12-31T23:59:59Z: the last that RFC 3339 can name.
const LAST_MOMENT: u64 = 253_402_300_799;
