//! What `log` and `traces` mean.

use http::{HeaderName, HeaderValue, Uri};

use super::message::choice;
use crate::config::Config;
use crate::config::positions::member;
use crate::diagnostic::Diagnostic;
use crate::telemetry;
use crate::telemetry::LogSettings;
use crate::telemetry::settings::Otlp;

/// Everything that is wrong with what the gateway tells of itself.
pub(super) fn diagnostics(config: &Config) -> Vec<Diagnostic> {
    let mut found = levels(&config.log);
    found.extend(fields(&config.log));
    found.extend(config.traces.otlp.iter().flat_map(otlp));
    found
}

/// `EnvFilter` would take a misspelt level for the name of a module and log nothing.
fn levels(log: &LogSettings) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    for directive in log.level.split(',') {
        let level = directive
            .rsplit_once('=')
            .map_or(directive, |(_module, level)| level);
        if !LEVELS.contains(&level) {
            let hint = choice(level, &LEVELS);
            let finding = Diagnostic::error("log.level", format!("`{level}` is not a log level"));
            found.push(Diagnostic { hint, ..finding });
        }
    }
    if found.is_empty()
        && let Err(error) = telemetry::filter(&log.level)
    {
        found.push(Diagnostic::error("log.level", error.to_string()));
    }
    found
}

fn fields(log: &LogSettings) -> impl Iterator<Item = Diagnostic> {
    let fields = &log.access_fields;
    let again = fields
        .iter()
        .enumerate()
        .filter(|(at, field)| fields.iter().take(*at).any(|earlier| earlier == *field));
    again.map(|(at, _)| Diagnostic::error(format!("log.access_fields[{at}]"), "named twice"))
}

fn otlp(otlp: &Otlp) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    let is_uri = otlp.endpoint.as_str().parse::<Uri>().is_ok();
    if !is_uri || !matches!(otlp.endpoint.scheme(), "http" | "https") {
        let message = "not an `http` or `https` address";
        found.push(Diagnostic::error("traces.otlp.endpoint", message));
    } else if otlp.endpoint.path() == "/" {
        let message = "spans are sent to this address as it is, and it has no path";
        let hint = "collectors take traces at `/v1/traces`";
        found.push(Diagnostic::warning("traces.otlp.endpoint", message).hint(hint));
    }
    if otlp.timeout.is_zero() {
        let message = "must be greater than zero";
        found.push(Diagnostic::error("traces.otlp.timeout", message));
    }
    for (name, value) in &otlp.headers {
        let fits = HeaderValue::from_str(value.expose()).is_ok();
        if HeaderName::from_bytes(name.as_bytes()).is_err() || !fits {
            let path = member("traces.otlp.headers", name);
            found.push(Diagnostic::error(path, "not a header field"));
        }
    }
    found
}

const LEVELS: [&str; 6] = ["off", "error", "warn", "info", "debug", "trace"];
