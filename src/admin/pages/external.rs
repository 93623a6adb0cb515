//! External authentication: all issuers, and the test of a token of any of them.

use askama::Template;
use axum::Form;
use axum::extract::State;
use axum::response::Response;
use serde::Deserialize;

use super::token::TestResult;
use super::{EXTERNAL, Frame, length, page};
use crate::admin::AdminState;
use crate::admin::api_error::ApiError;
use crate::admin::browser::DashboardUser;
use crate::admin::issuers::{self, IssuerRow};
use crate::admin::token_test::{self, Tested};
use crate::live_config::ConflictingIssuer;

#[derive(Template)]
#[template(path = "dashboard/external.html")]
struct Page {
    frame: Frame,
    issuers: Vec<IssuerRow>,
    conflicting: Vec<ConflictingIssuer>,
    /// Where the test of a token is sent.
    test_at: &'static str,
    result: Option<TestResult>,
}

#[derive(Deserialize)]
pub(super) struct Test {
    pub(super) csrf: String,
    pub(super) token: String,
}

/// `GET /dashboard/external`.
pub(super) async fn show(
    State(state): State<AdminState>,
    dashboard_user: DashboardUser,
) -> Response {
    render(&state, dashboard_user, None)
}

/// `POST /dashboard/external/test`. The token is in bodies only, never in an address.
pub(super) async fn test(
    State(state): State<AdminState>,
    dashboard_user: DashboardUser,
    Form(sent): Form<Test>,
) -> Result<Response, ApiError> {
    dashboard_user.check(&sent.csrf)?;
    let tested = Tested {
        explanation: token_test::explain(&state, &sent.token).await,
        keys: None,
    };
    let result = TestResult::new(tested, sent.token);
    Ok(render(&state, dashboard_user, Some(result)))
}

/// How the keys of an issuer are: a tone and a few words.
pub(super) fn state_of_keys(issuer: &IssuerRow) -> (&'static str, String) {
    let keys = &issuer.keys;
    let age = keys.age.map(length).unwrap_or_default();
    match (keys.has_keys, keys.degraded) {
        (false, _) => ("bad", "no keys".to_owned()),
        (true, true) => ("warn", format!("last valid keys in use, {age} old")),
        (true, false) if keys.next_refresh.is_none() => ("good", "fixed keys".to_owned()),
        (true, false) => ("good", format!("fetched {age} ago")),
    }
}

fn render(
    state: &AdminState,
    dashboard_user: DashboardUser,
    result: Option<TestResult>,
) -> Response {
    page(&Page {
        frame: Frame::new(EXTERNAL, "External authentication", dashboard_user),
        issuers: issuers::rows(state),
        conflicting: state.live_config.view().conflicting.clone(),
        test_at: "/dashboard/external/test#result",
        result,
    })
}
