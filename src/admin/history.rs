//! What was counted over the last hour, for the pictures of the overview.
//!
//! A ring of samples in memory, of fixed length: a Prometheus server keeps more, and for longer.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use prometheus::core::Collector;
use serde::Serialize;
use utoipa::ToSchema;

use crate::metrics::{Metrics, refusals, sums};

/// Samples of the metrics over the last hour.
pub struct History {
    started: Instant,
    samples: Mutex<VecDeque<Sample>>,
}

/// All that was counted up to one moment.
#[derive(Clone, Debug, Default)]
struct Sample {
    /// Time since startup.
    at: Duration,
    requests: u64,
    refusals: u64,
    sign_ins: u64,
    /// Requests by the bound of their duration in seconds, each with all that were faster.
    durations: Vec<(f64, u64)>,
}

/// What was counted in one minute.
#[derive(Clone, Debug, Default, PartialEq, Serialize, ToSchema)]
pub struct Minute {
    /// Requests answered.
    pub requests: u64,
    /// Requests refused for their credential.
    pub refusals: u64,
    /// Sessions opened.
    pub sign_ins: u64,
    /// The time in seconds within which half of the requests were answered; null without any.
    pub median: Option<f64>,
    /// The same of 95 in 100.
    pub p95: Option<f64>,
}

impl History {
    /// An empty history.
    pub fn new() -> Self {
        Self {
            started: Instant::now(),
            samples: Mutex::new(VecDeque::from([Sample::default()])),
        }
    }

    /// Takes a sample every few seconds. Never returns.
    pub async fn follow(&self, metrics: &Metrics) {
        let mut ticks = tokio::time::interval(INTERVAL);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            self.keep(self.sample(metrics));
        }
    }

    /// The last hour up to now, the oldest minute first.
    pub fn minutes(&self, metrics: &Metrics) -> Vec<Minute> {
        let now = self.sample(metrics);
        let samples = self.samples();
        let up_to = |at: Duration| {
            let found = samples.iter().rev().find(|sample| sample.at <= at);
            found.or(samples.front()).unwrap_or(&now)
        };
        let ago = |minutes: u32| now.at.saturating_sub(MINUTE * minutes);
        let minutes = (0..MINUTES).rev();
        minutes
            .map(|number| {
                let end = if number == 0 {
                    &now
                } else {
                    up_to(ago(number))
                };
                end.since(up_to(ago(number + 1)))
            })
            .collect()
    }

    fn sample(&self, metrics: &Metrics) -> Sample {
        let total = |by: Vec<(String, u64)>| by.into_iter().map(|(_, count)| count).sum();
        Sample {
            at: self.started.elapsed(),
            requests: total(sums(&metrics.requests, "route")),
            refusals: total(refusals(metrics)),
            sign_ins: total(sums(&metrics.sessions_created, "issuer")),
            durations: durations(metrics),
        }
    }

    fn keep(&self, sample: Sample) {
        let mut samples = self.samples();
        if samples.len() == KEPT {
            samples.pop_front();
        }
        samples.push_back(sample);
    }

    fn samples(&self) -> MutexGuard<'_, VecDeque<Sample>> {
        self.samples.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Default for History {
    fn default() -> Self {
        Self::new()
    }
}

impl Sample {
    fn since(&self, earlier: &Self) -> Minute {
        let before = |bound: f64| {
            let same = earlier.durations.iter().find(|(other, _)| *other == bound);
            same.map_or(0, |(_, count)| *count)
        };
        let durations: Vec<_> = self
            .durations
            .iter()
            .map(|(bound, count)| (*bound, count.saturating_sub(before(*bound))))
            .collect();
        Minute {
            requests: self.requests.saturating_sub(earlier.requests),
            refusals: self.refusals.saturating_sub(earlier.refusals),
            sign_ins: self.sign_ins.saturating_sub(earlier.sign_ins),
            median: quantile(&durations, 0.5),
            p95: quantile(&durations, 0.95),
        }
    }
}

/// The buckets of all routes together.
fn durations(metrics: &Metrics) -> Vec<(f64, u64)> {
    let mut all: Vec<(f64, u64)> = Vec::new();
    for family in metrics.request_duration.collect() {
        for metric in family.get_metric() {
            for (number, bucket) in metric.get_histogram().get_bucket().iter().enumerate() {
                match all.get_mut(number) {
                    // Each route has the same bounds.
                    Some((_, count)) => *count += bucket.cumulative_count(),
                    None => all.push((bucket.upper_bound(), bucket.cumulative_count())),
                }
            }
        }
    }
    all
}

/// Between the bounds of the bucket that it falls into, in proportion, as Prometheus does it. What
/// is slower than all bounds counts as the last one.
fn quantile(buckets: &[(f64, u64)], part: f64) -> Option<f64> {
    let (last, total) = *buckets.last()?;
    if total == 0 {
        return None;
    }
    let rank = part * total as f64;
    let (mut lower, mut below) = (0.0, 0);
    for (bound, count) in buckets {
        if *count as f64 >= rank && *count > below {
            let share = (rank - below as f64) / (*count - below) as f64;
            return Some(lower + (bound - lower) * share);
        }
        (lower, below) = (*bound, *count);
    }
    Some(last)
}

/// The interval between two samples.
const INTERVAL: Duration = Duration::from_secs(10);
const MINUTE: Duration = Duration::from_secs(60);
const MINUTES: u32 = 60;
/// The samples of an hour, and the one before.
const KEPT: usize = 361;

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64, requests: u64) -> Sample {
        Sample {
            at: Duration::from_secs(seconds),
            requests,
            ..Sample::default()
        }
    }

    #[test]
    fn a_minute_is_what_was_counted_in_it() {
        let before = Sample {
            durations: vec![(0.1, 5), (1.0, 5)],
            ..at(0, 5)
        };
        let after = Sample {
            durations: vec![(0.1, 15), (1.0, 25)],
            refusals: 2,
            sign_ins: 3,
            ..at(60, 25)
        };
        let minute = after.since(&before);
        assert_eq!(
            (minute.requests, minute.refusals, minute.sign_ins),
            (20, 2, 3)
        );
        // Ten below 0.1 s and ten between that and 1 s.
        assert_eq!(minute.median, Some(0.1));
        assert!((minute.p95.unwrap() - 0.91).abs() < 1e-9);
        assert_eq!(after.since(&after).median, None);
    }

    #[test]
    fn the_hour_ends_now_and_the_ring_has_an_end() {
        let metrics = Metrics::new().unwrap();
        let history = History::new();
        metrics
            .sessions_created
            .with_label_values(&["acme"])
            .inc_by(7);
        let minutes = history.minutes(&metrics);
        assert_eq!(minutes.len(), 60);
        assert_eq!(minutes.last().unwrap().sign_ins, 7);
        assert!(
            minutes
                .iter()
                .rev()
                .skip(1)
                .all(|minute| minute.sign_ins == 0)
        );
        for number in 0..1000 {
            history.keep(at(number, number));
        }
        assert_eq!(history.samples().len(), KEPT);
    }

    #[test]
    fn quantiles_lie_between_bounds() {
        assert_eq!(quantile(&[], 0.5), None);
        assert_eq!(quantile(&[(1.0, 0)], 0.5), None);
        assert_eq!(quantile(&[(1.0, 0), (2.0, 4)], 0.5), Some(1.5));
        assert_eq!(quantile(&[(1.0, 4), (2.0, 4)], 0.95), Some(0.95));
    }
}
