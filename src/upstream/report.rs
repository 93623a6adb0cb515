//! How servers deal with requests: what requests report, and what is known of it.

use std::collections::BTreeMap;
use std::time::Duration;

use http::StatusCode;

use super::failure::Failure;
use super::{Address, Upstream};

/// How a server dealt with a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It answered to the end.
    Answered(StatusCode),
    /// It failed before the end of its answer.
    Failed(Failure),
}

impl Upstream {
    /// Tells how a server dealt with a request.
    pub fn report(&self, server: &Address, outcome: Outcome) {
        let failure = match outcome {
            Outcome::Failed(failure) => failure,
            Outcome::Answered(status) if self.is_failure(status) => Failure::Status,
            Outcome::Answered(_) => {
                if self.ejections.answered(server) {
                    tracing::info!(upstream = %self.name, %server, "a server is healthy again");
                }
                return;
            }
        };
        self.counters.failed(failure);
        self.ejections
            .record(server, failure, self.started.elapsed());
        if self.ejections.failed(server, self.started.elapsed()) {
            let kind = failure.label();
            tracing::warn!(
                upstream = %self.name, %server, kind, "a server keeps failing and is ejected"
            );
        }
    }

    /// Counts how long a server took for the head of its answer.
    pub fn answered_after(&self, server: &Address, time: Duration) {
        if let Some(member) = self.members.load().get(server) {
            self.counters.answered_after(member.server, time);
        }
    }

    /// How an address of each server, by its text in the configuration, failed a request the last
    /// time, and how long ago; only servers that did.
    pub fn last_failures(&self) -> Vec<(&str, Failure, Duration)> {
        let now = self.started.elapsed();
        let mut last: BTreeMap<usize, (Failure, Duration)> = BTreeMap::new();
        for (address, member) in self.members.load().iter() {
            if let Some((failure, at)) = self.ejections.last_failure(address) {
                let kept = last.entry(member.server).or_insert((failure, at));
                if kept.1 < at {
                    *kept = (failure, at);
                }
            }
        }
        let named = |(server, (failure, at)): (usize, (Failure, Duration))| {
            let server = self.settings.servers.get(server)?;
            Some((server.address.as_str(), failure, now.saturating_sub(at)))
        };
        last.into_iter().filter_map(named).collect()
    }

    /// How many addresses of each server, by its text in the configuration, take requests now.
    pub fn healthy(&self) -> Vec<(&str, u64)> {
        let mut counts: Vec<(&str, u64)> = self
            .settings
            .servers
            .iter()
            .map(|server| (server.address.as_str(), 0))
            .collect();
        let now = self.started.elapsed();
        for (address, member) in self.members.load().iter() {
            let takes_requests =
                self.balancer.is_healthy(address) && !self.ejections.is_ejected(address, now);
            if let (true, Some((_, count))) = (takes_requests, counts.get_mut(member.server)) {
                *count += 1;
            }
        }
        counts
    }

    /// The servers, by their text in the configuration, of which every address keeps failing and gets
    /// requests nevertheless, since `ejection.max_percent` lets no more be ejected.
    pub fn failing_in_use(&self) -> Vec<&str> {
        let now = self.started.elapsed();
        let mut all_fail: BTreeMap<usize, bool> = BTreeMap::new();
        for (address, member) in self.members.load().iter() {
            let fails = self.ejections.is_failing_in_use(address, now);
            *all_fail.entry(member.server).or_insert(true) &= fails;
        }
        let failing = all_fail.into_iter().filter(|(_, all_fail)| *all_fail);
        failing
            .filter_map(|(server, _)| self.settings.servers.get(server))
            .map(|server| server.address.as_str())
            .collect()
    }

    fn is_failure(&self, status: StatusCode) -> bool {
        self.settings.ejection.statuses.contains(&status.as_u16())
    }
}
