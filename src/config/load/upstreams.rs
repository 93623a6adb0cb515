//! Whether upstreams can be spoken to as they say.

use std::time::Duration;

use super::Finding;
use super::names::{host_fault, label_fault, server_fault};
use crate::config::upstream::{Balance, HealthCheck, Protocol, Tls};
use crate::config::{Config, Resolver, Upstream};

/// Checks `upstreams` and `resolver`.
pub(super) fn findings(config: &Config) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (name, upstream) in &config.upstreams {
        let path = format!("upstreams.{name}");
        findings.extend(label_fault(name).map(|fault| Finding::new(path.clone(), fault)));
        check_servers(&path, upstream, &mut findings);
        check_tls(&path, upstream, &mut findings);
        check_failures(&path, upstream, &mut findings);
        if let Some(check) = &upstream.health_check {
            check_health(&format!("{path}.health_check"), check, &mut findings);
        }
        let times = [
            ("connect_timeout", upstream.connect_timeout),
            ("read_timeout", upstream.read_timeout),
            ("write_timeout", upstream.write_timeout),
            ("idle_timeout", upstream.idle_timeout),
        ];
        check_times(&path, &times, &mut findings);
    }
    check_resolver(&config.resolver, &mut findings);
    findings
}

fn check_servers(path: &str, upstream: &Upstream, findings: &mut Vec<Finding>) {
    if upstream.servers.is_empty() {
        let message = "at least one server is needed";
        findings.push(Finding::new(format!("{path}.servers"), message));
    }
    for (position, server) in upstream.servers.iter().enumerate() {
        let path = format!("{path}.servers[{position}]");
        if let Some(fault) = server_fault(&server.address) {
            findings.push(Finding::new(path, fault));
        } else if server.is_unix() && upstream.balance == Balance::ConsistentHash {
            let message = "a Unix socket has no place in a consistent hash";
            findings.push(Finding::new(path, message));
        }
    }
}

fn check_tls(path: &str, upstream: &Upstream, findings: &mut Vec<Finding>) {
    let Some(tls) = &upstream.tls else {
        if upstream.protocol == Protocol::Negotiated {
            let finding = Finding::new(
                format!("{path}.protocol"),
                "the version is negotiated by TLS, and there is no `tls`",
            );
            findings.push(finding.hint("use `http1`, or `http2` by prior knowledge"));
        }
        return;
    };
    let path = format!("{path}.tls");
    match (&tls.client_certificate, &tls.client_key) {
        (Some(_), None) => {
            let message = "missing key: a certificate is shown with its `client_key`";
            findings.push(Finding::new(format!("{path}.client_key"), message));
        }
        (None, Some(_)) => {
            let message = "missing key: a key goes with its `client_certificate`";
            findings.push(Finding::new(format!("{path}.client_certificate"), message));
        }
        (Some(_), Some(_)) | (None, None) => {}
    }
    check_server_name(&path, tls, upstream, findings);
    if tls.insecure_skip_verification && tls.ca.is_some() {
        let message = "asks nobody, so it makes no use of `ca`";
        findings.push(Finding::new(
            format!("{path}.insecure_skip_verification"),
            message,
        ));
    }
}

fn check_server_name(path: &str, tls: &Tls, upstream: &Upstream, findings: &mut Vec<Finding>) {
    let path = format!("{path}.server_name");
    match &tls.server_name {
        Some(name) => findings.extend(host_fault(name).map(|fault| Finding::new(path, fault))),
        None if upstream.servers.iter().any(|server| server.is_unix()) => {
            let message = "missing key: a Unix socket has no name that a certificate could be for";
            findings.push(Finding::new(path, message));
        }
        None => {}
    }
}

fn check_failures(path: &str, upstream: &Upstream, findings: &mut Vec<Finding>) {
    if upstream.retries > MAX_RETRIES {
        let message = format!("more than {MAX_RETRIES}");
        findings.push(Finding::new(format!("{path}.retries"), message));
    }
    let ejection = &upstream.ejection;
    if ejection.max_percent > 100 {
        let message = "more than all servers";
        findings.push(Finding::new(
            format!("{path}.ejection.max_percent"),
            message,
        ));
    }
    if ejection.failures > 0 && ejection.duration.is_zero() {
        let message = "must be more than zero";
        findings.push(Finding::new(format!("{path}.ejection.duration"), message));
    }
    for (position, status) in ejection.statuses.iter().enumerate() {
        if !(500..600).contains(status) {
            let path = format!("{path}.ejection.statuses[{position}]");
            findings.push(Finding::new(path, "a failing server says 500 to 599"));
        }
    }
}

fn check_health(path: &str, check: &HealthCheck, findings: &mut Vec<Finding>) {
    let times = [("interval", check.interval), ("timeout", check.timeout)];
    check_times(path, &times, findings);
    let probed = check.path.as_ref();
    if probed.is_some_and(|probed| !probed.starts_with('/')) {
        let message = "a path starts with `/`";
        findings.push(Finding::new(format!("{path}.path"), message));
    }
}

fn check_resolver(resolver: &Resolver, findings: &mut Vec<Finding>) {
    let times = [
        ("min_ttl", resolver.min_ttl),
        ("max_ttl", resolver.max_ttl),
        ("timeout", resolver.timeout),
    ];
    check_times("resolver", &times, findings);
    if resolver.min_ttl > resolver.max_ttl {
        let message = "longer than `max_ttl`";
        findings.push(Finding::new("resolver.min_ttl", message));
    }
}

fn check_times(path: &str, times: &[(&str, Duration)], findings: &mut Vec<Finding>) {
    let zero = times.iter().filter(|(_, time)| time.is_zero());
    findings.extend(
        zero.map(|(key, _)| Finding::new(format!("{path}.{key}"), "must be more than zero")),
    );
}

/// More than this only multiplies the load on servers that fail.
const MAX_RETRIES: usize = 10;
