//! Counters that a request touches, resolved once so that counting takes no lock.

use std::sync::OnceLock;

use http::{Method, StatusCode};
use prometheus::{Histogram, IntCounter};

use crate::credential::Source;
use crate::metrics::Metrics;
use crate::rejection::{Overload, Rejection};

/// Requests on one route, by method and status class.
#[derive(Debug)]
pub struct RouteCounters {
    route: String,
    answered: [[OnceLock<IntCounter>; CLASSES.len()]; METHODS.len() + 1],
    duration: Histogram,
}

/// Granted requests of one issuer, by where the credential was found.
#[derive(Debug)]
pub struct Granted {
    by_source: [IntCounter; Source::LABELS.len()],
}

/// Counts a request that there is no room for.
pub fn refuse(metrics: &Metrics, overload: Overload) -> Rejection {
    let refusals = &metrics.overload_refusals;
    refusals.with_label_values(&[overload.reason()]).inc();
    overload.rejection()
}

/// The issuer label of the gateway's own session tokens.
pub const SELF_ISSUED: &str = "vestibule";

/// What the gateway's own endpoints are called in place of a route, unless a route is called so.
pub const OWN_ROUTE: &str = "api";

/// What they are called then.
pub const OWN_ROUTE_OTHERWISE: &str = "vestibule api";

const METHODS: [Method; 7] = [
    Method::GET,
    Method::HEAD,
    Method::POST,
    Method::PUT,
    Method::PATCH,
    Method::DELETE,
    Method::OPTIONS,
];
const CLASSES: [&str; 6] = ["none", "1xx", "2xx", "3xx", "4xx", "5xx"];

impl RouteCounters {
    /// For the route of that name.
    pub fn new(metrics: &Metrics, route: &str) -> Self {
        Self {
            route: route.to_owned(),
            answered: Default::default(),
            duration: metrics.request_duration.with_label_values(&[route]),
        }
    }

    /// Counts an answered request; `None` when it ended without an answer.
    pub fn count(
        &self,
        metrics: &Metrics,
        method: &Method,
        status: Option<StatusCode>,
        seconds: f64,
    ) {
        let row = METHODS
            .iter()
            .position(|known| known == method)
            .unwrap_or(METHODS.len());
        let column = status.map_or(0, |status| usize::from(status.as_u16() / 100));
        let cell = self.answered.get(row).and_then(|row| row.get(column));
        if let (Some(cell), Some(class)) = (cell, CLASSES.get(column)) {
            let method = METHODS.get(row).map_or("other", Method::as_str);
            cell.get_or_init(|| {
                metrics
                    .requests
                    .with_label_values(&[self.route.as_str(), method, class])
            })
            .inc();
        }
        self.duration.observe(seconds);
    }
}

impl Granted {
    /// For the issuer of that name.
    pub fn new(metrics: &Metrics, issuer: &str) -> Self {
        let counter = |source| {
            metrics
                .decisions
                .with_label_values(&[issuer, source, "allowed", "ok"])
        };
        Self {
            by_source: Source::LABELS.map(counter),
        }
    }

    /// Counts one request with a credential from this source.
    pub fn count(&self, source: &str) {
        let at = Source::LABELS.iter().position(|label| *label == source);
        if let Some(counter) = at.and_then(|at| self.by_source.get(at)) {
            counter.inc();
        }
    }
}
