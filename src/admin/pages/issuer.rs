//! One issuer: its settings, keys and switch, and the test of a token against them.

use askama::Template;
use axum::Form;
use axum::extract::{Path, Query, State};
use axum::response::{IntoResponse, Redirect, Response};
use serde::Deserialize;
use serde_json::Value;

pub(super) mod edit;
mod field;
mod form;
mod preset;

use super::external::{Test, state_of_keys};
use super::token::TestResult;
use super::{EXTERNAL, Frame, Sent, ahead, moment, page};
use crate::admin::api_error::ApiError;
use crate::admin::browser::DashboardUser;
use crate::admin::issuers::{self, IssuerRow};
use crate::admin::{AdminState, token_test};
use crate::issuer::Provisioning;

#[derive(Template)]
#[template(path = "dashboard/issuer.html")]
struct Page {
    frame: Frame,
    issuer: IssuerRow,
    /// What was just done.
    done: Option<&'static str>,
    test_at: String,
    result: Option<TestResult>,
}

impl Page {
    fn is_made(&self) -> bool {
        self.issuer.settings.is_some()
    }

    fn provisioning(&self) -> &'static str {
        match self.issuer.provisioning {
            Provisioning::Auto => "created on first sign-in",
            Provisioning::ExistingOnly => "created by operators only",
            Provisioning::None => "none: sessions without a user",
        }
    }

    /// Settings as they were written that have no row of their own.
    fn written(&self) -> Vec<(String, String)> {
        let settings = self.issuer.settings.iter().flatten();
        let others = settings.filter(|(key, _)| !SHOWN.contains(&key.as_str()));
        let text = |value: &Value| match value {
            Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        others
            .map(|(key, value)| (key.clone(), text(value)))
            .collect()
    }

    /// Fetches that succeeded.
    fn good_fetches(&self) -> u64 {
        let fetches = self.issuer.keys.fetches;
        fetches.changed + fetches.unchanged
    }
}

/// What a redirect says of the form before it.
#[derive(Deserialize)]
pub(super) struct Done {
    #[serde(default)]
    done: String,
}

#[derive(Deserialize)]
pub(super) struct Switch {
    csrf: String,
    enabled: bool,
}

/// `GET /dashboard/external/issuer/{name}`.
pub(super) async fn show(
    State(state): State<AdminState>,
    dashboard_user: DashboardUser,
    Path(name): Path<String>,
    Query(Done { done }): Query<Done>,
) -> Result<Response, ApiError> {
    let done = SAID.into_iter().find(|(word, _)| *word == done);
    render(
        &state,
        dashboard_user,
        &name,
        done.map(|(_, text)| text),
        None,
    )
}

/// `POST /dashboard/external/issuer/{name}/test`. The token is in the body, and in no answer.
pub(super) async fn test(
    State(state): State<AdminState>,
    dashboard_user: DashboardUser,
    Path(name): Path<String>,
    Form(sent): Form<Test>,
) -> Result<Response, ApiError> {
    dashboard_user.check(&sent.csrf)?;
    let explanation = token_test::explain(&state, &sent.token).await;
    let result = TestResult::new(explanation, None);
    render(&state, dashboard_user, &name, None, Some(result))
}

/// `POST /dashboard/external/issuer/{name}/enabled`.
pub(super) async fn set_enabled(
    State(state): State<AdminState>,
    dashboard_user: DashboardUser,
    Path(name): Path<String>,
    Form(sent): Form<Switch>,
) -> Result<Response, ApiError> {
    dashboard_user.check(&sent.csrf)?;
    issuers::set_enabled(&state, &dashboard_user.operator, &name, sent.enabled).await?;
    Ok(to_issuer(&name, if sent.enabled { "on" } else { "off" }))
}

/// `POST /dashboard/external/issuer/{name}/refresh`.
pub(super) async fn refresh(
    State(state): State<AdminState>,
    dashboard_user: DashboardUser,
    Path(name): Path<String>,
    Form(sent): Form<Sent>,
) -> Result<Response, ApiError> {
    dashboard_user.check(&sent.csrf)?;
    let fetched = issuers::fetch_now(&state, &dashboard_user.operator, &name).await?;
    let done = if fetched.refreshed { "fetched" } else { "" };
    Ok(to_issuer(&name, done))
}

/// `POST /dashboard/external/issuer/{name}/delete`.
pub(super) async fn delete(
    State(state): State<AdminState>,
    dashboard_user: DashboardUser,
    Path(name): Path<String>,
    Form(sent): Form<Sent>,
) -> Result<Response, ApiError> {
    dashboard_user.check(&sent.csrf)?;
    issuers::delete_issuer(&state, &dashboard_user.operator, &name).await?;
    Ok(Redirect::to(EXTERNAL).into_response())
}

/// The page of an issuer, with a word of [`SAID`].
pub(super) fn to_issuer(name: &str, done: &str) -> Response {
    // A name is of letters, digits, `.`, `_` and `-`: a path segment as it is.
    let query = if done.is_empty() {
        String::new()
    } else {
        format!("?done={done}")
    };
    Redirect::to(&format!("{EXTERNAL}/issuer/{name}{query}")).into_response()
}

fn render(
    state: &AdminState,
    dashboard_user: DashboardUser,
    name: &str,
    done: Option<&'static str>,
    result: Option<TestResult>,
) -> Result<Response, ApiError> {
    let issuer = issuers::row(state, name)?;
    Ok(page(&Page {
        frame: Frame::new(EXTERNAL, issuer.name.clone(), dashboard_user),
        test_at: format!("{EXTERNAL}/issuer/{}/test#result", issuer.name),
        issuer,
        done,
        result,
    }))
}

/// What can have been done.
const SAID: [(&str, &str); 5] = [
    ("made", "The issuer was added."),
    ("changed", "The settings were saved and are in force."),
    ("on", "The issuer is on: its tokens are accepted."),
    ("off", "The issuer is off: its tokens are refused."),
    ("fetched", "The keys were fetched."),
];
/// Keys of the settings that are shown by what came of them.
const SHOWN: [&str; 12] = [
    "name",
    "iss",
    "aud",
    "cookie_name",
    "cookieName",
    "header",
    "algorithms",
    "provisioning",
    "jwks_url",
    "jwksUrl",
    "enabled",
    "keys",
];
