//! `/metrics`.

use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};

use super::AdminState;
use super::clocks;

/// All metrics, including the gauges that are only updated for a scrape.
pub(super) async fn metrics(State(state): State<AdminState>) -> Response {
    state.exchange().measure();
    for issuer in state.issuers().iter() {
        let keys = issuer.keys().status();
        let label = [issuer.name().as_ref()];
        state
            .metrics
            .jwks_keys
            .with_label_values(&label)
            .set(as_gauge(keys.keys.len() as u64));
        if let Some(age) = keys.age {
            state
                .metrics
                .jwks_age
                .with_label_values(&label)
                .set(as_gauge(age));
        }
    }
    clocks::measure(&state);
    let healthy = &state.metrics.upstream_healthy;
    // Servers that a reload took away have no health.
    healthy.reset();
    let (drained, weight) = (
        &state.metrics.upstream_drained,
        &state.metrics.upstream_weight,
    );
    drained.reset();
    weight.reset();
    for upstream in state.snapshot.load().proxy.upstreams() {
        for server in upstream.servers() {
            let labels = [upstream.name().as_ref(), server.address];
            drained
                .with_label_values(&labels)
                .set(i64::from(server.overridden.is_drained));
            weight
                .with_label_values(&labels)
                .set(i64::from(server.weight().get()));
        }
        for (server, addresses) in upstream.healthy() {
            healthy
                .with_label_values(&[upstream.name().as_ref(), server])
                .set(as_gauge(addresses));
        }
    }
    match state.metrics.render() {
        Ok(text) => ([(CONTENT_TYPE, "text/plain; version=0.0.4")], text).into_response(),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

fn as_gauge(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}
