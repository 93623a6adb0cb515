//! What is counted of one upstream, resolved once so that counting takes no lock.

use prometheus::{Histogram, IntCounter};

use super::Failure;
use crate::metrics::Metrics;

#[derive(Debug)]
pub(super) struct Counters {
    pub(super) duration: Histogram,
    pub(super) retries: IntCounter,
    failures: [IntCounter; Failure::ALL.len()],
}

impl Counters {
    /// For the upstream of that name. All series are there from the start, at zero.
    pub(super) fn new(metrics: &Metrics, upstream: &str) -> Self {
        let failures = |failure: Failure| {
            metrics
                .upstream_failures
                .with_label_values(&[upstream, failure.label()])
        };
        Self {
            duration: metrics.upstream_duration.with_label_values(&[upstream]),
            retries: metrics.upstream_retries.with_label_values(&[upstream]),
            failures: Failure::ALL.map(failures),
        }
    }

    pub(super) fn failed(&self, failure: Failure) {
        let at = Failure::ALL.iter().position(|one| *one == failure);
        if let Some(counter) = at.and_then(|at| self.failures.get(at)) {
            counter.inc();
        }
    }
}
