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
use crate::clock::UnixTime;
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

    fn next_attempt(&self, delivery: &Delivery) -> String {
        next_attempt(delivery, &self.deliveries)
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

/// When a pending event is sent again. One that is due waits for the events of its user that came before it: a
/// receiver gets these in their order.
fn next_attempt(delivery: &Delivery, all: &[Delivery]) -> String {
    if delivery.next_at > UnixTime::now() {
        return ago(&delivery.next_at);
    }
    let comes_before = |other: &&Delivery| {
        other.sequence < delivery.sequence
            && other.user_id.is_some()
            && other.user_id == delivery.user_id
    };
    let before = all.iter().filter(comes_before);
    match before.map(|other| other.sequence).max() {
        Some(sequence) => format!("after event {sequence}"),
        None => "due".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use uuid::Uuid;

    use super::*;
    use crate::store::EventKind;

    fn delivery(sequence: u64, user: u128, next_at: UnixTime) -> Delivery {
        Delivery {
            sequence,
            event_id: Uuid::from_u128(sequence.into()),
            kind: EventKind::UserCreated,
            user_id: Some(Uuid::from_u128(user)),
            state: DeliveryState::Pending,
            attempts: 0,
            since: UnixTime(0),
            next_at,
            last_at: None,
            answer: None,
        }
    }

    #[test]
    fn an_event_that_is_due_waits_for_its_users_earlier_ones() {
        let now = UnixTime::now();
        let (past, soon) = (UnixTime(now.0 - 4), now.plus(Duration::from_secs(60)));
        let all = [
            delivery(9, 1, past),
            delivery(8, 2, past),
            delivery(7, 1, past),
            delivery(5, 1, soon),
        ];
        let said = all.each_ref().map(|one| next_attempt(one, &all));
        assert_eq!(said[..3], ["after event 7", "due", "after event 5"]);
        assert!(said[3].starts_with("in "), "{}", said[3]);
    }
}
