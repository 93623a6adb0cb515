//! What the gateway tells of itself, beside its metrics.
//!
//! Here is the log: text for people, one JSON object a line for collectors, on standard error. The
//! access log goes through [`lines`]; [`trace_context`], [`span`] and [`otlp`] are about traces.

use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::time::SystemTime;

pub mod non_blocking_writer;
pub mod otlp;
pub mod span;
pub mod trace_context;

pub use non_blocking_writer::NonBlockingWriter;
pub use otlp::Spans;
pub use span::Span;
pub use trace_context::TraceContext;

/// The shape of a log line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// For people.
    Text,
    /// One object a line.
    Json,
}

/// The log could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum TelemetryError {
    /// `log.level` is no filter.
    #[error("`{0}` is not a log filter such as `info` or `info,vestibule::jwks=debug`")]
    Filter(String),
    /// Another logger is installed in this process.
    #[error("a logger is already installed")]
    Installed,
}

/// Installs the process-wide logger. Libraries that log through the `log` crate, the proxy
/// framework among them, come out of the same door, but only their warnings: at lower levels
/// they print requests.
pub fn install(format: Format, level: &str) -> Result<(), TelemetryError> {
    let filter = filter(level)?;
    let lines = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_timer(SystemTime)
        .with_writer(std::io::stderr);
    match format {
        Format::Text => lines.with_ansi(false).try_init(),
        Format::Json => lines.json().flatten_event(true).try_init(),
    }
    .map_err(|_| TelemetryError::Installed)
}

/// What `log.level` lets through.
///
/// # Errors
///
/// It is no filter.
pub fn filter(level: &str) -> Result<EnvFilter, TelemetryError> {
    EnvFilter::try_new(format!("{level},{QUIET}"))
        .map_err(|_| TelemetryError::Filter(level.to_owned()))
}

/// Directives that no configured level may loosen: these crates log headers at `debug` or `trace`.
const QUIET: &str = "pingora=warn,pingora_core=warn,pingora_proxy=warn,pingora_pool=warn,\
                     pingora_load_balancing=warn,h2=warn,hyper=warn,hyper_util=warn,reqwest=warn,\
                     rustls=warn,tokio_postgres=warn";
