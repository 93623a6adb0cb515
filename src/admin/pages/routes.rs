//! Routes and upstreams, as the running configuration has them, and where that comes from.

use std::sync::Arc;

use askama::Template;
use axum::Form;
use axum::extract::State;
use axum::response::{IntoResponse, Redirect, Response};

use super::{Frame, ROUTES, Sent, ago, moment, page};
use crate::admin::AdminState;
use crate::admin::browser::Visitor;
use crate::admin::config;
use crate::admin::fault::Fault;
use crate::admin::routing::{self, RouteRow, UpstreamRow};
use crate::runtime::Attempt;

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
pub(super) async fn show(State(state): State<AdminState>, visitor: Visitor) -> Response {
    let file = state.runtime.file();
    page(&Page {
        frame: Frame::new(ROUTES, "Routes and upstreams", visitor),
        routes: routing::routes(&state),
        upstreams: routing::upstreams(&state),
        file: file.map(|file| file.display().to_string()),
        last: state.runtime.last_attempt(),
        needs_restart: state.runtime.view().needs_restart.clone(),
    })
}

/// `POST /dashboard/routes/reload`. What came of it is on the page.
pub(super) async fn reload(
    State(state): State<AdminState>,
    visitor: Visitor,
    Form(sent): Form<Sent>,
) -> Result<Response, Fault> {
    visitor.check(&sent.csrf)?;
    config::reload_now(&state, &visitor.operator).await;
    Ok(Redirect::to(ROUTES).into_response())
}
