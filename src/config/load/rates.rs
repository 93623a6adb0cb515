//! What settings of rate limits mean together.

use std::ops::RangeInclusive;
use std::time::Duration;

use crate::config::Config;
use crate::diagnostic::Diagnostic;

/// Counting together needs others to count with.
pub(super) fn diagnostics(config: &Config) -> Vec<Diagnostic> {
    let rates = &config.limits.rates;
    let mut found = Vec::new();
    if !SHARED_INTERVALS.contains(&rates.shared_interval) {
        let message = "must be from 100 ms to one minute";
        found.push(Diagnostic::error("limits.rates.shared_interval", message));
    }
    if rates.shared && config.store.postgres.is_none() {
        let message = "has no effect: the embedded store has one gateway";
        let finding = Diagnostic::warning("limits.rates.shared", message);
        found.push(finding.hint("several gateways need `store.postgres`"));
    }
    found
}

/// How often counts can be exchanged.
const SHARED_INTERVALS: RangeInclusive<Duration> =
    Duration::from_millis(100)..=Duration::from_secs(60);
