//! Routes and upstreams, as the running configuration has them, and where that comes from.

use std::sync::Arc;

use askama::Template;
use axum::Form;
use axum::extract::State;
use axum::response::Response;

use super::{Frame, ROUTES, Sent, ago, done, moment, page};
use crate::admin::api_error::ApiError;
use crate::admin::browser::DashboardUser;
use crate::admin::routing::{self, RouteRow, UpstreamRow};
use crate::admin::{AdminState, config};
use crate::live_config::Attempt;

#[derive(Template)]
#[template(path = "dashboard/routes.html")]
struct Page {
    frame: Frame,
    routes: Vec<RouteRow>,
    upstreams: Vec<UpstreamRow>,
    /// The configuration's file.
    file: Option<String>,
    last: Option<Arc<Attempt>>,
    needs_restart: Vec<&'static str>,
}

/// `GET /dashboard/routes`.
pub(super) async fn show(
    State(state): State<AdminState>,
    dashboard_user: DashboardUser,
) -> Response {
    let file = state.live_config.file();
    page(&Page {
        frame: Frame::new(ROUTES, "Routes and upstreams", dashboard_user),
        routes: routing::routes(&state),
        upstreams: routing::upstreams(&state),
        file: file.map(|file| file.display().to_string()),
        last: state.live_config.last_attempt(),
        needs_restart: state.live_config.view().needs_restart.clone(),
    })
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
