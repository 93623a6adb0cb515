//! Whether upstreams can be spoken to as they say.

use std::time::Duration;

use super::names::{authority_fault, label_fault, server_fault, server_name_fault, target_fault};
use crate::config::upstream::{Balance, HealthCheck, Protocol, Tls};
use crate::config::{Config, Resolver, Upstream};
use crate::diagnostic::Diagnostic;

/// Checks `upstreams` and `resolver`.
pub(super) fn diagnostics(config: &Config) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    for (name, upstream) in &config.upstreams {
        let path = format!("upstreams.{name}");
        found.extend(label_fault(name).map(|fault| Diagnostic::error(path.clone(), fault)));
        check_servers(&path, upstream, &mut found);
        check_tls(&path, upstream, &mut found);
        check_failures(&path, upstream, &mut found);
        if let Some(check) = &upstream.health_check {
            check_health(&format!("{path}.health_check"), check, &mut found);
        }
        let times = [
            ("connect_timeout", upstream.connect_timeout),
            ("read_timeout", upstream.read_timeout),
            ("write_timeout", upstream.write_timeout),
            ("idle_timeout", upstream.idle_timeout),
        ];
        check_times(&path, &times, &mut found);
    }
    check_resolver(&config.resolver, &mut found);
    found
}

fn check_servers(path: &str, upstream: &Upstream, found: &mut Vec<Diagnostic>) {
    if upstream.servers.is_empty() {
        let message = "at least one server is needed";
        found.push(Diagnostic::error(format!("{path}.servers"), message));
    }
    for (position, server) in upstream.servers.iter().enumerate() {
        let path = format!("{path}.servers[{position}]");
        if let Some(fault) = server_fault(&server.address) {
            found.push(Diagnostic::error(path, fault));
        } else if server.is_unix() && upstream.balance == Balance::ConsistentHash {
            let message = "a consistent hash cannot include Unix sockets";
            found.push(Diagnostic::error(path, message));
        }
    }
}

fn check_tls(path: &str, upstream: &Upstream, found: &mut Vec<Diagnostic>) {
    let Some(tls) = &upstream.tls else {
        if upstream.protocol == Protocol::Negotiated {
            let finding = Diagnostic::error(
                format!("{path}.protocol"),
                "the version is negotiated with TLS, but there is no `tls`",
            );
            found.push(finding.hint("use `http1`, or `http2` with prior knowledge"));
        }
        return;
    };
    let path = format!("{path}.tls");
    match (&tls.client_certificate, &tls.client_key) {
        (Some(_), None) => {
            let message = "missing key: `client_certificate` requires `client_key`";
            found.push(Diagnostic::error(format!("{path}.client_key"), message));
        }
        (None, Some(_)) => {
            let message = "missing key: `client_key` requires `client_certificate`";
            found.push(Diagnostic::error(
                format!("{path}.client_certificate"),
                message,
            ));
        }
        (Some(_), Some(_)) | (None, None) => {}
    }
    check_server_name(&path, tls, upstream, found);
    if tls.insecure_skip_verification && tls.ca.is_some() {
        let message = "accepts any certificate, so `ca` has no effect";
        found.push(Diagnostic::error(
            format!("{path}.insecure_skip_verification"),
            message,
        ));
    }
}

fn check_server_name(path: &str, tls: &Tls, upstream: &Upstream, found: &mut Vec<Diagnostic>) {
    let path = format!("{path}.server_name");
    match &tls.server_name {
        Some(name) => {
            found.extend(server_name_fault(name).map(|fault| Diagnostic::error(path, fault)))
        }
        None if upstream.servers.iter().any(|server| server.is_unix()) => {
            let message = "missing key: a Unix socket has no host name to verify a certificate \
                against";
            found.push(Diagnostic::error(path, message));
        }
        None => {}
    }
}

fn check_failures(path: &str, upstream: &Upstream, found: &mut Vec<Diagnostic>) {
    if upstream.retries > MAX_RETRIES {
        let message = format!("more than {MAX_RETRIES}");
        found.push(Diagnostic::error(format!("{path}.retries"), message));
    }
    let ejection = &upstream.ejection;
    if ejection.max_percent > 100 {
        let message = "must not be more than 100";
        found.push(Diagnostic::error(
            format!("{path}.ejection.max_percent"),
            message,
        ));
    }
    if ejection.failures > 0 && ejection.duration.is_zero() {
        let message = "must be greater than zero";
        found.push(Diagnostic::error(
            format!("{path}.ejection.duration"),
            message,
        ));
    }
    for (position, status) in ejection.statuses.iter().enumerate() {
        if !(500..600).contains(status) {
            let path = format!("{path}.ejection.statuses[{position}]");
            found.push(Diagnostic::error(path, "must be from 500 to 599"));
        }
    }
}

fn check_health(path: &str, check: &HealthCheck, found: &mut Vec<Diagnostic>) {
    let times = [("interval", check.interval), ("timeout", check.timeout)];
    check_times(path, &times, found);
    if let Some(fault) = check.path.as_deref().and_then(target_fault) {
        found.push(Diagnostic::error(format!("{path}.path"), fault));
    }
    if let Some(fault) = authority_fault(&check.host) {
        found.push(Diagnostic::error(format!("{path}.host"), fault));
    }
}

fn check_resolver(resolver: &Resolver, found: &mut Vec<Diagnostic>) {
    let times = [
        ("min_ttl", resolver.min_ttl),
        ("max_ttl", resolver.max_ttl),
        ("timeout", resolver.timeout),
    ];
    check_times("resolver", &times, found);
    if resolver.min_ttl > resolver.max_ttl {
        let message = "must not be longer than `max_ttl`";
        found.push(Diagnostic::error("resolver.min_ttl", message));
    }
}

fn check_times(path: &str, times: &[(&str, Duration)], found: &mut Vec<Diagnostic>) {
    let zero = times.iter().filter(|(_, time)| time.is_zero());
    found.extend(zero.map(|(key, _)| {
        Diagnostic::error(
            format!("{path}.{key}"),
            "must be greater than \
            zero",
        )
    }));
}

/// More than this only multiplies the load on servers that fail.
const MAX_RETRIES: usize = 10;
