//! The latest refusals of this gateway, by reason or by the request id that a client was given.

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::AdminState;
use super::api_error::ApiError;
use super::body::ValidQuery;
use super::reason::explained;
use super::refusals;
use crate::clock::UnixTime;
use crate::proxy::request_log::recent_refusals::RefusedRequest;

/// Which refusals to list.
#[derive(Debug, Default, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Search {
    /// Only that of the request with this id.
    #[serde(default)]
    pub request_id: Option<String>,
    /// Only those for this reason.
    #[serde(default)]
    pub reason: Option<String>,
    /// The maximum number of entries, 50 unless given.
    #[serde(default)]
    pub limit: Option<usize>,
}

/// The refusals that a search finds.
#[derive(Debug, Serialize, ToSchema)]
pub struct Refusals {
    /// How often requests were refused since this gateway started, the most frequent reason first.
    pub reasons: Vec<ReasonRow>,
    /// The latest, newest first. At most 256 of each reason are kept, in memory.
    pub latest: Vec<RefusedRow>,
}

/// A reason for which requests were refused.
#[derive(Debug, Serialize, ToSchema)]
pub struct ReasonRow {
    /// The stable word, as in logs and metrics.
    pub reason: &'static str,
    /// What happened, in words.
    pub title: String,
    /// What to look at or to change; may be empty.
    pub advice: &'static str,
    /// How many requests.
    pub count: u64,
    /// When it was the last time.
    pub latest_at: UnixTime,
}

/// One request that was refused.
#[derive(Debug, Serialize, ToSchema)]
pub struct RefusedRow {
    /// When it was answered.
    pub at: UnixTime,
    /// The exact reason.
    pub reason: &'static str,
    /// The answer's status.
    pub status: u16,
    /// The name of its route.
    pub route: String,
    /// The network that it came from.
    pub client: String,
    /// The issuer of its credential, as far as it is known.
    pub issuer: Option<String>,
    /// The id in the answer and the log.
    pub request_id: String,
}

impl From<RefusedRequest> for RefusedRow {
    fn from(refused: RefusedRequest) -> Self {
        Self {
            at: refused.at,
            reason: refused.reason,
            status: refused.status.as_u16(),
            route: refused.route.to_string(),
            client: refused.client.to_string(),
            issuer: refused.issuer.map(|issuer| issuer.to_string()),
            request_id: refused.id.to_string(),
        }
    }
}

/// List the latest refusals, or find one by its request id.
#[utoipa::path(
    get,
    path = "/admin/api/refusals",
    operation_id = "listRefusals",
    tag = "overview",
    params(Search),
    responses(
        (status = 200, description = "Counts by reason and the latest requests.", body = Refusals),
        refusals::Look, refusals::BadRequest,
    ),
)]
pub async fn list(
    State(state): State<AdminState>,
    ValidQuery(search): ValidQuery<Search>,
) -> Result<Json<Refusals>, ApiError> {
    Ok(Json(find(&state, &search)))
}

/// The refusals that a search means.
pub fn find(state: &AdminState, search: &Search) -> Refusals {
    let recent = &state.refusals;
    let latest = match &search.request_id {
        Some(id) => recent.by_id(id.trim()).into_iter().collect(),
        None => {
            let most = search.limit.unwrap_or(SHOWN);
            recent.latest(search.reason.as_deref(), most)
        }
    };
    Refusals {
        reasons: reasons(state),
        latest: latest.into_iter().map(RefusedRow::from).collect(),
    }
}

/// How often requests were refused, with what to do about it.
pub fn reasons(state: &AdminState) -> Vec<ReasonRow> {
    let row = |counted: crate::proxy::request_log::recent_refusals::ReasonCount| {
        let about = explained(counted.reason);
        ReasonRow {
            reason: counted.reason,
            title: about.title,
            advice: about.advice,
            count: counted.count,
            latest_at: counted.latest,
        }
    };
    state.refusals.counts().into_iter().map(row).collect()
}

/// Refusals that a list shows unless another number is asked for.
const SHOWN: usize = 50;
