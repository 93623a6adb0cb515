//! Limits that limit nothing, or everything.

use crate::config::Config;
use crate::diagnostic::Diagnostic;
use crate::limit::Limits;

pub(super) fn diagnostics(config: &Config) -> Vec<Diagnostic> {
    let limits = &config.limits;
    let counts = [
        ("connections", limits.connections as u64),
        ("keepalive_requests", limits.keepalive_requests.into()),
        ("header_size", limits.header_size.as_u64()),
        ("header_count", limits.header_count as u64),
        ("uri_size", limits.uri_size.as_u64()),
        ("token_size", limits.token_size.as_u64()),
        (
            "body_size",
            limits.body_size.map_or(1, |size| size.as_u64()),
        ),
        ("memory", limits.memory.map_or(1, |size| size.as_u64())),
        (
            "body_min_rate",
            limits.body_min_rate.map_or(1, |rate| rate.as_u64()),
        ),
        ("h2_streams", limits.h2_streams.into()),
        ("h2_resets", limits.h2_resets.into()),
        ("token_cache", limits.token_cache as u64),
        ("refused_cache", limits.refused_cache as u64),
        ("rates.tracked", limits.rates.tracked as u64),
        (
            "header_timeout",
            u64::from(!limits.header_timeout.is_zero()),
        ),
        (
            "body_read_timeout",
            u64::from(!limits.body_read_timeout.is_zero()),
        ),
        (
            "response_write_timeout",
            u64::from(!limits.response_write_timeout.is_zero()),
        ),
        (
            "keepalive_timeout",
            u64::from(!limits.keepalive_timeout.is_zero()),
        ),
    ];
    let mut found: Vec<_> = counts
        .into_iter()
        .filter(|(_, count)| *count == 0)
        .map(|(key, _)| Diagnostic::error(format!("limits.{key}"), "must be greater than zero"))
        .collect();
    let defaults = Limits::default();
    for (key, size, default) in [
        ("uri_size", limits.uri_size, defaults.uri_size),
        ("token_size", limits.token_size, defaults.token_size),
    ] {
        // A default that is larger bounds nothing, and is no mistake of the file.
        if size > limits.header_size && size != default {
            let message = "must not be more than `header_size`, which includes it";
            found.push(Diagnostic::error(format!("limits.{key}"), message));
        }
    }
    found.extend(beyond_the_framework(limits));
    found
}

/// Limits that requests of HTTP/1 never reach, because others come first.
fn beyond_the_framework(limits: &Limits) -> impl Iterator<Item = Diagnostic> {
    let kibibyte = 1024;
    [
        ("header_count", limits.header_count > 256, "256 fields"),
        (
            "uri_size",
            limits.uri_size.as_u64() >= 64 * kibibyte,
            "less than 64 KiB of path and query",
        ),
        (
            "header_size",
            limits.header_size.as_u64() >= 1024 * kibibyte,
            "less than 1 MiB of header",
        ),
    ]
    .into_iter()
    .filter(|(_, is_beyond, _)| *is_beyond)
    .map(|(key, _, most)| {
        let message = format!("requests of HTTP/1 can have {most}, whatever is set here");
        Diagnostic::warning(format!("limits.{key}"), message)
    })
}
