//! Logging in to the dashboard, with a token or as the user who is signed in at the gateway, and out.

use std::sync::Arc;

use askama::Template;
use axum::extract::{RawQuery, State};
use axum::http::header::SET_COOKIE;
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::{IntoResponse, Redirect, Response};
use axum::{Extension, Form};
use serde::Deserialize;
use serde_json::Map;

use super::kept_form::KeptForm;
use super::return_path;
use super::text::sentence;
use super::visit::visit;
use super::{LOGIN, OVERVIEW, Sent, done, page};
use crate::admin::AdminState;
use crate::admin::access::Operator;
use crate::admin::api_error::ApiError;
use crate::admin::audit;
use crate::admin::browser::{DashboardUser, LoggedIn};
use crate::admin::notice::Notice;
use crate::admin::refused_tokens::Peer;
use crate::jwt;

#[derive(Template)]
#[template(path = "dashboard/login.html")]
struct Page {
    /// Why the last attempt failed.
    problem: Option<String>,
    /// What was just done.
    notice: Option<&'static Notice>,
    /// Where users sign in, if they can be operators.
    gateway: Option<String>,
    /// Whether this browser may be signed in there.
    has_cookie: bool,
    /// The page that the login leads to; empty for the first one.
    return_to: String,
    /// The form that the login leads to in its place.
    kept: Option<KeptForm>,
    /// Whether a form was sent that was not kept.
    is_form_lost: bool,
}

impl Page {
    fn new(state: &AdminState, headers: &HeaderMap) -> Self {
        let users = state.access.users();
        Self {
            problem: None,
            notice: None,
            gateway: users.map(|_| state.live_config.view().config.public_url.to_string()),
            has_cookie: users.is_some_and(|users| users.has_cookie(headers)),
            return_to: String::new(),
            kept: None,
            is_form_lost: false,
        }
    }

    /// That leads to what the form of the page before named.
    fn leading(self, back: Back) -> Self {
        Self {
            return_to: back.page().unwrap_or_default().to_owned(),
            kept: back.form(),
            ..self
        }
    }

    fn refused(self, status: StatusCode, problem: impl Into<String>) -> Response {
        let answer = page(&Self {
            problem: Some(problem.into()),
            ..self
        });
        (status, answer).into_response()
    }
}

#[derive(Deserialize)]
pub(super) struct Login {
    token: String,
    #[serde(flatten)]
    back: Back,
}

/// Where a login leads.
#[derive(Deserialize)]
pub(super) struct Back {
    #[serde(default)]
    return_to: String,
    /// The address of a form that waits for the login.
    #[serde(default)]
    kept_at: String,
    /// Its fields.
    #[serde(default)]
    kept: String,
}

impl Back {
    fn page(&self) -> Option<&str> {
        return_path::checked(&self.return_to)
    }

    fn form(&self) -> Option<KeptForm> {
        KeptForm::new(&self.kept_at, self.kept.as_bytes())
    }
}

/// `GET /dashboard/login`.
pub(super) async fn show(
    State(state): State<AdminState>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Response {
    if state.access.needs_token() {
        page(&Page {
            notice: Notice::in_query(query.as_deref()),
            return_to: return_path::in_query(query.as_deref()),
            ..Page::new(&state, &headers)
        })
    } else {
        Redirect::to(OVERVIEW).into_response()
    }
}

/// The login page in answer to a form of nobody who is logged in.
pub(super) fn ask(state: &AdminState, headers: &HeaderMap, kept: Option<KeptForm>) -> Response {
    let asked = page(&Page {
        is_form_lost: kept.is_none(),
        kept,
        ..Page::new(state, headers)
    });
    (StatusCode::UNAUTHORIZED, asked).into_response()
}

/// `POST /dashboard/login`: with an admin token, or with a user's own.
pub(super) async fn log_in(
    State(state): State<AdminState>,
    peer: Option<Extension<Peer>>,
    headers: HeaderMap,
    Form(Login { token, back }): Form<Login>,
) -> Response {
    let peer = peer.map(|Extension(peer)| peer);
    let pasted = jwt::pasted(&token, &state.issuers()).token;
    let token = match state.access.users() {
        // Of an admin token, nothing is taken for a decoration.
        Some(_) if pasted.matches('.').count() == 2 => pasted.as_str(),
        _ => token.trim(),
    };
    let found = state.access.holder(token.as_bytes(), peer, &headers).await;
    let wrong = match state.access.users() {
        Some(_) => "This token is not valid or has expired, or its session has ended.",
        None => "This admin token is not valid or has expired.",
    };
    let found = found.map(|it| it.from_peer(peer));
    finish(&state, &headers, found, (wrong, back)).await
}

/// `POST /dashboard/login/session`: as the user who is signed in at the gateway with this browser.
pub(super) async fn log_in_as_user(
    State(state): State<AdminState>,
    peer: Option<Extension<Peer>>,
    headers: HeaderMap,
    Form(back): Form<Back>,
) -> Response {
    let peer = peer.map(|Extension(peer)| peer);
    let found = state.access.user(peer, &headers).await;
    let found = found.and_then(|found| found.ok_or_else(ApiError::unauthorized));
    let wrong = "You are not signed in at the gateway with this browser, or the session has ended.";
    let found = found.map(|it| it.from_peer(peer));
    finish(&state, &headers, found, (wrong, back)).await
}

async fn finish(
    state: &AdminState,
    headers: &HeaderMap,
    found: Result<Operator, ApiError>,
    (wrong, back): (&'static str, Back),
) -> Response {
    let fault = match found {
        Ok(operator) => {
            if operator.session().is_some() {
                let (store, name) = (&*state.store, Arc::clone(&operator.name));
                audit::record(store, &operator, "operator.sign_in", &name, Map::new()).await;
            }
            return log_in_as(state, operator, &back);
        }
        Err(fault) => fault,
    };
    let form = Page::new(state, headers).leading(back);
    match fault.status {
        StatusCode::UNAUTHORIZED => form.refused(fault.status, wrong),
        status => form.refused(status, sentence(&fault.message)),
    }
}

/// Opens a session, which leads to the form that waited for it, or to a page.
fn log_in_as(state: &AdminState, operator: Operator, back: &Back) -> Response {
    let LoggedIn {
        cookie,
        mut dashboard_user,
    } = state.dashboard_sessions.log_in(operator);
    let next = match back.form() {
        Some(kept) => {
            let address = kept.address.parse::<Uri>().unwrap_or_default();
            dashboard_user.visit = visit(state, &address);
            kept.offer(dashboard_user)
        }
        None => Redirect::to(back.page().unwrap_or(OVERVIEW)).into_response(),
    };
    ([(SET_COOKIE, cookie)], next).into_response()
}

/// `POST /dashboard/logout`.
pub(super) async fn log_out(
    State(state): State<AdminState>,
    dashboard_user: DashboardUser,
    headers: HeaderMap,
    Form(sent): Form<Sent>,
) -> Result<Response, ApiError> {
    dashboard_user.check(&sent.csrf)?;
    let cookie = state
        .dashboard_sessions
        .log_out(&state.access, &headers)
        .await?;
    Ok(([(SET_COOKIE, cookie)], done(LOGIN, "logged-out")).into_response())
}
