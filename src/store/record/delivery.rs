//! What became of an event at a webhook.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::{EventKind, NumberedEvent};
use crate::clock::UnixTime;

/// One event at one webhook.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Delivery {
    /// The event's number.
    pub sequence: u64,
    /// The event's id.
    pub event_id: Uuid,
    /// What happened.
    pub kind: EventKind,
    /// Whose events come one after the other (see [`super::Event::lane`]).
    #[serde(default)]
    pub user_id: Option<Uuid>,
    /// Where it is.
    pub state: DeliveryState,
    /// How often it was sent.
    pub attempts: u32,
    /// Since when it is to be delivered: the event's time, or that of the order to send it again.
    pub since: UnixTime,
    /// When it is sent next, as long as it is pending.
    pub next_at: UnixTime,
    /// When it was sent last.
    #[serde(default)]
    pub last_at: Option<UnixTime>,
    /// What the receiver answered last: the status, or why there was none.
    #[serde(default)]
    pub answer: Option<String>,
}

impl Delivery {
    /// Of an event that was not sent yet, and may be from `next_at` on.
    pub fn pending(NumberedEvent { sequence, event }: &NumberedEvent, next_at: UnixTime) -> Self {
        Self {
            sequence: *sequence,
            event_id: event.id,
            kind: event.kind,
            user_id: event.lane(),
            state: DeliveryState::Pending,
            attempts: 0,
            since: event.at,
            next_at,
            last_at: None,
            answer: None,
        }
    }

    /// The same, to be sent again.
    pub(in crate::store) fn again(self, at: UnixTime) -> Self {
        Self {
            state: DeliveryState::Pending,
            since: at,
            next_at: at,
            ..self
        }
    }
}

/// Where a delivery is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum DeliveryState {
    /// It is sent until the receiver accepts it.
    Pending,
    /// The receiver accepted it.
    Delivered,
    /// The receiver did not accept it in time. It is sent when an operator says so.
    Parked,
}

impl DeliveryState {
    /// The word in the store, in metrics and in the API.
    pub fn label(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Delivered => "delivered",
            Self::Parked => "parked",
        }
    }
}
