//! Webhooks: what was delivered, what was not, and what the receiver said.

use askama::Template;
use axum::Form;
use axum::extract::{Path, State};
use axum::response::Response;
use serde::Deserialize;

use super::{Frame, Sent, WEBHOOKS, ago, done, moment, page};
use crate::admin::AdminState;
use crate::admin::api_error::ApiError;
use crate::admin::body::ValidQuery;
use crate::admin::browser::DashboardUser;
use crate::admin::webhooks::{self, Again, Search, Tested, WebhookRow};
use crate::store::{Delivery, DeliveryState};

#[derive(Template)]
#[template(path = "dashboard/webhooks.html")]
struct List {
    frame: Frame,
    webhooks: Vec<WebhookRow>,
}

#[derive(Template)]
#[template(path = "dashboard/webhook.html")]
struct One {
    frame: Frame,
    name: String,
    shown: DeliveryState,
    deliveries: Vec<Delivery>,
    next: Option<String>,
    tested: Option<Tested>,
}

impl One {
    fn is_shown(&self, state: &DeliveryState) -> bool {
        *state == self.shown
    }

    fn is_pending(&self) -> bool {
        self.shown == DeliveryState::Pending
    }

    fn states(&self) -> [DeliveryState; 3] {
        [
            DeliveryState::Parked,
            DeliveryState::Pending,
            DeliveryState::Delivered,
        ]
    }
}

/// `GET /dashboard/webhooks`.
pub(super) async fn list(
    State(state): State<AdminState>,
    dashboard_user: DashboardUser,
) -> Result<Response, ApiError> {
    Ok(page(&List {
        frame: Frame::new(WEBHOOKS, "Webhooks", dashboard_user),
        webhooks: webhooks::rows(&state).await?,
    }))
}

/// `GET /dashboard/webhooks/{name}`.
pub(super) async fn show(
    State(state): State<AdminState>,
    dashboard_user: DashboardUser,
    Path(name): Path<String>,
    ValidQuery(search): ValidQuery<Search>,
) -> Result<Response, ApiError> {
    one(&state, dashboard_user, name, search, None).await
}

/// `POST /dashboard/webhooks/{name}/test`.
pub(super) async fn test(
    State(state): State<AdminState>,
    dashboard_user: DashboardUser,
    Path(name): Path<String>,
    Form(sent): Form<Sent>,
) -> Result<Response, ApiError> {
    dashboard_user.check(&sent.csrf)?;
    let tested = webhooks::test_now(&state, &dashboard_user.operator, &name).await?;
    let parked = Search::default();
    one(&state, dashboard_user, name, parked, Some(tested)).await
}

#[derive(Deserialize)]
pub(super) struct Resend {
    csrf: String,
    /// The event's number; without it, all that are parked.
    sequence: Option<u64>,
}

/// `POST /dashboard/webhooks/{name}/resend`.
pub(super) async fn resend(
    State(state): State<AdminState>,
    dashboard_user: DashboardUser,
    Path(name): Path<String>,
    Form(sent): Form<Resend>,
) -> Result<Response, ApiError> {
    dashboard_user.check(&sent.csrf)?;
    let again = sent.sequence.map_or(Again::Parked(true), Again::Sequence);
    webhooks::resend_now(&state, &dashboard_user.operator, &name, again).await?;
    let back = format!("/dashboard/webhooks/{name}?state=pending");
    Ok(done(&back, "resent"))
}

async fn one(
    state: &AdminState,
    dashboard_user: DashboardUser,
    name: String,
    search: Search,
    tested: Option<Tested>,
) -> Result<Response, ApiError> {
    webhooks::find(state, &name)?;
    let shown = search.state.unwrap_or(DeliveryState::Parked);
    let found = webhooks::page(state, &name, search).await?;
    Ok(page(&One {
        frame: Frame::new(WEBHOOKS, format!("Webhook {name}"), dashboard_user),
        name,
        shown,
        deliveries: found.deliveries,
        next: found.next,
        tested,
    }))
}
