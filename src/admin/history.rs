//! What was counted over the last hour, day and week, for the pictures of the overview.
//!
//! Rings of samples in memory, of fixed length, the coarser the longer: a Prometheus server keeps
//! more, and for longer. They start empty with the process.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use prometheus::core::Collector;
use serde::Serialize;
use utoipa::ToSchema;

use crate::metrics::{Metrics, refusals, sums};

mod range;

pub use range::Range;

use range::INTERVAL;

/// Samples of the metrics over the last week.
pub struct History {
    started: Instant,
    /// One for each [`Range`], in its order.
    rings: Mutex<[Ring; 3]>,
}

/// Samples at about the same distance.
#[derive(Debug)]
struct Ring {
    range: Range,
    /// The oldest first; never empty.
    samples: VecDeque<Sample>,
}

/// All that was counted up to one moment.
#[derive(Clone, Debug, Default)]
struct Sample {
    /// Time since startup.
    at: Duration,
    requests: u64,
    /// Of these, those with a status of the fourth and of the fifth class.
    client_errors: u64,
    server_errors: u64,
    refusals: u64,
    sign_ins: u64,
    /// Requests by the bound of their duration in seconds, each with all that were faster.
    durations: Vec<(f64, u64)>,
}

/// What was counted in one step: a minute, or another length.
#[derive(Clone, Debug, Default, PartialEq, Serialize, ToSchema)]
pub struct Minute {
    /// Requests answered.
    pub requests: u64,
    /// Of these, those with a status from 400 to 499.
    pub client_errors: u64,
    /// Of these, those with a status from 500 on.
    pub server_errors: u64,
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
        let ring = |range| Ring {
            range,
            samples: VecDeque::from([Sample::default()]),
        };
        Self {
            started: Instant::now(),
            rings: Mutex::new(Range::ALL.map(ring)),
        }
    }

    /// Takes a sample every few seconds. Never returns.
    pub async fn follow(&self, metrics: &Metrics) {
        let mut ticks = tokio::time::interval(INTERVAL);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            self.keep(&self.sample(metrics));
        }
    }

    /// A time up to now in steps, the oldest first.
    pub fn steps(&self, metrics: &Metrics, range: Range) -> Vec<Minute> {
        let now = self.sample(metrics);
        let rings = self.rings();
        let ring = of(&rings, range);
        let ago = |steps: u32| now.at.saturating_sub(range.step() * steps);
        let steps = (0..range.steps()).rev();
        steps
            .map(|number| {
                let end = match number {
                    0 => &now,
                    _ => ring.up_to(ago(number)).unwrap_or(&now),
                };
                end.since(ring.up_to(ago(number + 1)).unwrap_or(&now))
            })
            .collect()
    }

    /// All of it together; and the same time before, if the process is old enough to know.
    pub fn totals(&self, metrics: &Metrics, range: Range) -> (Minute, Option<Minute>) {
        let now = self.sample(metrics);
        let rings = self.rings();
        let begun = now.at.saturating_sub(range.length());
        let start = of(&rings, range).up_to(begun).unwrap_or(&now);
        let before = range.longer().and_then(|longer| {
            let earlier = now.at.checked_sub(range.length() * 2)?;
            Some(start.since(of(&rings, longer).up_to(earlier)?))
        });
        (now.since(start), before)
    }

    fn sample(&self, metrics: &Metrics) -> Sample {
        let total = |by: Vec<(String, u64)>| by.into_iter().map(|(_, count)| count).sum();
        let classes = sums(&metrics.requests, "code_class");
        let class = |name: &str| {
            let found = classes.iter().find(|(class, _)| class == name);
            found.map_or(0, |(_, count)| *count)
        };
        Sample {
            at: self.started.elapsed(),
            client_errors: class("4xx"),
            server_errors: class("5xx"),
            requests: total(classes),
            refusals: total(refusals(metrics)),
            sign_ins: total(sums(&metrics.sessions_created, "issuer")),
            durations: durations(metrics),
        }
    }

    fn keep(&self, sample: &Sample) {
        for ring in self.rings().iter_mut() {
            ring.keep(sample);
        }
    }

    fn rings(&self) -> MutexGuard<'_, [Ring; 3]> {
        self.rings.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The ring of a range, which is at its place in [`Range::ALL`].
fn of(rings: &[Ring; 3], range: Range) -> &Ring {
    let [hour, day, week] = rings;
    match range {
        Range::Hour => hour,
        Range::Day => day,
        Range::Week => week,
    }
}

impl Ring {
    /// The last sample up to a time since startup, or else the first.
    fn up_to(&self, at: Duration) -> Option<&Sample> {
        let found = self.samples.iter().rev().find(|sample| sample.at <= at);
        found.or(self.samples.front())
    }

    fn keep(&mut self, sample: &Sample) {
        let last = self.samples.back().map_or(Duration::ZERO, |last| last.at);
        // The clock of a runtime rounds: what is nearly due is due.
        if sample.at + SLACK < last + self.range.interval() {
            return;
        }
        if self.samples.len() == self.range.kept() {
            self.samples.pop_front();
        }
        self.samples.push_back(sample.clone());
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
            client_errors: self.client_errors.saturating_sub(earlier.client_errors),
            server_errors: self.server_errors.saturating_sub(earlier.server_errors),
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

/// The interval between two samples of the shortest range.
const SLACK: Duration = Duration::from_secs(1);

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
    fn each_range_ends_now_and_each_ring_has_an_end() {
        let metrics = Metrics::new().unwrap();
        let history = History::new();
        metrics
            .sessions_created
            .with_label_values(&["acme"])
            .inc_by(7);
        for (range, steps) in Range::ALL.into_iter().zip([60, 96, 84]) {
            let found = history.steps(&metrics, range);
            assert_eq!(found.len(), steps);
            let (last, others) = found.split_last().unwrap();
            assert_eq!(last.sign_ins, 7);
            assert!(others.iter().all(|step| step.sign_ins == 0));
            let (total, before) = history.totals(&metrics, range);
            assert_eq!((total.sign_ins, before), (7, None));
        }
        for number in 0..100_000 {
            history.keep(&at(number * 10, number));
        }
        let kept = history.rings().each_ref().map(|ring| ring.samples.len());
        assert_eq!(kept, [361, 289, 337]);
    }

    #[test]
    fn a_coarser_ring_reaches_further_back() {
        let history = History::new();
        // One request a second, for two days.
        for number in 0..17_280 {
            history.keep(&at(number * 10, number * 10));
        }
        let rings = history.rings();
        let now = Duration::from_secs(172_790);
        let back = |range: Range, hours: u64| {
            let time = now - Duration::from_secs(3600 * hours);
            of(&rings, range).up_to(time).unwrap().at
        };
        let apart = |range, hours: u64| {
            let wanted = now - Duration::from_secs(3600 * hours);
            wanted.saturating_sub(back(range, hours))
        };
        assert!(apart(Range::Hour, 1) <= Duration::from_secs(10));
        assert!(apart(Range::Day, 24) <= Duration::from_secs(300));
        assert!(apart(Range::Week, 40) <= Duration::from_secs(1800));
    }

    #[test]
    fn quantiles_lie_between_bounds() {
        assert_eq!(quantile(&[], 0.5), None);
        assert_eq!(quantile(&[(1.0, 0)], 0.5), None);
        assert_eq!(quantile(&[(1.0, 0), (2.0, 4)], 0.5), Some(1.5));
        assert_eq!(quantile(&[(1.0, 4), (2.0, 4)], 0.95), Some(0.95));
    }
}
