//! What is configured of the log, the access log and traces.

pub mod log;
pub mod traces;

pub use log::{AccessField, LogFormat, LogSettings};
pub use traces::{ContinueFrom, Otlp, Ratio, TraceSettings};
