//! What `log` and `traces` mean.

use http::HeaderValue;

use super::Finding;
use super::message::choice;
use super::names::is_token;
use crate::config::Config;
use crate::config::log::Log;
use crate::config::positions::member;
use crate::config::traces::Otlp;

/// Everything that is wrong with what the gateway tells of itself.
pub(super) fn findings(config: &Config) -> Vec<Finding> {
    let mut findings = levels(&config.log);
    findings.extend(fields(&config.log));
    findings.extend(config.traces.otlp.iter().flat_map(otlp));
    findings
}

/// `EnvFilter` would take a misspelt level for the name of a module and log nothing.
fn levels(log: &Log) -> Vec<Finding> {
    let mut findings = Vec::new();
    for directive in log.level.split(',') {
        let level = directive
            .rsplit_once('=')
            .map_or(directive, |(_module, level)| level);
        if !LEVELS.contains(&level) {
            let hint = choice(level, &LEVELS);
            let finding = Finding::new("log.level", format!("`{level}` is no level"));
            findings.push(Finding { hint, ..finding });
        }
    }
    findings
}

fn fields(log: &Log) -> impl Iterator<Item = Finding> {
    let fields = &log.access_fields;
    let again = fields
        .iter()
        .enumerate()
        .filter(|(at, field)| fields.iter().take(*at).any(|earlier| earlier == *field));
    again.map(|(at, _)| Finding::new(format!("log.access_fields[{at}]"), "named twice"))
}

fn otlp(otlp: &Otlp) -> Vec<Finding> {
    let mut findings = Vec::new();
    if !matches!(otlp.endpoint.scheme(), "http" | "https") {
        let message = "not an `http` or `https` address";
        findings.push(Finding::new("traces.otlp.endpoint", message));
    }
    if otlp.timeout.is_zero() {
        let message = "must be more than zero";
        findings.push(Finding::new("traces.otlp.timeout", message));
    }
    for (name, value) in &otlp.headers {
        let fits = HeaderValue::from_str(value.expose()).is_ok();
        if !is_token(name) || !fits {
            let path = member("traces.otlp.headers", name);
            findings.push(Finding::new(path, "not a header field"));
        }
    }
    findings
}

const LEVELS: [&str; 6] = ["off", "error", "warn", "info", "debug", "trace"];
