//! Logging in to the dashboard with the admin token, and out.

use askama::Template;
use axum::extract::State;
use axum::http::header::SET_COOKIE;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Redirect, Response};
use axum::{Extension, Form};
use serde::Deserialize;

use super::{Sent, page};
use crate::admin::AdminState;
use crate::admin::api_error::ApiError;
use crate::admin::browser::DashboardUser;
use crate::admin::refused_tokens::Peer;

#[derive(Template)]
#[template(path = "dashboard/login.html")]
struct Page {
    wrong: bool,
}

#[derive(Deserialize)]
pub(super) struct Login {
    token: String,
}

/// `GET /dashboard/login`.
pub(super) async fn show(State(state): State<AdminState>) -> Response {
    if state.access.needs_token() {
        page(&Page { wrong: false })
    } else {
        Redirect::to("/dashboard").into_response()
    }
}

/// `POST /dashboard/login`.
pub(super) async fn log_in(
    State(state): State<AdminState>,
    peer: Option<Extension<Peer>>,
    Form(Login { token }): Form<Login>,
) -> Result<Response, ApiError> {
    let peer = peer.map(|Extension(peer)| peer);
    match state.access.holder(token.trim().as_bytes(), peer).await {
        Ok(operator) => {
            let cookie = state.dashboard_sessions.log_in(&operator);
            Ok(([(SET_COOKIE, cookie)], Redirect::to("/dashboard")).into_response())
        }
        Err(fault) if fault.status == StatusCode::UNAUTHORIZED => {
            let answer = page(&Page { wrong: true });
            Ok((StatusCode::UNAUTHORIZED, answer).into_response())
        }
        Err(fault) => Err(fault),
    }
}

/// `POST /dashboard/logout`.
pub(super) async fn log_out(
    State(state): State<AdminState>,
    dashboard_user: DashboardUser,
    headers: HeaderMap,
    Form(sent): Form<Sent>,
) -> Result<Response, ApiError> {
    dashboard_user.check(&sent.csrf)?;
    let cookie = state.dashboard_sessions.log_out(&headers).await?;
    Ok(([(SET_COOKIE, cookie)], Redirect::to("/dashboard/login")).into_response())
}
