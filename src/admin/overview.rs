//! How the gateway is: what is degraded first, then what was counted.

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use tokio::time::timeout;
use utoipa::ToSchema;

use super::AdminState;
use super::complaint::{Complaint, Severity};
use super::degraded;
use super::history::{Minute, Range};
use super::issuers::{self, IssuerRow};
use super::refusals;
use super::routing;
use super::store_look::PATIENCE;
use crate::metrics::{self, sums};
use crate::store::PageRequest;

/// The gateway at a glance.
#[derive(Debug, Serialize, ToSchema)]
pub struct Overview {
    /// What is not as it should be, the worst first.
    pub complaints: Vec<Complaint>,
    /// What a new gateway still needs before it serves users, in order; empty once it does.
    pub first_steps: Vec<FirstStep>,
    /// Requests answered since the start.
    pub requests: u64,
    /// Requests refused for their credential since the start, by reason, the most frequent first.
    pub refusals: Vec<Counted>,
    /// Sessions opened since the start.
    pub sign_ins: u64,
    /// Users created since the start.
    pub users_created: u64,
    /// Sessions with a cached token at this gateway.
    pub sessions_live: i64,
    /// Which part of look-ups of tokens found one that is remembered, 0 to 1; null without any.
    pub cache_hit_ratio: Option<f64>,
    /// The last hour, the oldest minute first.
    pub minutes: Vec<Minute>,
}

/// A step from an empty configuration to the first user.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct FirstStep {
    /// What it is.
    pub title: &'static str,
    /// What to do.
    pub text: &'static str,
    /// Whether it is done.
    pub done: bool,
    /// The page where it is done or seen.
    pub page: &'static str,
}

/// How often something was.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Counted {
    /// The reason of the refusals.
    pub reason: String,
    /// How many requests were refused for this reason.
    pub count: u64,
}

/// Show what is degraded and the main counts.
#[utoipa::path(
    get,
    path = "/admin/api/overview",
    operation_id = "showOverview",
    tag = "overview",
    responses(
        (status = 200, description = "The gateway at a glance.", body = Overview),
        refusals::Look,
    ),
)]
pub async fn show(State(state): State<AdminState>) -> Json<Overview> {
    Json(look(&state).await)
}

/// All of it, now.
pub async fn look(state: &AdminState) -> Overview {
    state.exchange().measure();
    let metrics = &*state.metrics;
    let total = |by: Vec<(String, u64)>| by.into_iter().map(|(_, count)| count).sum();
    let mut refusals = metrics::refusals(metrics);
    refusals.retain(|(_, count)| *count > 0);
    refusals.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    let minutes = state.history.steps(metrics, Range::Hour);
    let found = degraded::degraded(state).await.into_iter();
    let mut complaints: Vec<Complaint> = found.map(Complaint::from).collect();
    complaints.extend(of_refusals(&minutes));
    complaints.sort_by_key(|complaint| complaint.severity);
    Overview {
        complaints,
        first_steps: first_steps(state).await,
        requests: total(sums(&metrics.requests, "route")),
        refusals: refusals
            .into_iter()
            .map(|(reason, count)| Counted { reason, count })
            .collect(),
        sign_ins: total(sums(&metrics.sessions_created, "issuer")),
        users_created: total(sums(&metrics.users_created, "issuer")),
        sessions_live: metrics.sessions_live.get(),
        cache_hit_ratio: hit_ratio(&sums(&metrics.token_cache, "result")),
        minutes,
    }
}

/// That so many requests were refused lately that something may be wrong.
fn of_refusals(minutes: &[Minute]) -> Option<Complaint> {
    let lately = minutes.iter().rev().take(LATELY);
    let (requests, refusals) = lately.fold((0, 0), |(requests, refusals), minute| {
        (requests + minute.requests, refusals + minute.refusals)
    });
    let share = (refusals * 100).checked_div(requests).unwrap_or(0);
    (refusals >= FEW && share >= MANY).then(|| Complaint {
        severity: Severity::Warning,
        text: format!(
            "{share} % of the requests of the last {LATELY} minutes were refused: {refusals} of \
             {requests}"
        ),
        page: "/dashboard/refusals".to_owned(),
    })
}

/// What a new gateway needs; empty once somebody has signed in.
async fn first_steps(state: &AdminState) -> Vec<FirstStep> {
    let sessions = state.store.sessions(None, PageRequest::first(1));
    // Without an answer nothing is known of a first sign-in: the store's own complaint says so.
    let sessions = timeout(PATIENCE, sessions).await;
    let signed_in = matches!(sessions, Ok(Ok(found)) if !found.items.is_empty());
    let issuers = issuers::rows(state);
    let accepts = |issuer: &IssuerRow| issuer.enabled && issuer.keys.has_keys;
    let asks = |route: &routing::RouteRow| route.auth != "none";
    let steps = vec![
        FirstStep {
            title: "A listener accepts connections",
            text: "`listeners` in the configuration file says where clients come in.",
            done: state.health.is_listening(),
            page: "/dashboard/routes",
        },
        FirstStep {
            title: "An issuer is on and its keys are there",
            text: "Add the provider whose tokens your users have. Until then every token is refused.",
            done: issuers.iter().any(accepts),
            page: "/dashboard/external",
        },
        FirstStep {
            title: "A route asks for a session",
            text: "`routes` in the configuration file says which requests need one, and where they go.",
            done: routing::routes(state).iter().any(asks),
            page: "/dashboard/routes",
        },
        FirstStep {
            title: "Somebody has signed in",
            text: "Send a request with a token of the issuer to a route that asks for one. If it is refused, the refusals say why.",
            done: signed_in,
            page: "/dashboard/refusals",
        },
    ];
    match steps.iter().all(|step| step.done) {
        true => Vec::new(),
        false => steps,
    }
}

fn hit_ratio(results: &[(String, u64)]) -> Option<f64> {
    let all: u64 = results.iter().map(|(_, count)| count).sum();
    let hits = results.iter().find(|(result, _)| result == "hit");
    let hits = hits.map_or(0, |(_, count)| *count);
    (all > 0).then(|| hits as f64 / all as f64)
}

/// The minutes that a share of refusals is taken of.
const LATELY: usize = 10;
/// Up to so many refusals nothing is said of them.
const FEW: u64 = 20;
/// The share of refusals, in hundredths, from which on they are a complaint.
const MANY: u64 = 20;

#[cfg(test)]
mod tests {
    use super::*;

    fn minutes(requests: u64, refusals: u64) -> Vec<Minute> {
        let minute = Minute {
            requests,
            refusals,
            ..Minute::default()
        };
        vec![minute; 10]
    }

    #[test]
    fn many_refusals_are_a_complaint_and_few_are_none() {
        assert_eq!(of_refusals(&minutes(100, 19)), None);
        assert_eq!(of_refusals(&minutes(1, 1)), None);
        assert_eq!(of_refusals(&[]), None);
        let complaint = of_refusals(&minutes(100, 20)).unwrap();
        assert!(
            complaint.text.starts_with("20 % of the requests"),
            "{}",
            complaint.text
        );
        // Only what was lately counts.
        let mut past = minutes(100, 90);
        past.extend(minutes(100, 0));
        assert_eq!(of_refusals(&past), None);
    }
}
