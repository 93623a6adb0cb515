//! What is counted of one upstream, resolved once so that counting takes no lock.

use std::time::Duration;

use prometheus::{Histogram, IntCounter};

use super::Failure;
use crate::metrics::Metrics;

#[derive(Debug)]
pub(super) struct Counters {
    /// Of each server, in the order of the configuration.
    durations: Vec<Histogram>,
    pub(super) retries: IntCounter,
    failures: [IntCounter; Failure::ALL.len()],
}

impl Counters {
    /// For the upstream of that name with these servers. All series are there from the start, at zero.
    pub(super) fn new<'a>(
        metrics: &Metrics,
        upstream: &str,
        servers: impl Iterator<Item = &'a str>,
    ) -> Self {
        let duration = |server| {
            let labels = [upstream, server];
            metrics.upstream_duration.with_label_values(&labels)
        };
        let failures = |failure: Failure| {
            metrics
                .upstream_failures
                .with_label_values(&[upstream, failure.label()])
        };
        Self {
            durations: servers.map(duration).collect(),
            retries: metrics.upstream_retries.with_label_values(&[upstream]),
            failures: Failure::ALL.map(failures),
        }
    }

    /// A server, by its place in the configuration, took this long.
    pub(super) fn answered_after(&self, server: usize, time: Duration) {
        if let Some(duration) = self.durations.get(server) {
            duration.observe(time.as_secs_f64());
        }
    }

    pub(super) fn failed(&self, failure: Failure) {
        let at = Failure::ALL.iter().position(|one| *one == failure);
        if let Some(counter) = at.and_then(|at| self.failures.get(at)) {
            counter.inc();
        }
    }
}
