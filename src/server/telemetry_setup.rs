//! Where requests are written down: the access log, and the collector of traces.

use std::sync::Arc;

use tokio::runtime::Handle;

use super::ServeError;
use crate::config::Config;
use crate::metrics::Metrics;
use crate::telemetry::non_blocking_writer::Destination;
use crate::telemetry::otlp::{Collector, Counts, OtlpError};
use crate::telemetry::{NonBlockingWriter, Spans};

/// The writers of the access log and of spans.
pub(super) struct Records {
    /// A line for each request.
    pub(super) access_log: Arc<NonBlockingWriter>,
    /// Spans of sampled traces, where there is a collector.
    pub(super) spans: Option<Arc<Spans>>,
}

impl Records {
    /// Opens the file and starts what writes and posts.
    pub(super) fn start(
        config: &Config,
        metrics: &Metrics,
        runtime: &Handle,
    ) -> Result<Self, ServeError> {
        let file = config.log.access_file.clone();
        let destination = file.map_or(Destination::Stdout, Destination::File);
        let dropped = metrics.access_log_dropped.clone();
        let lines = NonBlockingWriter::start("access log", destination, dropped);
        Ok(Self {
            access_log: Arc::new(lines.map_err(ServeError::AccessLog)?),
            spans: spans(config, metrics, runtime)?.map(Arc::new),
        })
    }

    /// Sees what is queued written, but does not wait long for it.
    pub(super) fn close(&self) {
        self.access_log.close();
        if let Some(spans) = &self.spans {
            spans.close();
        }
    }
}

fn spans(config: &Config, metrics: &Metrics, runtime: &Handle) -> Result<Option<Spans>, OtlpError> {
    let Some(otlp) = &config.traces.otlp else {
        return Ok(None);
    };
    let headers = otlp.headers.iter();
    let collector = Collector {
        endpoint: otlp.endpoint.to_string(),
        headers: headers
            .map(|(name, value)| (name.clone(), value.expose().to_owned()))
            .collect(),
        timeout: otlp.timeout,
        service_name: otlp.service_name.clone(),
    };
    let counts = Counts {
        recorded: metrics.spans_recorded.clone(),
        exported: metrics.spans_exported.clone(),
    };
    Spans::start(collector, runtime.clone(), counts).map(Some)
}
