//! Routes and upstreams, as the running configuration has them, and where that comes from.

use std::sync::Arc;

use askama::Template;
use axum::Form;
use axum::extract::State;
use axum::response::Response;
use serde::Deserialize;

use super::{Frame, ROUTES, Sent, ago, ahead, done, moment, page};
use crate::admin::api_error::ApiError;
use crate::admin::browser::DashboardUser;
use crate::admin::route_explain::{self, Question, RouteAnswer};
use crate::admin::routing::{self, RouteRow, ServerRow, UpstreamRow};
use crate::admin::{AdminState, config};
use crate::clock::UnixTime;
use crate::jwt::Verdict;
use crate::live_config::Attempt;

#[derive(Template)]
#[template(path = "dashboard/routes.html")]
struct Page {
    frame: Frame,
    routes: Vec<RouteRow>,
    /// Those that a question may name.
    listeners: Vec<String>,
    upstreams: Vec<UpstreamRow>,
    /// The configuration's file.
    file: Option<String>,
    last: Option<Arc<Attempt>>,
    needs_restart: Vec<&'static str>,
    /// What was asked about a request, and the answer.
    asked: ExplainForm,
    answer: Option<Result<RouteAnswer, String>>,
}

/// A question about a request.
#[derive(Clone, Default, Deserialize)]
pub(super) struct ExplainForm {
    #[serde(default)]
    csrf: String,
    #[serde(default)]
    method: String,
    #[serde(default)]
    url: String,
    #[serde(default)]
    token: String,
    /// One field of the header a line.
    #[serde(default)]
    headers: String,
    #[serde(default)]
    listener: String,
}

impl Page {
    fn new(
        state: &AdminState,
        dashboard_user: DashboardUser,
        asked: ExplainForm,
        answer: Option<Result<RouteAnswer, String>>,
    ) -> Self {
        let file = state.live_config.file();
        Self {
            frame: Frame::new(ROUTES, "Routes and upstreams", dashboard_user),
            routes: routing::routes(state),
            listeners: route_explain::forwarding(state),
            upstreams: routing::upstreams(state),
            file: file.map(|file| file.display().to_string()),
            last: state.live_config.last_attempt(),
            needs_restart: state.live_config.view().needs_restart.clone(),
            asked,
            answer,
        }
    }

    fn methods(&self) -> [&'static str; 7] {
        ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"]
    }

    /// For how many minutes a server is drained or weighed.
    fn times(&self) -> &'static [(u32, &'static str)] {
        TIMES
    }

    /// Whether nothing is left of an upstream without this server.
    fn is_last(&self, upstream: &UpstreamRow, server: &ServerRow) -> bool {
        let mut others = upstream.servers.iter();
        others.all(|other| other.server == server.server || other.drained.is_some())
    }

    fn ends(&self, until: &UnixTime) -> String {
        ahead(&(UnixTime::now().until(*until).as_secs_f64()))
    }

    fn tone_of(&self, verdict: &Verdict) -> &'static str {
        match verdict {
            Verdict::Pass => "good",
            Verdict::Fail => "bad",
            Verdict::Skipped => "quiet",
        }
    }

    fn word(&self, verdict: &Verdict) -> &'static str {
        match verdict {
            Verdict::Pass => "pass",
            Verdict::Fail => "fail",
            Verdict::Skipped => "skipped",
        }
    }
}

/// `GET /dashboard/routes`.
pub(super) async fn show(
    State(state): State<AdminState>,
    dashboard_user: DashboardUser,
) -> Response {
    page(&Page::new(
        &state,
        dashboard_user,
        ExplainForm::default(),
        None,
    ))
}

/// `POST /dashboard/routes/explain`. A token is in bodies only, never in an address.
pub(super) async fn explain(
    State(state): State<AdminState>,
    dashboard_user: DashboardUser,
    Form(asked): Form<ExplainForm>,
) -> Result<Response, ApiError> {
    dashboard_user.check(&asked.csrf)?;
    let question = Question {
        method: asked.method.clone(),
        url: asked.url.clone(),
        token: Some(asked.token.clone()).filter(|token| !token.trim().is_empty()),
        headers: asked
            .headers
            .lines()
            .map(str::trim)
            .filter(|line| !line.is_empty())
            .map(str::to_owned)
            .collect(),
        listener: Some(asked.listener.clone()).filter(|name| !name.is_empty()),
    };
    let answer = route_explain::answer(&state, &question).await;
    let answer = answer.map_err(|fault| fault.message);
    Ok(page(&Page::new(
        &state,
        dashboard_user,
        asked,
        Some(answer),
    )))
}

/// `POST /dashboard/routes/reload`. What came of it is on the page.
pub(super) async fn reload(
    State(state): State<AdminState>,
    dashboard_user: DashboardUser,
    Form(sent): Form<Sent>,
) -> Result<Response, ApiError> {
    dashboard_user.check(&sent.csrf)?;
    let attempt = config::reload_now(&state, &dashboard_user.operator).await;
    let word = if attempt.succeeded {
        "reloaded"
    } else {
        "not-reloaded"
    };
    Ok(done(ROUTES, word))
}

const TIMES: &[(u32, &str)] = &[
    (10, "10 minutes"),
    (60, "1 hour"),
    (8 * 60, "8 hours"),
    (24 * 60, "1 day"),
    (7 * 24 * 60, "7 days"),
];
