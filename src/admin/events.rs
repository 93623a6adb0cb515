//! The feed of events, for apps that poll instead of receiving webhooks.

use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use tokio::time::{Instant, timeout_at};
use utoipa::ToSchema;

use super::AdminState;
use super::api_error::ApiError;
use super::body::ValidQuery;
use super::refusals;
use crate::webhooks::Message;

/// `?after=…&limit=…&wait=…`.
#[derive(Clone, Debug, Default, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub struct EventsQuery {
    /// The number of the last event that was read: the `next` of the answer before. Without it, the
    /// oldest events that are kept come first.
    #[serde(default)]
    after: u64,
    /// The maximum number of events; 100 if omitted, at most 1000.
    #[serde(default)]
    limit: Option<usize>,
    /// How many seconds to wait for an event if there is none, at most 30.
    #[serde(default)]
    wait: u64,
}

/// A part of the feed.
#[derive(Debug, Serialize, ToSchema)]
pub struct Feed {
    /// The oldest first.
    pub events: Vec<Message>,
    /// What to ask for the next events with, as `after`.
    pub next: u64,
    /// The number of the latest event there is.
    pub latest: u64,
}

/// Read events in their order. Whoever asks with the `next` of the answer before misses none.
#[utoipa::path(
    get,
    path = "/admin/api/events",
    operation_id = "listEvents",
    tag = "events",
    params(EventsQuery),
    responses(
        (status = 200, description = "The events after `after`.", body = Feed),
        refusals::Look, refusals::BadRequest, refusals::Gone, refusals::Unavailable,
    ),
)]
pub async fn feed(
    State(state): State<AdminState>,
    ValidQuery(query): ValidQuery<EventsQuery>,
) -> Result<Json<Feed>, ApiError> {
    let environment_id = state.exchange().minter().environment_id;
    let until = Instant::now() + Duration::from_secs(query.wait.min(LONGEST_WAIT));
    let limit = query.limit.unwrap_or(DEFAULT_LIMIT);
    let mut heard = state.store.latest_event();
    loop {
        heard.borrow_and_update();
        let found = state.store.events_since(query.after, limit).await?;
        let was_swept = 0 < query.after && query.after < found.swept;
        if was_swept || found.latest < query.after {
            return Err(gone(query.after, found.swept, found.latest));
        }
        if !found.events.is_empty() || until <= Instant::now() {
            let next = found
                .events
                .last()
                .map_or(query.after, |last| last.sequence);
            let events = found.events.into_iter();
            return Ok(Json(Feed {
                events: events
                    .map(|row| Message::new(row, environment_id))
                    .collect(),
                next,
                latest: found.latest,
            }));
        }
        // Another gateway's event is not always heard of.
        let look = until.min(Instant::now() + LOOK);
        if let Ok(Err(_)) = timeout_at(look, heard.changed()).await {
            tokio::time::sleep_until(look).await;
        }
    }
}

fn gone(after: u64, swept: u64, latest: u64) -> ApiError {
    let message = match latest < after {
        true => {
            format!("there is no event {after}: the latest is {latest}, so the store was set back")
        }
        false => format!("events up to {swept} are no longer kept: start again without `after`"),
    };
    ApiError::new(StatusCode::GONE, "events_gone", message)
}

const DEFAULT_LIMIT: usize = 100;
/// In seconds: shorter than what proxies wait for an answer.
const LONGEST_WAIT: u64 = 30;
const LOOK: Duration = Duration::from_secs(1);
