//! Refusals: why, how often, the latest, and the one with a request id.

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use serde::Deserialize;

use super::{Frame, REFUSALS, ago, moment, page};
use crate::admin::AdminState;
use crate::admin::api_error::ApiError;
use crate::admin::body::ValidQuery;
use crate::admin::browser::DashboardUser;
use crate::admin::reason::explained;
use crate::admin::recent_refusals::{self, Refusals, Search};

#[derive(Template)]
#[template(path = "dashboard/refusals.html")]
struct Page {
    frame: Frame,
    found: Refusals,
    /// The request id that was searched for; empty without.
    id: String,
    /// The only reason that is listed; empty for all.
    reason: String,
}

impl Page {
    fn title(&self, reason: &str) -> String {
        explained(reason).title
    }

    fn advice(&self, reason: &str) -> &'static str {
        explained(reason).advice
    }

    fn total(&self) -> u64 {
        self.found.reasons.iter().map(|row| row.count).sum()
    }

    /// Which part of all refusals, in hundredths.
    fn share(&self, count: &u64) -> u64 {
        (count * 100).checked_div(self.total()).unwrap_or(0)
    }
}

#[derive(Deserialize)]
pub(super) struct Which {
    #[serde(default)]
    id: String,
    #[serde(default)]
    reason: String,
}

/// `GET /dashboard/refusals`.
pub(super) async fn show(
    State(state): State<AdminState>,
    dashboard_user: DashboardUser,
    ValidQuery(Which { id, reason }): ValidQuery<Which>,
) -> Result<Response, ApiError> {
    let given = |text: &str| Some(text.trim().to_owned()).filter(|text| !text.is_empty());
    let search = Search {
        request_id: given(&id),
        reason: given(&reason),
        limit: None,
    };
    Ok(page(&Page {
        frame: Frame::new(REFUSALS, "Refusals", dashboard_user),
        found: recent_refusals::find(&state, &search),
        id,
        reason,
    }))
}
