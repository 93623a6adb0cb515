//! `/metrics`.

use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};

use super::AdminState;
use super::clocks;
use crate::issuer::JwksSettings;
use crate::jwt::Issuer;
use crate::metrics::Metrics;

/// All metrics, including the gauges that are only updated for a scrape.
pub(super) async fn metrics(State(state): State<AdminState>) -> Response {
    match state.metrics.scrape(|| measure(&state)) {
        Ok(text) => ([(CONTENT_TYPE, "text/plain; version=0.0.4")], text).into_response(),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

fn measure(state: &AdminState) {
    state.exchange().measure();
    for issuer in state.issuers().iter() {
        measure_keys(issuer, &state.metrics);
    }
    clocks::measure(state);
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
}

/// What is known of the keys of an issuer. Nobody has to look after those of one that is off.
fn measure_keys(issuer: &Issuer, metrics: &Metrics) {
    if !issuer.enabled() {
        metrics.forget_issuer(issuer.name());
        return;
    }
    let keys = issuer.keys().status();
    let label = [issuer.name().as_ref()];
    let count = as_gauge(keys.keys.len() as u64);
    metrics.jwks_keys.with_label_values(&label).set(count);
    // Keys that have an address each are fetched once a token names them: none may be known yet.
    metrics
        .jwks_available
        .with_label_values(&label)
        .set(i64::from(keys.has_keys));
    let Some(age) = keys.age else {
        return;
    };
    metrics
        .jwks_age
        .with_label_values(&label)
        .set(as_gauge(age));
    let overdue = overdue(age, &issuer.keys().key_settings().jwks);
    metrics
        .jwks_overdue
        .with_label_values(&label)
        .set(as_gauge(overdue));
}

/// By how many seconds the last successful fetch is older than any that `settings` wait for.
fn overdue(age: u64, settings: &JwksSettings) -> u64 {
    let longest = settings.refresh_interval.max(settings.longest_interval());
    age.saturating_sub(longest.as_secs())
}

fn as_gauge(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn keys_are_overdue_by_their_own_longest_interval() {
        let hours = |hours: u64| Duration::from_secs(hours * 3600);
        let settings = JwksSettings {
            refresh_interval: hours(12),
            max_refresh_interval: hours(1),
            ..JwksSettings::default()
        };
        assert_eq!(overdue(11 * 3600, &settings), 0);
        assert_eq!(overdue(13 * 3600, &settings), 3600);
        let settings = JwksSettings {
            refresh_interval: hours(1),
            max_refresh_interval: hours(2),
            ..JwksSettings::default()
        };
        assert_eq!(overdue(3 * 3600, &settings), 3600);
    }
}
