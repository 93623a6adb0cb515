//! External authentication: the issuers, their switches and keys, and the test of a token.

use askama::Template;
use axum::Form;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Redirect, Response};
use serde::Deserialize;

use super::{Frame, Sent, page, seconds};
use crate::admin::AdminState;
use crate::admin::browser::Visitor;
use crate::admin::fault::Fault;
use crate::admin::issuers::{self, IssuerRow};
use crate::admin::token_test;
use crate::jwt::{Explanation, Verdict};

#[derive(Template)]
#[template(path = "dashboard/external.html")]
struct Page {
    frame: Frame,
    issuers: Vec<IssuerRow>,
    explanation: Option<Explanation>,
}

impl Page {
    fn age(&self, issuer: &IssuerRow) -> String {
        let ago = |age| format!("{} ago", seconds(age));
        issuer.keys.age.map_or_else(|| "never".to_owned(), ago)
    }

    fn verdict(&self, verdict: &Verdict) -> &'static str {
        match verdict {
            Verdict::Pass => "pass",
            Verdict::Fail => "fail",
            Verdict::Skipped => "skipped",
        }
    }
}

#[derive(Deserialize)]
pub(super) struct Switch {
    csrf: String,
    enabled: bool,
}

#[derive(Deserialize)]
pub(super) struct Test {
    csrf: String,
    token: String,
}

/// `GET /dashboard/external`.
pub(super) async fn show(State(state): State<AdminState>, visitor: Visitor) -> Response {
    render(&state, visitor, None)
}

/// `POST /dashboard/external/test`. The token is in the body, and in no answer.
pub(super) async fn test(
    State(state): State<AdminState>,
    visitor: Visitor,
    Form(sent): Form<Test>,
) -> Result<Response, Fault> {
    visitor.check(&sent.csrf)?;
    let explanation = token_test::explain(&state, &sent.token).await;
    Ok(render(&state, visitor, Some(explanation)))
}

/// `POST /dashboard/external/{name}/enabled`.
pub(super) async fn turn(
    State(state): State<AdminState>,
    visitor: Visitor,
    Path(name): Path<String>,
    Form(sent): Form<Switch>,
) -> Result<Response, Fault> {
    visitor.check(&sent.csrf)?;
    issuers::turn(&state, &visitor.operator, &name, sent.enabled).await?;
    Ok(back())
}

/// `POST /dashboard/external/{name}/refresh`.
pub(super) async fn refresh(
    State(state): State<AdminState>,
    visitor: Visitor,
    Path(name): Path<String>,
    Form(sent): Form<Sent>,
) -> Result<Response, Fault> {
    visitor.check(&sent.csrf)?;
    issuers::fetch_now(&state, &visitor.operator, &name).await?;
    Ok(back())
}

fn render(state: &AdminState, visitor: Visitor, explanation: Option<Explanation>) -> Response {
    page(&Page {
        frame: Frame::new("External authentication", visitor),
        issuers: issuers::rows(state),
        explanation,
    })
}

fn back() -> Response {
    Redirect::to("/dashboard/external").into_response()
}
