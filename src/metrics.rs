//! What operators count, in the Prometheus text format.
//!
//! Labels come from the configuration or from fixed lists, never from a request: an issuer that
//! is not configured is [`OTHER`]. Handles for the hot path are resolved once and kept by the
//! caller, so that counting there is one atomic addition.

use std::collections::BTreeMap;

use prometheus::core::Collector;
use prometheus::{
    Encoder, Histogram, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge,
    IntGaugeVec, Opts, Registry, TextEncoder,
};

/// The label of an issuer that is not configured.
pub const OTHER: &str = "other";

/// All metrics of one process.
pub struct Metrics {
    registry: Registry,
    /// Requests decided, by `issuer`, `source`, `outcome` and `reason`.
    pub decisions: IntCounterVec,
    /// Requests answered, by `route`, `method` and `code_class`.
    pub requests: IntCounterVec,
    /// From the request's header to its last byte, by `route`.
    pub request_duration: HistogramVec,
    /// From choosing a server to the head of its answer, by `upstream`.
    pub upstream_duration: HistogramVec,
    /// Requests that servers failed, by `upstream` and `kind`.
    pub upstream_failures: IntCounterVec,
    /// Requests sent anew, by `upstream`.
    pub upstream_retries: IntCounterVec,
    /// Addresses that take requests, by `upstream` and `server`.
    pub upstream_healthy: IntGaugeVec,
    /// Verifications of external tokens, in seconds.
    pub verify_duration: Histogram,
    /// Exchanges that were not in the cache, in seconds.
    pub exchange_duration: Histogram,
    /// Look-ups of token digests, by `result`: `hit`, `miss`, `refused`, `joined`.
    pub token_cache: IntCounterVec,
    /// Digests remembered.
    pub token_cache_entries: IntGauge,
    /// Users created, by `issuer`.
    pub users_created: IntCounterVec,
    /// Sessions opened, by `issuer`.
    pub sessions_created: IntCounterVec,
    /// Ends of sessions that this gateway carried out, by `scope`: `session`, `user`,
    /// `user_at_issuer`, `issuer`, `signing_key`.
    pub session_ends: IntCounterVec,
    /// Verified addresses that already belonged to another user, by `issuer`.
    pub emails_taken: IntCounterVec,
    /// Sessions with a cached token.
    pub sessions_live: IntGauge,
    /// Fetches of key sets, by `issuer` and `result`.
    pub jwks_fetches: IntCounterVec,
    /// Seconds since the last successful fetch, by `issuer`.
    pub jwks_age: IntGaugeVec,
    /// Usable keys, by `issuer`.
    pub jwks_keys: IntGaugeVec,
    /// What was done about tokens with an unknown `kid`, by `issuer` and `action`.
    pub jwks_unknown_kid: IntCounterVec,
    /// Entries of key sets that were passed over, by `issuer` and `reason`.
    pub jwks_skipped: IntCounterVec,
    /// Failed store operations.
    pub store_errors: IntCounter,
    /// Seconds since the store's changes were last followed to their end.
    pub store_feed_lag: IntGauge,
    /// Rows that were taken out of the store because their time is long past.
    pub store_swept: IntCounter,
    /// Sweeps that went through the whole store.
    pub store_sweeps: IntCounter,
    /// Whether the latest reload of the configuration succeeded.
    pub config_last_reload_success: IntGauge,
    /// When the configuration in force was read, in seconds of Unix time.
    pub config_last_reload_success_timestamp: IntGauge,
    /// Reloads, by `trigger` and `result`.
    pub config_reloads: IntCounterVec,
    /// Open public connections.
    pub connections: IntGauge,
    /// Connections closed by the guard, by `cause`.
    pub connections_cut: IntCounterVec,
    /// When a certificate stops to be valid, in seconds since 1970, by `listener` and
    /// `certificate`.
    pub certificate_expiry: IntGaugeVec,
    /// Changes found in certificates' files, by `listener` and `result`.
    pub certificate_reloads: IntCounterVec,
}

/// One metric: its name, what it says, its labels.
type Description = (&'static str, &'static str, &'static [&'static str]);

const DECISIONS: Description = (
    "vestibule_decisions_total",
    "Requests by what was decided about their credential.",
    &["issuer", "source", "outcome", "reason"],
);
const REQUESTS: Description = (
    "vestibule_requests_total",
    "Requests answered, by route, method and status class.",
    &["route", "method", "code_class"],
);
const REQUEST_DURATION: Description = (
    "vestibule_request_duration_seconds",
    "Time to answer a request.",
    &["route"],
);
const UPSTREAM_DURATION: Description = (
    "vestibule_upstream_duration_seconds",
    "Time from choosing a server to the head of its answer.",
    &["upstream"],
);
const UPSTREAM_FAILURES: Description = (
    "vestibule_upstream_failures_total",
    "Requests that servers failed, by kind.",
    &["upstream", "kind"],
);
const UPSTREAM_RETRIES: Description = (
    "vestibule_upstream_retries_total",
    "Requests sent anew after a failure.",
    &["upstream"],
);
const UPSTREAM_HEALTHY: Description = (
    "vestibule_upstream_healthy",
    "Addresses of a configured server that take requests.",
    &["upstream", "server"],
);
const VERIFY_DURATION: Description = (
    "vestibule_verify_duration_seconds",
    "Time to verify an external token.",
    &[],
);
const EXCHANGE_DURATION: Description = (
    "vestibule_exchange_duration_seconds",
    "Time to exchange a token that was not in the cache.",
    &[],
);
const TOKEN_CACHE: Description = (
    "vestibule_token_cache_total",
    "Look-ups of token digests, by result.",
    &["result"],
);
const TOKEN_CACHE_ENTRIES: Description = (
    "vestibule_token_cache_entries",
    "Token digests whose session is remembered.",
    &[],
);
const USERS_CREATED: Description = (
    "vestibule_users_created_total",
    "Users created on first sight.",
    &["issuer"],
);
const SESSIONS_CREATED: Description = (
    "vestibule_sessions_created_total",
    "Sessions opened.",
    &["issuer"],
);
const SESSION_ENDS: Description = (
    "vestibule_session_ends_total",
    "Ends of one or many sessions carried out, by scope.",
    &["scope"],
);
const EMAILS_TAKEN: Description = (
    "vestibule_emails_taken_total",
    "Verified addresses not given to a user because another one holds them.",
    &["issuer"],
);
const SESSIONS_LIVE: Description = (
    "vestibule_sessions_live",
    "Sessions known to this gateway.",
    &[],
);
const JWKS_FETCHES: Description = (
    "vestibule_jwks_fetches_total",
    "Fetches of key sets, by result.",
    &["issuer", "result"],
);
const JWKS_AGE: Description = (
    "vestibule_jwks_age_seconds",
    "Time since the last successful fetch.",
    &["issuer"],
);
const JWKS_KEYS: Description = (
    "vestibule_jwks_keys",
    "Usable keys of the issuer.",
    &["issuer"],
);
const JWKS_UNKNOWN_KID: Description = (
    "vestibule_jwks_unknown_kid_total",
    "Tokens with an unknown kid, by what was done.",
    &["issuer", "action"],
);
const JWKS_SKIPPED: Description = (
    "vestibule_jwks_entries_skipped_total",
    "Entries of key sets that were passed over.",
    &["issuer", "reason"],
);
const STORE_ERRORS: Description = (
    "vestibule_store_errors_total",
    "Store operations that failed.",
    &[],
);
const STORE_FEED_LAG: Description = (
    "vestibule_store_feed_lag_seconds",
    "Time since all changes of the store were known to this gateway.",
    &[],
);
const STORE_SWEPT: Description = (
    "vestibule_store_swept_rows_total",
    "Rows taken out of the store because their time is long past.",
    &[],
);
const STORE_SWEEPS: Description = (
    "vestibule_store_sweeps_total",
    "Sweeps that went through the whole store.",
    &[],
);
const CONFIG_LAST_RELOAD_SUCCESS: Description = (
    "vestibule_config_last_reload_success",
    "Whether the latest reload of the configuration succeeded.",
    &[],
);
const CONFIG_LAST_RELOAD_SUCCESS_TIMESTAMP: Description = (
    "vestibule_config_last_reload_success_timestamp_seconds",
    "When the configuration in force was read.",
    &[],
);
const CONFIG_RELOADS: Description = (
    "vestibule_config_reloads_total",
    "Reloads of the configuration, by what asked for them and how they ended.",
    &["trigger", "result"],
);
const CONNECTIONS: Description = ("vestibule_connections", "Open public connections.", &[]);
const CONNECTIONS_CUT: Description = (
    "vestibule_connections_cut_total",
    "Connections closed by the gateway, by cause.",
    &["cause"],
);

const CERTIFICATE_EXPIRY: Description = (
    "vestibule_certificate_expiry_timestamp_seconds",
    "When the certificate that is shown stops to be valid.",
    &["listener", "certificate"],
);
const CERTIFICATE_RELOADS: Description = (
    "vestibule_certificate_reloads_total",
    "Changes found in the files of certificates, by whether they could be used.",
    &["listener", "result"],
);

/// Buckets from 5 microseconds to 10 seconds: a verification takes tens of microseconds, a slow
/// upstream seconds.
const BUCKETS: [f64; 16] = [
    0.000_005, 0.000_01, 0.000_025, 0.000_05, 0.000_1, 0.000_25, 0.000_5, 0.001, 0.005, 0.01, 0.05,
    0.1, 0.5, 1.0, 5.0, 10.0,
];

impl Metrics {
    /// A fresh registry with every metric in it.
    ///
    /// # Errors
    ///
    /// Only when two descriptions above share a name.
    pub fn new() -> Result<Self, prometheus::Error> {
        let registry = Registry::new();
        let metrics = Self {
            decisions: counters(&registry, DECISIONS)?,
            requests: counters(&registry, REQUESTS)?,
            request_duration: histograms(&registry, REQUEST_DURATION)?,
            upstream_duration: histograms(&registry, UPSTREAM_DURATION)?,
            upstream_failures: counters(&registry, UPSTREAM_FAILURES)?,
            upstream_retries: counters(&registry, UPSTREAM_RETRIES)?,
            upstream_healthy: gauges(&registry, UPSTREAM_HEALTHY)?,
            verify_duration: histograms(&registry, VERIFY_DURATION)?.with_label_values::<&str>(&[]),
            exchange_duration: histograms(&registry, EXCHANGE_DURATION)?
                .with_label_values::<&str>(&[]),
            token_cache: counters(&registry, TOKEN_CACHE)?,
            token_cache_entries: gauge(&registry, TOKEN_CACHE_ENTRIES)?,
            users_created: counters(&registry, USERS_CREATED)?,
            sessions_created: counters(&registry, SESSIONS_CREATED)?,
            session_ends: counters(&registry, SESSION_ENDS)?,
            emails_taken: counters(&registry, EMAILS_TAKEN)?,
            sessions_live: gauge(&registry, SESSIONS_LIVE)?,
            jwks_fetches: counters(&registry, JWKS_FETCHES)?,
            jwks_age: gauges(&registry, JWKS_AGE)?,
            jwks_keys: gauges(&registry, JWKS_KEYS)?,
            jwks_unknown_kid: counters(&registry, JWKS_UNKNOWN_KID)?,
            jwks_skipped: counters(&registry, JWKS_SKIPPED)?,
            store_errors: counters(&registry, STORE_ERRORS)?.with_label_values::<&str>(&[]),
            store_feed_lag: gauge(&registry, STORE_FEED_LAG)?,
            store_swept: counters(&registry, STORE_SWEPT)?.with_label_values::<&str>(&[]),
            store_sweeps: counters(&registry, STORE_SWEEPS)?.with_label_values::<&str>(&[]),
            config_last_reload_success: gauge(&registry, CONFIG_LAST_RELOAD_SUCCESS)?,
            config_last_reload_success_timestamp: gauge(
                &registry,
                CONFIG_LAST_RELOAD_SUCCESS_TIMESTAMP,
            )?,
            config_reloads: counters(&registry, CONFIG_RELOADS)?,
            connections: gauge(&registry, CONNECTIONS)?,
            connections_cut: counters(&registry, CONNECTIONS_CUT)?,
            certificate_expiry: gauges(&registry, CERTIFICATE_EXPIRY)?,
            certificate_reloads: counters(&registry, CERTIFICATE_RELOADS)?,
            registry,
        };
        let build = gauges(
            &metrics.registry,
            (
                "vestibule_build_info",
                "The version that runs.",
                &["version"],
            ),
        )?;
        build.with_label_values(&[env!("CARGO_PKG_VERSION")]).set(1);
        Ok(metrics)
    }

    /// Takes out what is measured of an issuer that is no more. What was counted stays counted.
    pub fn forget_issuer(&self, name: &str) {
        for gauge in [&self.jwks_age, &self.jwks_keys] {
            // An error says that it never was measured.
            let _ = gauge.remove_label_values(&[name]);
        }
    }

    /// All metrics in the text format, version 0.0.4.
    pub fn render(&self) -> Result<Vec<u8>, prometheus::Error> {
        let mut text = Vec::with_capacity(8192);
        TextEncoder::new().encode(&self.registry.gather(), &mut text)?;
        Ok(text)
    }
}

/// A counter summed over all labels but one, by the values of that one.
pub fn sums(counter: &IntCounterVec, label: &str) -> Vec<(String, u64)> {
    let mut sums: BTreeMap<String, u64> = BTreeMap::new();
    for family in counter.collect() {
        for metric in family.get_metric() {
            let labels = metric.get_label().iter();
            let value = labels
                .filter(|pair| pair.name() == label)
                .map(|pair| pair.value().to_owned())
                .next();
            // Counted one by one from 0: whole numbers.
            let count = metric.get_counter().get_value() as u64;
            *sums.entry(value.unwrap_or_default()).or_default() += count;
        }
    }
    sums.into_iter().collect()
}

fn counters(registry: &Registry, what: Description) -> Result<IntCounterVec, prometheus::Error> {
    let made = IntCounterVec::new(Opts::new(what.0, what.1), what.2)?;
    registry.register(Box::new(made.clone()))?;
    Ok(made)
}

fn gauges(registry: &Registry, what: Description) -> Result<IntGaugeVec, prometheus::Error> {
    let made = IntGaugeVec::new(Opts::new(what.0, what.1), what.2)?;
    registry.register(Box::new(made.clone()))?;
    Ok(made)
}

fn gauge(registry: &Registry, what: Description) -> Result<IntGauge, prometheus::Error> {
    let made = IntGauge::new(what.0, what.1)?;
    registry.register(Box::new(made.clone()))?;
    Ok(made)
}

fn histograms(registry: &Registry, what: Description) -> Result<HistogramVec, prometheus::Error> {
    let options = HistogramOpts::new(what.0, what.1).buckets(BUCKETS.to_vec());
    let made = HistogramVec::new(options, what.2)?;
    registry.register(Box::new(made.clone()))?;
    Ok(made)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn renders_what_was_counted() {
        let metrics = Metrics::new().unwrap();
        metrics
            .decisions
            .with_label_values(&["acme", "bearer", "allowed", "ok"])
            .inc();
        let text = String::from_utf8(metrics.render().unwrap()).unwrap();
        assert!(text.contains(
            r#"vestibule_decisions_total{issuer="acme",outcome="allowed",reason="ok",source="bearer"} 1"#
        ));
        assert!(text.contains("vestibule_build_info"));
    }
}
