//! The forms of the upstreams' table: draining and weighing a server.

use axum::Form;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use serde::Deserialize;

use super::confirm::{Destructive, Question};
use super::{ROUTES, done, length};
use crate::admin::AdminState;
use crate::admin::api_error::ApiError;
use crate::admin::browser::DashboardUser;
use crate::admin::routing::{self, UpstreamRow};
use crate::admin::upstreams::{self, Drain, Weigh};

#[derive(Deserialize)]
pub(super) struct DrainForm {
    csrf: String,
    server: String,
    minutes: u32,
}

#[derive(Deserialize)]
pub(super) struct UndrainForm {
    csrf: String,
    server: String,
}

#[derive(Deserialize)]
pub(super) struct WeightForm {
    csrf: String,
    server: String,
    /// Empty for the configured one.
    weight: String,
    minutes: u32,
}

/// `POST /dashboard/upstreams/{name}/drain`.
pub(super) async fn drain(
    State(state): State<AdminState>,
    dashboard_user: DashboardUser,
    Path(name): Path<String>,
    form: Destructive<DrainForm>,
) -> Result<Response, ApiError> {
    dashboard_user.check(&form.sent.csrf)?;
    let wanted = Drain {
        server: form.sent.server.clone(),
        seconds: u64::from(form.sent.minutes) * 60,
    };
    if !form.is_confirmed() {
        let question = draining(&state, &name, &wanted);
        return Ok(form.ask(dashboard_user, question));
    }
    let operator = &dashboard_user.operator;
    let drained = upstreams::drain_server(&state, operator, &name, wanted).await;
    answer(drained, "drained")
}

/// `POST /dashboard/upstreams/{name}/undrain`.
pub(super) async fn undrain(
    State(state): State<AdminState>,
    dashboard_user: DashboardUser,
    Path(name): Path<String>,
    Form(sent): Form<UndrainForm>,
) -> Result<Response, ApiError> {
    dashboard_user.check(&sent.csrf)?;
    let operator = &dashboard_user.operator;
    let undrained = upstreams::undrain_server(&state, operator, &name, &sent.server).await;
    answer(undrained, "undrained")
}

/// `POST /dashboard/upstreams/{name}/weight`.
pub(super) async fn weigh(
    State(state): State<AdminState>,
    dashboard_user: DashboardUser,
    Path(name): Path<String>,
    Form(sent): Form<WeightForm>,
) -> Result<Response, ApiError> {
    dashboard_user.check(&sent.csrf)?;
    let weight = match sent.weight.trim() {
        "" => None,
        text => Some(text.parse().map_err(|_| {
            ApiError::bad_request(
                "a weight is a number from 1 to 255, or empty for the configured one",
            )
        })?),
    };
    let wanted = Weigh {
        server: sent.server,
        weight,
        seconds: u64::from(sent.minutes) * 60,
    };
    let operator = &dashboard_user.operator;
    let weighed = upstreams::weigh_server(&state, operator, &name, wanted).await;
    answer(weighed, "weighed")
}

/// The question before a server is drained.
fn draining(state: &AdminState, upstream: &str, wanted: &Drain) -> Question {
    let server = &wanted.server;
    let mut effect = format!(
        "No gateway sends it new requests for {}; those that run are finished.",
        length(wanted.seconds)
    );
    let upstreams = routing::upstreams(state);
    let named = upstreams.iter().find(|row| row.name == upstream);
    if named.is_some_and(|row| is_last(row, server)) {
        effect.push_str(" It is the last server: requests will be answered with 503.");
    }
    Question {
        section: ROUTES,
        title: format!("Drain {server}?"),
        effect,
        verb: "Drain the server",
        back: ROUTES.to_owned(),
    }
}

/// Whether nothing is left of an upstream without this server.
fn is_last(upstream: &UpstreamRow, server: &str) -> bool {
    let mut others = upstream.servers.iter();
    others.all(|other| other.server == server || other.drained.is_some())
}

/// The table as it is now. What people cannot help is said there, too.
fn answer(changed: Result<(), ApiError>, word: &'static str) -> Result<Response, ApiError> {
    match changed {
        Ok(()) => Ok(done(ROUTES, word)),
        Err(fault) if matches!(fault.status, StatusCode::NOT_FOUND | StatusCode::CONFLICT) => {
            Ok(done(ROUTES, "not-overridden"))
        }
        Err(fault) => Err(fault),
    }
}
