//! What the asynchronous runtimes of the process say of themselves.
//!
//! The proxy has a runtime of one thread for each of its workers, which only a task on it can
//! name; so each is noted by what runs there.

use std::cell::Cell;
use std::sync::{Arc, Mutex, PoisonError};

use prometheus::core::{Collector, Desc};
use prometheus::proto::MetricFamily;
use prometheus::{CounterVec, Error, IntGaugeVec, Opts};
use tokio::runtime::Handle;

use super::description::{
    Description, RUNTIME_BUSY, RUNTIME_QUEUED, RUNTIME_TASKS, RUNTIME_WORKERS,
};

/// The runtimes that are collected.
#[derive(Clone, Default)]
pub(super) struct Runtimes(Arc<Mutex<Vec<Noted>>>);

type Noted = (&'static str, Handle);

thread_local! {
    static IS_NOTED: Cell<bool> = const { Cell::new(false) };
}

impl Runtimes {
    /// Notes the runtime that this thread works for; after the first time costs next to nothing.
    pub(super) fn note(&self, name: &'static str) {
        if IS_NOTED.replace(true) {
            return;
        }
        if let Ok(handle) = Handle::try_current() {
            self.add(name, handle);
        }
    }

    /// Adds a runtime whose figures are collected.
    pub(super) fn add(&self, name: &'static str, handle: Handle) {
        let mut noted = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        noted.push((name, handle));
    }

    /// What collects their figures, summed by name.
    pub(super) fn collector(&self) -> Result<impl Collector + 'static, Error> {
        let empty = Figures::new()?;
        let descs = empty.all().into_iter().flat_map(Collector::desc);
        Ok(Collect {
            descs: descs.cloned().collect(),
            runtimes: self.clone(),
        })
    }
}

struct Collect {
    descs: Vec<Desc>,
    runtimes: Runtimes,
}

impl Collector for Collect {
    fn desc(&self) -> Vec<&Desc> {
        self.descs.iter().collect()
    }

    fn collect(&self) -> Vec<MetricFamily> {
        let noted = self.runtimes.0.lock();
        let noted = noted.unwrap_or_else(PoisonError::into_inner).clone();
        // The same descriptions as in `collector`, which has validated them.
        let Ok(figures) = Figures::new() else {
            return Vec::new();
        };
        for (name, runtime) in &noted {
            figures.add(name, runtime);
        }
        figures
            .all()
            .into_iter()
            .flat_map(Collector::collect)
            .collect()
    }
}

/// One collection: counters that are filled from what the runtimes counted.
struct Figures {
    workers: IntGaugeVec,
    tasks: IntGaugeVec,
    queued: IntGaugeVec,
    busy: CounterVec,
}

impl Figures {
    fn new() -> Result<Self, Error> {
        let options = |what: Description| Opts::new(what.0, what.1);
        Ok(Self {
            workers: IntGaugeVec::new(options(RUNTIME_WORKERS), RUNTIME_WORKERS.2)?,
            tasks: IntGaugeVec::new(options(RUNTIME_TASKS), RUNTIME_TASKS.2)?,
            queued: IntGaugeVec::new(options(RUNTIME_QUEUED), RUNTIME_QUEUED.2)?,
            busy: CounterVec::new(options(RUNTIME_BUSY), RUNTIME_BUSY.2)?,
        })
    }

    fn all(&self) -> [&dyn Collector; 4] {
        [&self.workers, &self.tasks, &self.queued, &self.busy]
    }

    fn add(&self, name: &str, runtime: &Handle) {
        let said = runtime.metrics();
        let label = [name];
        let count = |count: usize| i64::try_from(count).unwrap_or(i64::MAX);
        let workers = said.num_workers();
        self.workers.with_label_values(&label).add(count(workers));
        let tasks = count(said.num_alive_tasks());
        self.tasks.with_label_values(&label).add(tasks);
        let queued = count(said.global_queue_depth());
        self.queued.with_label_values(&label).add(queued);
        let busy = (0..workers).map(|worker| said.worker_total_busy_duration(worker).as_secs_f64());
        self.busy.with_label_values(&label).inc_by(busy.sum());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_runtime_is_noted_once() {
        let runtimes = Runtimes::default();
        runtimes.note("here");
        runtimes.note("here");
        let families = runtimes.collector().unwrap().collect();
        let workers = families
            .iter()
            .find(|family| family.name() == RUNTIME_WORKERS.0);
        let workers = workers.unwrap().get_metric();
        assert_eq!(workers.len(), 1);
        assert_eq!(workers[0].get_gauge().get_value(), 1.0);
    }
}
