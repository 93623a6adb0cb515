//! An event as receivers and readers of the feed get it.

use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::store::{EventData, EventKind, NumberedEvent, Store, StoreError};

/// An event on the wire: the body of a webhook's request, and an entry of the feed.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Event)]
pub struct Message {
    /// The event's id, the same at each attempt: what came before can be recognized by it.
    pub event_id: Uuid,
    /// What happened.
    pub event_name: EventKind,
    /// The same, as Standard Webhooks calls it.
    pub r#type: EventKind,
    /// Its number in the feed; 0 for a test.
    pub sequence: u64,
    /// When it happened.
    pub timestamp: String,
    /// The environment's id.
    pub environment_id: Uuid,
    /// The user's id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user_id: Option<Uuid>,
    /// To whom or what it happened.
    pub data: Data,
}

/// To whom or what an event happened, with what is not stored with it.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Data {
    #[serde(flatten)]
    event: EventData,
    /// The user's own verified email address, as it is now; only where a webhook has
    /// `include_email`.
    #[serde(skip_serializing_if = "Option::is_none")]
    email: Option<String>,
}

impl Message {
    /// Without an address.
    pub fn new(NumberedEvent { sequence, event }: NumberedEvent, environment_id: Uuid) -> Self {
        Self {
            event_id: event.id,
            event_name: event.kind,
            r#type: event.kind,
            sequence,
            timestamp: event.at.rfc3339(),
            environment_id,
            user_id: event.data.user_id,
            data: Data {
                event: event.data,
                email: None,
            },
        }
    }

    /// With the user's address, if there is one.
    pub(super) async fn with_email(mut self, store: &dyn Store) -> Result<Self, StoreError> {
        if let Some(id) = self.user_id
            && let Some(user) = store.user(id).await?
        {
            let iss = self.data.event.iss.as_deref().unwrap_or_default();
            self.data.email = user.email(iss).map(str::to_owned);
        }
        Ok(self)
    }
}
