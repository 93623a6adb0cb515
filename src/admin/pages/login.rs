//! Logging in to the dashboard with the admin token, and out.

use askama::Template;
use axum::Form;
use axum::extract::State;
use axum::http::header::SET_COOKIE;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Redirect, Response};
use serde::Deserialize;

use super::{Sent, page};
use crate::admin::AdminState;
use crate::admin::browser::Visitor;
use crate::admin::fault::Fault;

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
    Form(Login { token }): Form<Login>,
) -> Result<Response, Fault> {
    match state.access.holder(token.trim().as_bytes()).await {
        Ok(operator) => {
            let cookie = state.browsers.log_in(operator);
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
    visitor: Visitor,
    headers: HeaderMap,
    Form(sent): Form<Sent>,
) -> Result<Response, Fault> {
    visitor.check(&sent.csrf)?;
    let cookie = state.browsers.log_out(&headers);
    Ok(([(SET_COOKIE, cookie)], Redirect::to("/dashboard/login")).into_response())
}
