//! The gateway's log and traces.
//!
//! Here is the log: text for people, one JSON object a line for collectors, on standard error. It
//! and the access log go through [`non_blocking_writer`], so that nobody waits for whoever reads
//! them; [`trace_context`], [`span`] and [`otlp`] are about traces.

use std::io;
use std::sync::Arc;

use prometheus::IntCounter;
use tracing::error;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::fmt::time::SystemTime;

pub mod non_blocking_writer;
pub mod otlp;
pub mod settings;
pub mod span;
pub mod trace_context;

use non_blocking_writer::Destination;
pub use non_blocking_writer::NonBlockingWriter;
pub use otlp::Spans;
pub use settings::{LogFormat, LogSettings, TraceSettings};
pub use span::Span;
pub use trace_context::TraceContext;

/// The log could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum TelemetryError {
    /// `log.level` is no filter.
    #[error("`{0}` is not a log filter such as `info` or `info,vestibule::jwks=debug`")]
    Filter(String),
    /// Standard error cannot be written to.
    #[error("cannot start the log: {0}")]
    Start(#[from] io::Error),
    /// The lost lines cannot be counted.
    #[error("cannot count the log's lines: {0}")]
    Count(#[from] prometheus::Error),
    /// Another logger is installed in this process.
    #[error("a logger is already installed")]
    Installed,
}

/// The process-wide log. Dropped, it writes what is queued, but does not wait long for a reader
/// that takes nothing.
pub struct Log(Arc<NonBlockingWriter>);

impl Drop for Log {
    fn drop(&mut self) {
        self.0.close();
    }
}

/// Installs the process-wide logger, panics included; `dropped` counts the lines that are lost.
/// Libraries that log through the `log` crate, the proxy framework among them, come out of the
/// same door, but only their warnings: at lower levels they print requests.
///
/// # Errors
///
/// The level is no filter, or the log cannot be installed.
pub fn install(format: LogFormat, level: &str, dropped: IntCounter) -> Result<Log, TelemetryError> {
    let filter = filter(level)?;
    let log = Arc::new(NonBlockingWriter::start(
        "log",
        Destination::Stderr,
        dropped,
    )?);
    let lines = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_timer(SystemTime)
        .with_writer(Queue(Arc::clone(&log)));
    match format {
        LogFormat::Text => lines.with_ansi(false).try_init(),
        LogFormat::Json => lines.json().flatten_event(true).try_init(),
    }
    .map_err(|_| TelemetryError::Installed)?;
    // The standard hook writes to standard error by itself, and waits for who reads it.
    std::panic::set_hook(Box::new(|panic| error!("{panic}")));
    Ok(Log(log))
}

/// Hands each event over as one line.
struct Queue(Arc<NonBlockingWriter>);

/// One event's line.
struct Line<'a>(&'a NonBlockingWriter);

impl<'a> MakeWriter<'a> for Queue {
    type Writer = Line<'a>;

    fn make_writer(&'a self) -> Self::Writer {
        Line(&self.0)
    }
}

impl io::Write for Line<'_> {
    /// Is called once for an event, with all of it.
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.0.write(line.to_vec());
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// What `log.level` lets through.
///
/// # Errors
///
/// It is no filter.
pub fn filter(level: &str) -> Result<EnvFilter, TelemetryError> {
    let no_filter = |_| TelemetryError::Filter(level.to_owned());
    let asked = EnvFilter::try_new(level).map_err(no_filter)?;
    let is_verbose = asked
        .max_level_hint()
        .is_some_and(|most| most >= LevelFilter::DEBUG);
    let framework = if is_verbose { VERBOSE } else { TERSE };
    EnvFilter::try_new(format!("{level},{QUIET},{framework}")).map_err(no_filter)
}

/// Directives that no configured level may loosen: these crates log headers at `debug` or `trace`.
const QUIET: &str = "h2=warn,hyper=warn,hyper_util=warn,reqwest=warn,rustls=warn,\
                     tokio_postgres=warn";
/// What the framework calls warnings and errors is mostly what clients and servers did, which the
/// access log and the metrics tell: a server that closes an idle connection, a client that leaves.
/// The database's pool warns of each connection that is lost; the store says once that it is away.
const VERBOSE: &str = "pingora=warn,pingora_core=warn,pingora_proxy=warn,pingora_pool=warn,\
                       pingora_load_balancing=warn,deadpool=warn";
/// Above `debug`, only what is about listening and the process itself.
const TERSE: &str = "pingora=off,pingora_core=off,pingora_proxy=off,pingora_pool=off,\
                     pingora_load_balancing=off,pingora_core::listeners=warn,\
                     pingora_core::server=warn,pingora_core::services=warn,deadpool=off";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_framework_says_of_peers_is_told_from_debug_on() {
        let tells = |level: &str| {
            let filter = filter(level).unwrap().to_string();
            let connectors = filter.contains("pingora_core=warn");
            assert_eq!(filter.contains("pingora_core=off"), !connectors, "{filter}");
            assert_eq!(filter.contains("deadpool=off"), !connectors, "{filter}");
            assert_eq!(filter.contains("deadpool=warn"), connectors, "{filter}");
            connectors
        };
        assert!(!tells("info") && !tells("warn"));
        assert!(tells("debug") && tells("trace"));
        assert!(tells("info,vestibule::jwks=debug"));
        assert!(filter("vestibule=loud").is_err());
    }
}
