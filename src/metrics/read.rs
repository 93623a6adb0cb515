//! What was counted, read again by the gateway itself.

use std::collections::BTreeMap;

use prometheus::core::Collector;
use prometheus::proto::LabelPair;
use prometheus::{IntCounterVec, IntGaugeVec};

use super::Metrics;

/// A counter summed over all labels but one, by the values of that one.
pub fn sums(counter: &IntCounterVec, label: &str) -> Vec<(String, u64)> {
    sums_if(counter, label, |_| true)
}

/// The decisions that refused a request, by reason.
pub fn refusals(metrics: &Metrics) -> Vec<(String, u64)> {
    sums_if(&metrics.decisions, "reason", |labels| {
        let outcome = labels.iter().find(|pair| pair.name() == "outcome");
        outcome.is_some_and(|outcome| outcome.value() == "refused")
    })
}

/// Every series of a gauge: its labels by name, and its value.
pub fn values(gauge: &IntGaugeVec) -> Vec<(BTreeMap<String, String>, i64)> {
    let pair = |label: &LabelPair| (label.name().to_owned(), label.value().to_owned());
    let mut values = Vec::new();
    for family in gauge.collect() {
        for metric in family.get_metric() {
            let labels = metric.get_label().iter().map(pair).collect();
            // Set from whole numbers.
            values.push((labels, metric.get_gauge().get_value() as i64));
        }
    }
    values
}

fn sums_if(
    counter: &IntCounterVec,
    label: &str,
    counts: impl Fn(&[LabelPair]) -> bool,
) -> Vec<(String, u64)> {
    let mut sums: BTreeMap<String, u64> = BTreeMap::new();
    for family in counter.collect() {
        let counted = family.get_metric().iter();
        for metric in counted.filter(|metric| counts(metric.get_label())) {
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
