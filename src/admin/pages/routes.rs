//! Routes and upstreams, as the running configuration has them, and where that comes from.

use std::sync::Arc;

use askama::Template;
use axum::Form;
use axum::extract::State;
use axum::response::Response;
use serde::Deserialize;

use super::checks::Checks;
use super::{Frame, ROUTES, Sent, ago, done, length, moment, page};
use crate::admin::api_error::ApiError;
use crate::admin::browser::DashboardUser;
use crate::admin::route_explain::{self, Question, RouteAnswer};
use crate::admin::routing::{self, Overridden, RouteRow, UpstreamRow};
use crate::admin::{AdminState, config};
use crate::clock::UnixTime;
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

    /// How long what an operator says of a server still holds.
    fn left(&self, says: &Overridden) -> String {
        length(UnixTime::now().until(says.until).as_secs())
    }

    /// How much of the time is left for which an operator spoke, in hundredths of the whole.
    fn share_left(&self, says: &Overridden) -> u64 {
        let whole = says.since.until(says.until).as_secs();
        let left = UnixTime::now().until(says.until).as_secs();
        (left * 100).checked_div(whole).unwrap_or(0)
    }

    /// Whether a route lets every session pass.
    fn asks_nothing(&self, route: &RouteRow) -> bool {
        let lists = [
            &route.require,
            &route.scopes,
            &route.allowed_origins,
            &route.in_addition,
        ];
        let rates = [&route.rate_per_client, &route.rate_per_user];
        lists.iter().all(|list| list.is_empty())
            && rates.iter().all(|rate| rate.is_none())
            && route.step_up.is_none()
    }

    fn checks<'a>(&self, answer: &'a RouteAnswer) -> Checks<'a> {
        Checks::of(&answer.steps)
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
