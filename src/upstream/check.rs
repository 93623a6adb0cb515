//! What the keys of an upstream mean together.

use super::resolver_settings::ResolverSettings;
use super::settings::{Balance, Protocol, Settings, Tls};
use crate::diagnostic::Diagnostic;

impl Settings {
    /// What is wrong with the settings at a path, beyond what their types say.
    pub fn diagnostics(&self, path: &str) -> Vec<Diagnostic> {
        let mut found = Vec::new();
        check_servers(path, self, &mut found);
        check_tls(path, self, &mut found);
        check_failures(path, self, &mut found);
        found
    }
}

impl ResolverSettings {
    /// What is wrong with the settings at a path, beyond what their types say.
    pub fn diagnostics(&self, path: &str) -> Option<Diagnostic> {
        let path = format!("{path}.min_ttl");
        let is_longer = self.min_ttl > self.max_ttl;
        is_longer.then(|| Diagnostic::error(path, "must not be longer than `max_ttl`"))
    }
}

fn check_servers(path: &str, upstream: &Settings, found: &mut Vec<Diagnostic>) {
    if upstream.balance != Balance::ConsistentHash {
        return;
    }
    for (position, server) in upstream.servers.iter().enumerate() {
        if server.address.is_unix() {
            let path = format!("{path}.servers[{position}]");
            let message = "a consistent hash cannot include Unix sockets";
            found.push(Diagnostic::error(path, message));
        }
    }
}

fn check_tls(path: &str, upstream: &Settings, found: &mut Vec<Diagnostic>) {
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
    if tls.pinned_certificate.is_some() && (tls.ca.is_some() || tls.insecure_skip_verification) {
        let message = "one certificate is accepted whoever vouches for it, so leave out `ca` and \
                       `insecure_skip_verification`";
        found.push(Diagnostic::error(
            format!("{path}.pinned_certificate"),
            message,
        ));
    }
    if tls.insecure_skip_verification && tls.ca.is_some() {
        let message = "accepts any certificate, so `ca` has no effect";
        found.push(Diagnostic::error(
            format!("{path}.insecure_skip_verification"),
            message,
        ));
    }
}

fn check_server_name(path: &str, tls: &Tls, upstream: &Settings, found: &mut Vec<Diagnostic>) {
    let mut servers = upstream.servers.iter();
    if tls.server_name.is_none() && servers.any(|server| server.address.is_unix()) {
        let message = "missing key: a Unix socket has no host name to verify a certificate \
            against";
        found.push(Diagnostic::error(format!("{path}.server_name"), message));
    }
}

fn check_failures(path: &str, upstream: &Settings, found: &mut Vec<Diagnostic>) {
    if upstream.retries > MAX_RETRIES {
        let message = format!("more than {MAX_RETRIES}");
        found.push(Diagnostic::error(format!("{path}.retries"), message));
    }
    if upstream.retries == 0 && !upstream.retry_statuses.is_empty() {
        let message = "has no effect: `retries` is 0";
        found.push(Diagnostic::warning(
            format!("{path}.retry_statuses"),
            message,
        ));
    }
    let ejection = &upstream.ejection;
    if ejection.failures == 0 && !ejection.statuses.is_empty() {
        let message = "has no effect: with `failures: 0` no server is ejected";
        let path = format!("{path}.ejection.statuses");
        found.push(Diagnostic::warning(path, message));
    }
    if ejection.failures > 0 && ejection.max_percent == 0 {
        let message = "no server is ever ejected";
        let finding = Diagnostic::warning(format!("{path}.ejection.max_percent"), message);
        found.push(finding.hint("`failures: 0` says so plainly"));
    }
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

/// More than this only multiplies the load on servers that fail.
const MAX_RETRIES: usize = 10;
