//! What listeners must and must not say.

use std::collections::HashSet;

use super::Finding;
use crate::config::listener::{SocketMode, Tls};
use crate::config::{Config, ListenAddress, Listener};

pub(super) fn findings(config: &Config) -> Vec<Finding> {
    let mut findings = Vec::new();
    if config.listeners.is_empty() {
        findings.push(Finding::new("listeners", "at least one listener is needed"));
    }
    let mut taken = HashSet::from([ListenAddress::Inet(config.admin.address)]);
    let mut named = HashSet::new();
    for (number, listener) in config.listeners.iter().enumerate() {
        let path = format!("listeners[{number}]");
        // Port 0 is another port each time.
        let is_any = listener.address.inet().is_some_and(|inet| inet.port() == 0);
        if !is_any && !taken.insert(listener.address.clone()) {
            findings.push(Finding::new(
                format!("{path}.address"),
                "another listener, or `admin`, has this address",
            ));
        } else if !is_any && !named.insert(listener.name()) {
            findings.push(Finding::new(
                format!("{path}.name"),
                "another listener has this name",
            ));
        }
        findings.extend(one(&path, listener, config));
    }
    for (number, proxies) in config.trusted_proxies.iter().enumerate() {
        if proxies.prefix_len() == 0 {
            let path = format!("trusted_proxies[{number}]");
            findings.push(Finding::new(path, "everybody would be a trusted proxy"));
        }
    }
    findings
}

fn one(path: &str, listener: &Listener, config: &Config) -> Vec<Finding> {
    let mut findings = Vec::new();
    let is_inet = listener.address.inet().is_some();
    if is_inet && listener.mode != SocketMode::default() {
        findings.push(Finding::new(format!("{path}.mode"), "is for Unix sockets"));
    }
    if listener.proxy_protocol && is_inet && config.trusted_proxies.is_empty() {
        findings.push(
            Finding::new(format!("{path}.proxy_protocol"), "nobody may speak it")
                .hint("name the proxies in `trusted_proxies`"),
        );
    }
    let is_https = config.public_url.is_https();
    if listener.redirect_to_https && (listener.tls.is_some() || !is_https) {
        findings.push(
            Finding::new(format!("{path}.redirect_to_https"), "leads nowhere")
                .hint("it is for plaintext listeners beside a `public_url` at `https`"),
        );
    }
    if listener.hsts.is_some() && listener.tls.is_none() && !is_https {
        findings.push(Finding::new(
            format!("{path}.hsts"),
            "clients do not come by `https`",
        ));
    }
    if let Some(tls) = &listener.tls {
        if listener.h2c {
            findings.push(
                Finding::new(format!("{path}.h2c"), "is for plaintext")
                    .hint("with TLS, `tls.http2` is what turns HTTP/2 on and off"),
            );
        }
        findings.extend(of_tls(&format!("{path}.tls"), tls));
    }
    findings
}

fn of_tls(path: &str, tls: &Tls) -> Vec<Finding> {
    let mut findings = Vec::new();
    if tls.certificates.is_empty() {
        findings.push(Finding::new(
            format!("{path}.certificates"),
            "at least one certificate is needed",
        ));
    }
    let mut named = HashSet::new();
    for (number, certificate) in tls.certificates.iter().enumerate() {
        if !named.insert(certificate.name()) {
            findings.push(Finding::new(
                format!("{path}.certificates[{number}]"),
                "another certificate of this listener has this name",
            ));
        }
    }
    if tls.check_interval.is_zero() {
        findings.push(Finding::new(
            format!("{path}.check_interval"),
            "must be more than zero",
        ));
    }
    findings
}
