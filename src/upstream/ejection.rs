//! Leaves out servers that fail, as seen by the requests that they get.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwap;

use super::settings::Ejection;
use super::{Address, Failure};

/// The recent record of each server. Times are durations since any one moment.
#[derive(Debug)]
pub(super) struct Ejections {
    settings: Ejection,
    records: ArcSwap<BTreeMap<Address, Arc<Record>>>,
}

#[derive(Debug, Default)]
struct Record {
    failures_in_a_row: AtomicU32,
    /// How often it was ejected without a response in between.
    ejections_in_a_row: AtomicU32,
    /// Milliseconds; 0 if it was never ejected or has responded since.
    ejected_until: AtomicU64,
    /// Milliseconds, since when it is here or back; 0 for always.
    since: AtomicU64,
    /// How it failed the last time, and when.
    last_failure: Mutex<Option<(Failure, Duration)>>,
}

impl Ejections {
    pub(super) fn new(settings: Ejection) -> Self {
        Self {
            settings,
            records: ArcSwap::default(),
        }
    }

    /// Keeps the records of servers that stay, and begins those of new ones; of the latter, some `were`
    /// there before there was a record.
    pub(super) fn set_servers(
        &self,
        servers: impl Iterator<Item = Address>,
        now: Duration,
        were: impl Fn(&Address) -> bool,
    ) {
        let known = self.records.load();
        let kept = |server: Address| {
            let begin = || {
                let record = Record::default();
                if !were(&server) {
                    record.since.store(millis(now).max(1), Relaxed);
                }
                Arc::new(record)
            };
            let record = known.get(&server).cloned().unwrap_or_else(begin);
            (server, record)
        };
        self.records.store(Arc::new(servers.map(kept).collect()));
    }

    /// Whether a server is ejected.
    pub(super) fn is_ejected(&self, server: &Address, now: Duration) -> bool {
        self.records
            .load()
            .get(server)
            .is_some_and(|record| record.ejected_until.load(Relaxed) > millis(now))
    }

    /// Whether a server has failed as often in a row as ejects one, and gets requests nevertheless, since
    /// no more may be ejected at once. After a time without requests nobody knows.
    pub(super) fn is_failing_in_use(&self, server: &Address, now: Duration) -> bool {
        let records = self.records.load();
        let Some(record) = records.get(server) else {
            return false;
        };
        let failures = record.failures_in_a_row.load(Relaxed);
        if self.settings.failures == 0
            || failures < self.settings.failures
            || record.ejected_until.load(Relaxed) > millis(now)
        {
            return false;
        }
        let known_for = self.settings.duration.saturating_mul(LONGEST_FACTOR);
        let last = record.last_failure.lock();
        let last = *last.unwrap_or_else(PoisonError::into_inner);
        last.is_some_and(|(_, at)| now < at.saturating_add(known_for))
    }

    /// For how long a server has been here, or back from its last ejection; `None` for always.
    pub(super) fn age(&self, server: &Address, now: Duration) -> Option<Duration> {
        let records = self.records.load();
        let record = records.get(server)?;
        let since = record
            .since
            .load(Relaxed)
            .max(record.ejected_until.load(Relaxed));
        (since != 0).then(|| now.saturating_sub(Duration::from_millis(since)))
    }

    /// A server is back for another reason than the end of an ejection.
    pub(super) fn begin(&self, server: &Address, now: Duration) {
        if let Some(record) = self.records.load().get(server) {
            record.since.store(millis(now).max(1), Relaxed);
        }
    }

    /// A server responded; true if it had been ejected.
    pub(super) fn answered(&self, server: &Address) -> bool {
        let records = self.records.load();
        let Some(record) = records.get(server) else {
            return false;
        };
        // Written only when there is something to forget: every request comes by here.
        if record.failures_in_a_row.load(Relaxed) != 0 {
            record.failures_in_a_row.store(0, Relaxed);
        }
        if record.ejections_in_a_row.load(Relaxed) == 0 {
            return false;
        }
        record.ejections_in_a_row.store(0, Relaxed);
        let until = record.ejected_until.swap(0, Relaxed);
        if until != 0 {
            record.since.store(until, Relaxed);
        }
        until != 0
    }

    /// Keeps how a server failed.
    pub(super) fn record(&self, server: &Address, failure: Failure, now: Duration) {
        if let Some(record) = self.records.load().get(server) {
            let mut last = record
                .last_failure
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            *last = Some((failure, now));
        }
    }

    /// How a server failed the last time, and when.
    pub(super) fn last_failure(&self, server: &Address) -> Option<(Failure, Duration)> {
        let records = self.records.load();
        let record = records.get(server)?;
        let last = record.last_failure.lock();
        *last.unwrap_or_else(PoisonError::into_inner)
    }

    /// A server failed; true when that leaves it out.
    pub(super) fn failed(&self, server: &Address, now: Duration) -> bool {
        let records = self.records.load();
        let Some(record) = records.get(server) else {
            return false;
        };
        let failures = record
            .failures_in_a_row
            .fetch_add(1, Relaxed)
            .saturating_add(1);
        let ejections = record.ejections_in_a_row.load(Relaxed);
        // A server that is back on trial has one try.
        let allowed = if ejections == 0 {
            self.settings.failures
        } else {
            1
        };
        let is_out = record.ejected_until.load(Relaxed) > millis(now);
        if self.settings.failures == 0 || failures < allowed || is_out {
            return false;
        }
        let out = records
            .values()
            .filter(|other| other.ejected_until.load(Relaxed) > millis(now));
        if (out.count() + 1) * 100 > records.len() * usize::from(self.settings.max_percent) {
            return false;
        }
        let factor = 1u32
            .checked_shl(ejections)
            .unwrap_or(u32::MAX)
            .min(LONGEST_FACTOR);
        let until = now.saturating_add(self.settings.duration.saturating_mul(factor));
        record.failures_in_a_row.store(0, Relaxed);
        record
            .ejections_in_a_row
            .store(ejections.saturating_add(1), Relaxed);
        record.ejected_until.store(millis(until), Relaxed);
        true
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// The maximum duration of an ejection, as a multiple of the first.
const LONGEST_FACTOR: u32 = 10;

#[cfg(test)]
mod tests {
    use super::*;

    fn server(port: u16) -> Address {
        Address::Inet(([127, 0, 0, 1], port).into())
    }

    fn ejections(failures: u32, max_percent: u8, servers: u16) -> Ejections {
        let duration = Duration::from_secs(10);
        let ejections = Ejections::new(Ejection {
            failures,
            statuses: Vec::new(),
            duration,
            max_percent,
        });
        ejections.set_servers((1..=servers).map(server), at(0), |_| true);
        ejections
    }

    fn at(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn failures_in_a_row_leave_a_server_out_for_a_while() {
        let ejections = ejections(3, 100, 2);
        assert!(!ejections.failed(&server(1), at(0)));
        assert!(!ejections.failed(&server(1), at(0)));
        assert!(!ejections.is_ejected(&server(1), at(0)));
        assert!(ejections.failed(&server(1), at(0)));
        assert!(ejections.is_ejected(&server(1), at(9)));
        assert!(!ejections.is_ejected(&server(1), at(10)));
        assert!(!ejections.is_ejected(&server(2), at(0)));
    }

    #[test]
    fn who_is_new_or_back_has_an_age() {
        let ejections = ejections(1, 100, 1);
        assert_eq!(ejections.age(&server(1), at(5)), None, "always there");
        assert!(ejections.failed(&server(1), at(5)));
        assert_eq!(ejections.age(&server(1), at(15)), Some(at(0)));
        assert_eq!(ejections.age(&server(1), at(18)), Some(at(3)));
        // An answer ends the trial, and not the slow start.
        assert!(ejections.answered(&server(1)));
        assert_eq!(ejections.age(&server(1), at(18)), Some(at(3)));
        ejections.set_servers([1, 2].map(server).into_iter(), at(20), |_| false);
        assert_eq!(ejections.age(&server(2), at(24)), Some(at(4)));
        assert_eq!(ejections.age(&server(1), at(24)), Some(at(9)), "it stayed");
    }

    /// Whoever may not be ejected is at least known to fail.
    #[test]
    fn the_last_server_fails_in_use_until_it_answers_or_is_not_asked_for_long() {
        for (max_percent, is_ejected) in [(100, true), (50, false)] {
            let ejections = ejections(2, max_percent, 1);
            let fail = |seconds| {
                ejections.record(&server(1), Failure::Connect, at(seconds));
                ejections.failed(&server(1), at(seconds))
            };
            assert!(!fail(0));
            assert!(!ejections.is_failing_in_use(&server(1), at(0)));
            assert_eq!(fail(0), is_ejected);
            assert_eq!(ejections.is_failing_in_use(&server(1), at(0)), !is_ejected);
            assert_eq!(ejections.is_failing_in_use(&server(1), at(99)), !is_ejected);
            assert!(!ejections.is_failing_in_use(&server(1), at(100)));
            ejections.answered(&server(1));
            assert!(!ejections.is_failing_in_use(&server(1), at(0)));
        }
    }

    #[test]
    fn an_answer_in_between_restarts_the_count() {
        let ejections = ejections(2, 100, 1);
        assert!(!ejections.failed(&server(1), at(0)));
        assert!(!ejections.answered(&server(1)));
        assert!(!ejections.failed(&server(1), at(0)));
        assert!(ejections.failed(&server(1), at(0)));
    }

    #[test]
    fn on_trial_one_failure_doubles_the_time_and_an_answer_forgives() {
        let ejections = ejections(2, 100, 1);
        ejections.failed(&server(1), at(0));
        assert!(ejections.failed(&server(1), at(0)));
        assert!(ejections.failed(&server(1), at(10)));
        assert!(ejections.is_ejected(&server(1), at(29)));
        assert!(!ejections.is_ejected(&server(1), at(30)));
        let mut now = at(30);
        for _ in 0..40 {
            assert!(ejections.failed(&server(1), now));
            assert!(!ejections.is_ejected(&server(1), now + at(100)));
            now += at(100);
        }
        assert!(ejections.answered(&server(1)));
        assert!(!ejections.failed(&server(1), now));
    }

    /// Requests that were in flight when it was ejected fail as well.
    #[test]
    fn late_failures_do_not_lengthen_the_time() {
        let ejections = ejections(1, 100, 4);
        assert!(ejections.failed(&server(1), at(0)));
        assert!(!ejections.failed(&server(1), at(5)));
        assert!(!ejections.is_ejected(&server(1), at(10)));
    }

    #[test]
    fn never_more_than_the_configured_part() {
        let ejections = ejections(1, 50, 4);
        assert!(ejections.failed(&server(1), at(0)));
        assert!(ejections.failed(&server(2), at(0)));
        assert!(!ejections.failed(&server(3), at(0)));
        assert!(ejections.failed(&server(3), at(10)));
    }

    #[test]
    fn a_single_server_stays_at_half_and_nothing_is_ejected_at_zero() {
        assert!(!ejections(1, 50, 1).failed(&server(1), at(0)));
        assert!(ejections(1, 100, 1).failed(&server(1), at(0)));
        assert!(!ejections(0, 100, 1).failed(&server(1), at(0)));
    }

    #[test]
    fn records_stay_when_servers_change() {
        let ejections = ejections(1, 100, 2);
        ejections.failed(&server(1), at(0));
        ejections.set_servers([server(1), server(3)].into_iter(), at(0), |_| true);
        assert!(ejections.is_ejected(&server(1), at(1)));
        assert!(!ejections.failed(&server(2), at(1)));
        assert!(ejections.failed(&server(3), at(1)));
    }
}
