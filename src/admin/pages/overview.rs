//! Overview: what is degraded first, then what was counted since the start.

use askama::Template;
use axum::extract::State;
use axum::response::Response;

use super::{Frame, page};
use crate::admin::AdminState;
use crate::admin::browser::Visitor;
use crate::admin::issuers::{self, IssuerRow};
use crate::metrics::sums;

#[derive(Template)]
#[template(path = "dashboard/overview.html")]
struct Page {
    frame: Frame,
    degraded: Vec<String>,
    requests: u64,
    sign_ins: u64,
    users_created: u64,
    sessions_live: i64,
    hit_ratio: String,
    refusals: Vec<(String, u64)>,
}

/// `GET /dashboard`.
pub(super) async fn show(State(state): State<AdminState>, visitor: Visitor) -> Response {
    let metrics = &state.metrics;
    let mut degraded: Vec<_> = issuers::rows(&state).iter().filter_map(complaint).collect();
    if let Err(error) = state.store.health().await {
        degraded.insert(0, error.to_string());
    }
    for upstream in state.site.load().upstreams() {
        if upstream.pick_for(None, &[]).is_none() {
            degraded.push(format!(
                "upstream {} has no healthy server",
                upstream.name()
            ));
        }
    }
    let total = |by: Vec<(String, u64)>| by.into_iter().map(|(_, count)| count).sum();
    let mut refusals = sums(&metrics.decisions, "reason");
    refusals.retain(|(reason, _)| reason != "ok");
    refusals.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    refusals.truncate(LISTED_REASONS);
    page(&Page {
        frame: Frame::new("Overview", visitor),
        degraded,
        requests: total(sums(&metrics.requests, "route")),
        sign_ins: total(sums(&metrics.sessions_created, "issuer")),
        users_created: total(sums(&metrics.users_created, "issuer")),
        sessions_live: metrics.sessions_live.get(),
        hit_ratio: hit_ratio(&sums(&metrics.token_cache, "result")),
        refusals,
    })
}

fn complaint(issuer: &IssuerRow) -> Option<String> {
    let name = &issuer.name;
    if !issuer.enabled {
        return Some(format!("issuer {name} is off"));
    }
    if !issuer.keys.has_keys {
        return Some(format!("issuer {name} has no keys"));
    }
    let error = issuer.keys.last_error.as_ref()?;
    Some(format!("issuer {name} serves older keys: {error}"))
}

fn hit_ratio(results: &[(String, u64)]) -> String {
    let all: u64 = results.iter().map(|(_, count)| count).sum();
    let hits = results.iter().find(|(result, _)| result == "hit");
    let hits = hits.map_or(0, |(_, count)| *count);
    match (hits * 100).checked_div(all) {
        Some(percent) => format!("{percent} %"),
        None => "-".to_owned(),
    }
}

const LISTED_REASONS: usize = 12;
