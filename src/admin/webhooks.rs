//! Webhooks as operators see them: what was delivered, and what is to be delivered again.

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use utoipa::ToSchema;

use super::AdminState;
use super::access::Operator;
use super::api_error::ApiError;
use super::audit;
use super::body::{Body, Path, ValidQuery};
use super::refusals;
use crate::clock::UnixTime;
use crate::store::{Delivery, DeliveryState, EventKind, PageRequest};
use crate::webhooks::{self, Webhook};

/// The response of `GET /admin/api/webhooks`.
#[derive(Debug, Serialize, ToSchema)]
pub struct WebhookList {
    /// The webhooks of the configuration.
    pub webhooks: Vec<WebhookRow>,
}

/// A webhook, as the API shows it.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Webhook)]
pub struct WebhookRow {
    /// Its name.
    pub name: String,
    /// The host that events are sent to. The rest of the URL may be secret.
    pub host: String,
    /// The kinds of events that are sent; empty for all.
    pub events: Vec<EventKind>,
    /// Events that were not sent yet.
    pub waiting: u64,
    /// Events that are sent again.
    pub pending: u64,
    /// Events that are not sent again by themselves.
    pub parked: u64,
}

/// `?state=…&after=…&limit=…`.
#[derive(Clone, Debug, Default, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Search {
    /// In this state; parked ones without it.
    #[serde(default)]
    pub state: Option<DeliveryState>,
    /// The `next` of the page before.
    #[serde(default)]
    pub after: Option<String>,
    /// The maximum number of entries; 50 if omitted, at most 1000.
    #[serde(default)]
    pub limit: Option<usize>,
}

/// A part of the deliveries.
#[derive(Debug, Serialize, ToSchema)]
pub struct DeliveryPage {
    /// Those of the newest events first.
    pub deliveries: Vec<Delivery>,
    /// What to ask for the next page with; null after the last.
    pub next: Option<String>,
}

/// What to send again: one of the two.
#[derive(Clone, Copy, Debug, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Again {
    /// The event of this number.
    Sequence(u64),
    /// With `true`, parked events: up to 1000 of them, the oldest first.
    Parked(bool),
}

/// How much is sent again.
#[derive(Debug, Serialize, ToSchema)]
pub struct Resent {
    /// The number of events.
    pub events: usize,
}

/// What a receiver answered to a test.
#[derive(Debug, Serialize, ToSchema)]
pub struct Tested {
    /// It accepted the event.
    pub accepted: bool,
    /// The status, or why there was none.
    pub answer: String,
}

/// List the webhooks, with what they have not accepted.
#[utoipa::path(
    get,
    path = "/admin/api/webhooks",
    operation_id = "listWebhooks",
    tag = "events",
    responses(
        (status = 200, description = "The webhooks.", body = WebhookList),
        refusals::Look, refusals::Unavailable,
    ),
)]
pub async fn list(State(state): State<AdminState>) -> Result<Json<WebhookList>, ApiError> {
    let webhooks = rows(&state).await?;
    Ok(Json(WebhookList { webhooks }))
}

/// List the deliveries to a webhook, those of the newest events first.
#[utoipa::path(
    get,
    path = "/admin/api/webhooks/{name}/deliveries",
    operation_id = "listDeliveries",
    tag = "events",
    params(("name" = String, Path), Search),
    responses(
        (status = 200, description = "One page.", body = DeliveryPage),
        refusals::Look, refusals::BadRequest, refusals::Missing, refusals::Unavailable,
    ),
)]
pub async fn deliveries(
    State(state): State<AdminState>,
    Path(name): Path<String>,
    ValidQuery(search): ValidQuery<Search>,
) -> Result<Json<DeliveryPage>, ApiError> {
    find(&state, &name)?;
    page(&state, &name, search).await.map(Json)
}

/// Send an event, or all that are parked, again.
#[utoipa::path(
    post,
    path = "/admin/api/webhooks/{name}/resend",
    operation_id = "resendEvents",
    tag = "events",
    params(("name" = String, Path)),
    request_body = Again,
    responses(
        (status = 200, description = "They are sent soon.", body = Resent),
        refusals::Change, refusals::Missing, refusals::Invalid, refusals::Unavailable,
    ),
)]
pub async fn resend(
    State(state): State<AdminState>,
    operator: Operator,
    Path(name): Path<String>,
    Body(again): Body<Again>,
) -> Result<Json<Resent>, ApiError> {
    let events = resend_now(&state, &operator, &name, again).await?;
    Ok(Json(Resent { events }))
}

/// Send a test event, once, and return the receiver's answer.
#[utoipa::path(
    post,
    path = "/admin/api/webhooks/{name}/test",
    operation_id = "testWebhook",
    tag = "events",
    params(("name" = String, Path)),
    responses(
        (status = 200, description = "The receiver's answer.", body = Tested),
        refusals::Change, refusals::Missing,
    ),
)]
pub async fn test(
    State(state): State<AdminState>,
    operator: Operator,
    Path(name): Path<String>,
) -> Result<Json<Tested>, ApiError> {
    test_now(&state, &operator, &name).await.map(Json)
}

/// The webhooks of the configuration in force.
pub(super) async fn rows(state: &AdminState) -> Result<Vec<WebhookRow>, ApiError> {
    let webhooks = state.live_config.view().config.webhooks.clone();
    let latest = state.store.events_since(u64::MAX, 1).await?.latest;
    let mut rows = Vec::new();
    for webhook in webhooks {
        let outstanding = state.store.count_deliveries(&webhook.name).await?;
        rows.push(WebhookRow {
            host: webhook.url.host_str().unwrap_or_default().to_owned(),
            events: webhook.events.iter().copied().collect(),
            waiting: latest.saturating_sub(outstanding.up_to),
            pending: outstanding.pending,
            parked: outstanding.parked,
            name: webhook.name,
        });
    }
    Ok(rows)
}

pub(super) async fn page(
    state: &AdminState,
    name: &str,
    search: Search,
) -> Result<DeliveryPage, ApiError> {
    let request = PageRequest {
        after: search.after.filter(|after| !after.is_empty()),
        limit: search.limit.unwrap_or(DEFAULT_LIMIT),
    };
    let in_state = search.state.unwrap_or(DeliveryState::Parked);
    let page = state.store.deliveries(name, in_state, request).await?;
    Ok(DeliveryPage {
        deliveries: page.items,
        next: page.next,
    })
}

/// Lets events be sent again, and writes down who said so. How many there are.
pub(super) async fn resend_now(
    state: &AdminState,
    operator: &Operator,
    name: &str,
    again: Again,
) -> Result<usize, ApiError> {
    find(state, name)?;
    let now = UnixTime::now();
    let (events, what) = match again {
        Again::Sequence(sequence) => {
            if !state.store.resend(name, sequence, now).await? {
                return Err(ApiError::not_found("event that this webhook has reached"));
            }
            (1, json!(sequence))
        }
        Again::Parked(false) => (0, json!("parked")),
        Again::Parked(true) => {
            let resent = state.store.resend_parked(name, PageRequest::MAX, now);
            (resent.await?, json!("parked"))
        }
    };
    let detail = Map::from_iter([("events".to_owned(), what)]);
    audit::record(&*state.store, operator, "webhook.resend", name, detail).await;
    Ok(events)
}

/// Sends a test event, and writes down who did.
pub(super) async fn test_now(
    state: &AdminState,
    operator: &Operator,
    name: &str,
) -> Result<Tested, ApiError> {
    let webhook = find(state, name)?;
    let environment_id = state.exchange().minter().environment_id;
    let answer = webhooks::test(&webhook, environment_id).await;
    let detail = Map::from_iter([("answer".to_owned(), Value::from(answer.answer.clone()))]);
    audit::record(&*state.store, operator, "webhook.test", name, detail).await;
    Ok(Tested {
        accepted: answer.is_accepted,
        answer: answer.answer,
    })
}

pub(super) fn find(state: &AdminState, name: &str) -> Result<Webhook, ApiError> {
    let view = state.live_config.view();
    let mut webhooks = view.config.webhooks.iter();
    let found = webhooks.find(|webhook| webhook.name == name).cloned();
    found.ok_or_else(|| ApiError::not_found("webhook"))
}

const DEFAULT_LIMIT: usize = 50;
