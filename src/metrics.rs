//! What operators count, in the Prometheus text format.
//!
//! Labels come from the configuration or from fixed lists, never from a request: an issuer that
//! is not configured is [`OTHER`]. Handles for the hot path are resolved once and kept by the
//! caller, so that counting there is one atomic addition.

use std::sync::{Mutex, OnceLock, PoisonError};

use prometheus::{
    Encoder, Histogram, HistogramVec, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, TextEncoder,
};
use tokio::runtime::Handle;

mod description;
pub mod label;
mod list;
mod open;
mod read;
mod runtimes;

use description as described;
pub use label::{Label, LabelError};
use list::Registration;
pub use list::{Kind, Listed, table};
pub use open::Open;
pub use read::{refusals, sums, values};
use runtimes::Runtimes;

/// The label of an issuer that is not configured.
pub const OTHER: &str = "other";

/// All metrics of one process.
pub struct Metrics {
    registered: Registration,
    runtimes: Runtimes,
    /// Of scrapes.
    turns: Mutex<()>,
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
    /// Retried requests, by `upstream`.
    pub upstream_retries: IntCounterVec,
    /// Addresses that take requests, by `upstream` and `server`.
    pub upstream_healthy: IntGaugeVec,
    /// Whether an operator drains a server, by `upstream` and `server`.
    pub upstream_drained: IntGaugeVec,
    /// Weights, by `upstream` and `server`.
    pub upstream_weight: IntGaugeVec,
    /// Verifications of external tokens, in seconds.
    pub verify_duration: Histogram,
    /// Exchanges that were not in the cache, in seconds.
    pub exchange_duration: Histogram,
    /// Look-ups of token digests, by `result`: `hit`, `miss`, `refused`, `joined`.
    pub token_cache: IntCounterVec,
    /// Digests remembered.
    pub token_cache_entries: IntGauge,
    /// Digests forgotten to make room.
    pub token_cache_evictions: IntCounter,
    /// Users created, by `issuer`.
    pub users_created: IntCounterVec,
    /// Sessions opened, by `issuer`.
    pub sessions_created: IntCounterVec,
    /// Ends of sessions that were asked for at this gateway, by `scope`: `session`, `user`,
    /// `user_at_issuer`, `issuer`, `signing_key`; and by `cause`.
    pub session_ends: IntCounterVec,
    /// Proofs of device keys, by `result`: `registered`, `refreshed`, or why one was refused.
    pub device_proofs: IntCounterVec,
    /// Verified addresses that already belonged to another user, by `issuer`.
    pub emails_taken: IntCounterVec,
    /// Sessions with a cached token.
    pub sessions_live: IntGauge,
    /// Users with such a session.
    pub users_live: IntGauge,
    /// Fetches of key sets, by `issuer` and `result`.
    pub jwks_fetches: IntCounterVec,
    /// Seconds since the last successful fetch, by `issuer`.
    pub jwks_age: IntGaugeVec,
    /// Seconds by which a successful fetch is overdue, by `issuer`.
    pub jwks_overdue: IntGaugeVec,
    /// Usable keys, by `issuer`.
    pub jwks_keys: IntGaugeVec,
    /// Whether tokens can be verified, by `issuer`.
    pub jwks_available: IntGaugeVec,
    /// What was done about tokens with an unknown `kid`, by `issuer` and `action`.
    pub jwks_unknown_kid: IntCounterVec,
    /// Entries of key sets that were passed over, by `issuer` and `reason`.
    pub jwks_skipped: IntCounterVec,
    /// Seconds since a signing key began to sign, by `state`.
    pub signing_key_age: IntGaugeVec,
    /// Seconds for which one is to sign; no series where none is rotated.
    pub signing_key_rotation: IntGaugeVec,
    /// Whether the signing keys, as they are kept, cannot be read.
    pub signing_keys_unreadable: IntGauge,
    /// Times of store operations, by `engine` and `operation`.
    pub store_duration: HistogramVec,
    /// Failed store operations, by `engine` and `operation`.
    pub store_errors: IntCounterVec,
    /// Seconds since the store's changes were last followed to their end.
    pub store_feed_lag: IntGauge,
    /// Expired rows removed from the store.
    pub store_swept: IntCounter,
    /// Completed sweeps of the whole store.
    pub store_sweeps: IntCounter,
    /// Exchanges of counts with other gateways, by `result`: `ok`, `failed`.
    pub rate_exchanges: IntCounterVec,
    /// Whether this gateway counts by itself although it is to count together with others.
    pub rates_alone: IntGauge,
    /// Clients and users that are near a limit at all gateways together.
    pub rates_near_limit: IntGauge,
    /// Passes that other gateways do not hear of.
    pub rates_unshared: IntCounter,
    /// Events that a webhook has not accepted, by `webhook` and `state`.
    pub webhook_events: IntGaugeVec,
    /// The age of the oldest event that a webhook has not accepted, by `webhook`.
    pub webhook_lag: IntGaugeVec,
    /// Requests to webhooks, by `webhook` and `outcome`.
    pub webhook_attempts: IntCounterVec,
    /// Events that were removed before they were sent, by `webhook`.
    pub webhook_lost: IntCounterVec,
    /// The size of the embedded store's file.
    pub store_bytes: IntGauge,
    /// By how many seconds this machine's clock is ahead of another's, by `source`.
    pub clock_ahead: IntGaugeVec,
    /// Whether the latest reload of the configuration succeeded.
    pub config_last_reload_success: IntGauge,
    /// When the configuration in force was read, in seconds of Unix time.
    pub config_last_reload_success_timestamp: IntGauge,
    /// Whether the file has changes that wait for a restart.
    pub config_needs_restart: IntGauge,
    /// Reloads, by `trigger` and `result`.
    pub config_reloads: IntCounterVec,
    /// Open public connections.
    pub connections: IntGauge,
    /// How many public connections there may be.
    pub connections_max: IntGauge,
    /// Connections switched to another protocol and still open.
    pub websockets: IntGauge,
    /// Connections closed by the guard, by `cause`.
    pub connections_cut: IntCounterVec,
    /// Requests that wait for their turn, by `upstream`.
    pub upstream_waiting: IntGaugeVec,
    /// Requests refused because there was no room for them, by `reason`.
    pub overload_refusals: IntCounterVec,
    /// Operators' tokens that were refused, by `reason`.
    pub admin_refusals: IntCounterVec,
    /// What clients may hold of memory in all, in bytes.
    pub memory_budget: IntGauge,
    /// What connections and requests are counted with, in bytes.
    pub memory_spent: IntGauge,
    /// Lines of the access log that were lost.
    pub access_log_dropped: IntCounter,
    /// Lines of the program's log that were lost.
    pub log_dropped: IntCounter,
    /// Spans of sampled traces.
    pub spans_recorded: IntCounter,
    /// Spans sent to the collector, by `result`.
    pub spans_exported: IntCounterVec,
    /// When a certificate expires, in seconds since 1970, by `listener` and `certificate`.
    pub certificate_expiry: IntGaugeVec,
    /// From when on it should have been replaced, likewise.
    pub certificate_notice: IntGaugeVec,
    /// Changes found in certificates' files, by `listener` and `result`.
    pub certificate_reloads: IntCounterVec,
    /// Certificates that were ordered, by `certificate` and `outcome`.
    pub acme_orders: IntCounterVec,
    /// Orders that have failed since the last one that did not, by `certificate`.
    pub acme_failures: IntGaugeVec,
}

impl Metrics {
    /// A fresh registry with every metric in it.
    ///
    /// # Errors
    ///
    /// Only when two descriptions share a name.
    pub fn new() -> Result<Self, prometheus::Error> {
        let mut new = Registration::default();
        let build = new.gauges(described::BUILD_INFO)?;
        build.with_label_values(&[env!("CARGO_PKG_VERSION")]).set(1);
        Ok(Self {
            decisions: new.counters(described::DECISIONS)?,
            requests: new.counters(described::REQUESTS)?,
            request_duration: new.histograms(described::REQUEST_DURATION)?,
            upstream_duration: new.histograms(described::UPSTREAM_DURATION)?,
            upstream_failures: new.counters(described::UPSTREAM_FAILURES)?,
            upstream_retries: new.counters(described::UPSTREAM_RETRIES)?,
            upstream_healthy: new.gauges(described::UPSTREAM_HEALTHY)?,
            upstream_drained: new.gauges(described::UPSTREAM_DRAINED)?,
            upstream_weight: new.gauges(described::UPSTREAM_WEIGHT)?,
            verify_duration: new.histogram(described::VERIFY_DURATION)?,
            exchange_duration: new.histogram(described::EXCHANGE_DURATION)?,
            token_cache: new.counters(described::TOKEN_CACHE)?,
            token_cache_entries: new.gauge(described::TOKEN_CACHE_ENTRIES)?,
            token_cache_evictions: new.counter(described::TOKEN_CACHE_EVICTIONS)?,
            users_created: new.counters(described::USERS_CREATED)?,
            sessions_created: new.counters(described::SESSIONS_CREATED)?,
            session_ends: new.counters(described::SESSION_ENDS)?,
            device_proofs: new.counters(described::DEVICE_PROOFS)?,
            emails_taken: new.counters(described::EMAILS_TAKEN)?,
            sessions_live: new.gauge(described::SESSIONS_LIVE)?,
            users_live: new.gauge(described::USERS_LIVE)?,
            jwks_fetches: new.counters(described::JWKS_FETCHES)?,
            jwks_age: new.gauges(described::JWKS_AGE)?,
            jwks_overdue: new.gauges(described::JWKS_OVERDUE)?,
            jwks_keys: new.gauges(described::JWKS_KEYS)?,
            jwks_available: new.gauges(described::JWKS_AVAILABLE)?,
            jwks_unknown_kid: new.counters(described::JWKS_UNKNOWN_KID)?,
            jwks_skipped: new.counters(described::JWKS_SKIPPED)?,
            signing_key_age: new.gauges(described::SIGNING_KEY_AGE)?,
            signing_key_rotation: new.gauges(described::SIGNING_KEY_ROTATION)?,
            signing_keys_unreadable: new.gauge(described::SIGNING_KEYS_UNREADABLE)?,
            store_duration: new.histograms(described::STORE_DURATION)?,
            store_errors: new.counters(described::STORE_ERRORS)?,
            store_feed_lag: new.gauge(described::STORE_FEED_LAG)?,
            store_swept: new.counter(described::STORE_SWEPT)?,
            store_sweeps: new.counter(described::STORE_SWEEPS)?,
            rate_exchanges: new.counters(described::RATE_EXCHANGES)?,
            rates_alone: new.gauge(described::RATES_ALONE)?,
            rates_near_limit: new.gauge(described::RATES_NEAR_LIMIT)?,
            rates_unshared: new.counter(described::RATES_UNSHARED)?,
            webhook_events: new.gauges(described::WEBHOOK_EVENTS)?,
            webhook_lag: new.gauges(described::WEBHOOK_LAG)?,
            webhook_attempts: new.counters(described::WEBHOOK_ATTEMPTS)?,
            webhook_lost: new.counters(described::WEBHOOK_LOST)?,
            store_bytes: new.gauge(described::STORE_BYTES)?,
            clock_ahead: new.gauges(described::CLOCK_AHEAD)?,
            config_last_reload_success: new.gauge(described::CONFIG_LAST_RELOAD_SUCCESS)?,
            config_last_reload_success_timestamp: new
                .gauge(described::CONFIG_LAST_RELOAD_SUCCESS_TIMESTAMP)?,
            config_needs_restart: new.gauge(described::CONFIG_NEEDS_RESTART)?,
            config_reloads: new.counters(described::CONFIG_RELOADS)?,
            connections: new.gauge(described::CONNECTIONS)?,
            connections_max: new.gauge(described::CONNECTIONS_MAX)?,
            websockets: new.gauge(described::WEBSOCKETS)?,
            connections_cut: new.counters(described::CONNECTIONS_CUT)?,
            upstream_waiting: new.gauges(described::UPSTREAM_WAITING)?,
            overload_refusals: new.counters(described::OVERLOAD_REFUSALS)?,
            admin_refusals: new.counters(described::ADMIN_REFUSALS)?,
            memory_budget: new.gauge(described::MEMORY_BUDGET)?,
            memory_spent: new.gauge(described::MEMORY_SPENT)?,
            access_log_dropped: new.counter(described::ACCESS_LOG_DROPPED)?,
            log_dropped: new.existing_counter(log_dropped()?)?,
            spans_recorded: new.counter(described::SPANS_RECORDED)?,
            spans_exported: new.counters(described::SPANS_EXPORTED)?,
            certificate_expiry: new.gauges(described::CERTIFICATE_EXPIRY)?,
            certificate_notice: new.gauges(described::CERTIFICATE_NOTICE)?,
            certificate_reloads: new.counters(described::CERTIFICATE_RELOADS)?,
            acme_orders: new.counters(described::ACME_ORDERS)?,
            acme_failures: new.gauges(described::ACME_FAILURES)?,
            runtimes: new.runtimes()?,
            turns: Mutex::default(),
            registered: new.with_process()?,
        })
    }

    /// Every metric there is, in the order of its making.
    pub fn listed(&self) -> &[Listed] {
        self.registered.listed()
    }

    /// Has the figures of a runtime collected, under a name.
    pub fn collect_runtime(&self, name: &'static str, runtime: Handle) {
        self.runtimes.add(name, runtime);
    }

    /// Has those of the runtime collected that this thread works for. Costs next to nothing after
    /// the first time.
    pub fn collect_runtime_here(&self, name: &'static str) {
        self.runtimes.note(name);
    }

    /// Takes out what is measured of an issuer that is off or no more. What was counted stays counted.
    pub fn forget_issuer(&self, name: &str) {
        for gauge in [
            &self.jwks_age,
            &self.jwks_overdue,
            &self.jwks_keys,
            &self.jwks_available,
        ] {
            // An error says that it never was measured.
            let _ = gauge.remove_label_values(&[name]);
        }
    }

    /// Has the counters of a webhook at 0 before the first event, so that rates include it.
    pub fn expect_webhook(&self, name: &str) {
        for outcome in ["accepted", "refused"] {
            self.webhook_attempts.with_label_values(&[name, outcome]);
        }
        self.webhook_lost.with_label_values(&[name]);
    }

    /// Takes out what is measured of a webhook that this gateway does not deliver to.
    pub fn forget_webhook(&self, name: &str) {
        let _ = self.webhook_lag.remove_label_values(&[name]);
        for state in ["waiting", "pending", "parked"] {
            // An error says that it never was measured.
            let _ = self.webhook_events.remove_label_values(&[name, state]);
        }
    }

    /// All metrics in the text format, version 0.0.4, after `measure` has set what is measured for this alone. It takes
    /// turns: one that begins by forgetting what was measured before keeps no other from showing it.
    pub fn scrape(&self, measure: impl FnOnce()) -> Result<Vec<u8>, prometheus::Error> {
        let _turn = self.turns.lock().unwrap_or_else(PoisonError::into_inner);
        measure();
        let mut text = Vec::with_capacity(8192);
        TextEncoder::new().encode(&self.registered.gather(), &mut text)?;
        Ok(text)
    }
}

/// The lost lines of the program's log, which is older than any registry: a process has one.
///
/// # Errors
///
/// Never: the name is a valid one.
pub fn log_dropped() -> Result<IntCounter, prometheus::Error> {
    static DROPPED: OnceLock<IntCounter> = OnceLock::new();
    if let Some(counter) = DROPPED.get() {
        return Ok(counter.clone());
    }
    let (name, help, _) = described::LOG_DROPPED;
    let counter = IntCounter::new(name, help)?;
    Ok(DROPPED.get_or_init(|| counter).clone())
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
        let text = String::from_utf8(metrics.scrape(|| {}).unwrap()).unwrap();
        assert!(text.contains(
            r#"vestibule_decisions_total{issuer="acme",outcome="allowed",reason="ok",source="bearer"} 1"#
        ));
        assert!(text.contains("vestibule_build_info"));
    }

    /// Two Prometheus servers may come at once: a gap of one of them would restart an alert.
    #[test]
    fn scrapes_take_turns() {
        let metrics = Metrics::new().unwrap();
        let drained = &metrics.upstream_drained;
        let series = "vestibule_upstream_drained{server=\"a.test:1\",upstream=\"app\"} 1";
        let scrape = || {
            let text = metrics.scrape(|| {
                drained.reset();
                std::thread::yield_now();
                drained.with_label_values(&["app", "a.test:1"]).set(1);
            });
            String::from_utf8(text.unwrap()).unwrap()
        };
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| (0..200).for_each(|_| assert!(scrape().contains(series))));
            }
        });
    }
}
