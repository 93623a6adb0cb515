//! Registering metrics, and the list of what was registered, which the documentation shows.

use prometheus::core::{Collector, Desc};
use prometheus::process_collector::ProcessCollector;
use prometheus::{
    Error, Histogram, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge,
    IntGaugeVec, Opts, Registry,
};

use super::description::Description;
use super::runtimes::Runtimes;

/// One metric, as it is documented.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// The metric's name.
    pub name: String,
    /// The type of the metric.
    pub kind: Kind,
    /// The help text.
    pub help: String,
    /// By what it is divided.
    pub labels: Vec<String>,
}

/// How a metric moves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A counter, which only grows.
    Counter,
    /// A gauge, which can rise and fall.
    Gauge,
    /// A histogram of observations in buckets.
    Histogram,
}

impl Kind {
    /// The type's name in the Prometheus format.
    pub fn label(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram => "histogram",
        }
    }
}

/// The metrics as a table of the documentation, in Markdown.
pub fn table(listed: &[Listed]) -> String {
    let row = |one: &Listed| {
        let labels: Vec<_> = one.labels.iter().map(|name| format!("`{name}`")).collect();
        format!(
            "| `{}` | {} | {} | {} |\n",
            one.name,
            one.kind.label(),
            labels.join(", "),
            one.help
        )
    };
    let rows: String = listed.iter().map(row).collect();
    format!("| metric | type | labels | what it says |\n| --- | --- | --- | --- |\n{rows}")
}

/// A registry that is being filled, and the list of what is in it.
#[derive(Default)]
pub(super) struct Registration {
    registry: Registry,
    listed: Vec<Listed>,
}

impl Registration {
    pub(super) fn listed(&self) -> &[Listed] {
        &self.listed
    }

    pub(super) fn gather(&self) -> Vec<prometheus::proto::MetricFamily> {
        self.registry.gather()
    }

    pub(super) fn counters(&mut self, what: Description) -> Result<IntCounterVec, Error> {
        let made = IntCounterVec::new(Opts::new(what.0, what.1), what.2)?;
        self.add(Kind::Counter, made)
    }

    pub(super) fn counter(&mut self, what: Description) -> Result<IntCounter, Error> {
        self.add(Kind::Counter, IntCounter::new(what.0, what.1)?)
    }

    /// One that is counted before there is a registry.
    pub(super) fn existing_counter(&mut self, counter: IntCounter) -> Result<IntCounter, Error> {
        self.add(Kind::Counter, counter)
    }

    pub(super) fn gauges(&mut self, what: Description) -> Result<IntGaugeVec, Error> {
        let made = IntGaugeVec::new(Opts::new(what.0, what.1), what.2)?;
        self.add(Kind::Gauge, made)
    }

    pub(super) fn gauge(&mut self, what: Description) -> Result<IntGauge, Error> {
        self.add(Kind::Gauge, IntGauge::new(what.0, what.1)?)
    }

    pub(super) fn histograms(&mut self, what: Description) -> Result<HistogramVec, Error> {
        let made = HistogramVec::new(in_buckets(what), what.2)?;
        self.add(Kind::Histogram, made)
    }

    pub(super) fn histogram(&mut self, what: Description) -> Result<Histogram, Error> {
        self.add(Kind::Histogram, Histogram::with_opts(in_buckets(what))?)
    }

    /// What the asynchronous runtimes say of themselves.
    pub(super) fn runtimes(&mut self) -> Result<Runtimes, Error> {
        let runtimes = Runtimes::default();
        self.register(Box::new(runtimes.collector()?))?;
        Ok(runtimes)
    }

    /// With what the operating system says of the process.
    pub(super) fn with_process(mut self) -> Result<Self, Error> {
        self.register(Box::new(ProcessCollector::for_self()))?;
        Ok(self)
    }

    fn add<M: Collector + Clone + 'static>(&mut self, kind: Kind, made: M) -> Result<M, Error> {
        let described = made.desc().into_iter().map(|desc| listed(desc, kind));
        self.listed.extend(described);
        self.registry.register(Box::new(made.clone()))?;
        Ok(made)
    }

    /// Adds what collects several metrics, none of them a histogram.
    fn register(&mut self, collector: Box<dyn Collector>) -> Result<(), Error> {
        let kind = |desc: &Desc| match desc.fq_name.ends_with("_total") {
            true => Kind::Counter,
            false => Kind::Gauge,
        };
        let described = collector.desc();
        self.listed.extend(
            described
                .into_iter()
                .map(|desc| listed(desc, kind(desc)))
                .collect::<Vec<_>>(),
        );
        self.registry.register(collector)
    }
}

fn listed(desc: &Desc, kind: Kind) -> Listed {
    Listed {
        name: desc.fq_name.clone(),
        kind,
        help: desc.help.clone(),
        labels: desc.variable_labels.clone(),
    }
}

fn in_buckets(what: Description) -> HistogramOpts {
    HistogramOpts::new(what.0, what.1).buckets(BUCKETS.to_vec())
}

/// From 5 microseconds to 10 seconds: a verification takes tens of microseconds, a slow upstream
/// seconds.
const BUCKETS: [f64; 16] = [
    0.000_005, 0.000_01, 0.000_025, 0.000_05, 0.000_1, 0.000_25, 0.000_5, 0.001, 0.005, 0.01, 0.05,
    0.1, 0.5, 1.0, 5.0, 10.0,
];
