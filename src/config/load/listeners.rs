//! What listeners must and must not say.

use std::collections::HashSet;
use std::net::SocketAddr;

use ipnet::IpNet;

use crate::config::Config;
use crate::diagnostic::Diagnostic;
use crate::listener::{ListenAddress, Listener, SocketMode, Tls, TlsTickets};
use crate::upstream::ServerAddress;

pub(super) fn diagnostics(config: &Config) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    if config.listeners.is_empty() {
        found.push(Diagnostic::error(
            "listeners",
            "at least one listener is needed",
        ));
    }
    let mut taken = vec![ListenAddress::Inet(config.admin.address)];
    let mut named = HashSet::new();
    for (number, listener) in config.listeners.iter().enumerate() {
        let path = format!("listeners[{number}]");
        // Port 0 is another port each time.
        let is_any = listener.address.inet().is_some_and(|inet| inet.port() == 0);
        let fault = (!is_any).then(|| taken_fault(&path, &listener.address, &taken));
        taken.push(listener.address.clone());
        if let Some(fault) = fault.flatten() {
            found.push(fault);
        } else if !is_any && !named.insert(listener.name()) {
            found.push(Diagnostic::error(
                format!("{path}.name"),
                "another listener has this name",
            ));
        }
        found.extend(one(&path, listener, config));
    }
    for (number, proxies) in config.trusted_proxies.iter().enumerate() {
        let path = format!("trusted_proxies[{number}]");
        found.extend(proxies_fault(proxies).map(|fault| Diagnostic::error(path, fault)));
    }
    found
}

/// Who may ask, and who might.
fn of_forward_auth(path: &str, listener: &Listener, config: &Config) -> Option<Diagnostic> {
    let path = format!("{path}.forward_auth");
    if listener.grpc {
        let message = "this listener is for questions by gRPC, and for nothing else";
        return Some(
            Diagnostic::error(path, message).hint("remove one of `grpc` and `forward_auth`"),
        );
    }
    if listener.redirect_to_https {
        return Some(Diagnostic::error(path, "questions are redirected, too"));
    }
    let address = listener.address.inet()?;
    if config.trusted_proxies.is_empty() {
        let hint = "name the proxies that ask in `trusted_proxies`";
        return Some(Diagnostic::error(path, "nobody may ask").hint(hint));
    }
    let api = &config.api_prefix;
    let message = format!(
        "clients that get past a trusted proxy to `{api}/check` read session tokens and what routes add for \
         their upstreams"
    );
    let hint = format!(
        "have no proxy forward `{api}/check`, and let nobody else reach this address; generated recipes do the former"
    );
    (!address.ip().is_loopback()).then(|| Diagnostic::warning(path, message).hint(hint))
}

/// Why an address, that of the listener at `path`, cannot be listened on next to those that are taken.
fn taken_fault(path: &str, address: &ListenAddress, taken: &[ListenAddress]) -> Option<Diagnostic> {
    let path = format!("{path}.address");
    if taken.contains(address) {
        let message = "another listener, or `admin`, already has this address";
        return Some(Diagnostic::error(path, message));
    }
    let own = address.inet()?;
    let mut others = taken.iter().filter_map(ListenAddress::inet);
    let other = others.find(|other| overlaps(own, *other))?;
    let message = format!(
        "another listener, or `admin`, has `{other}`, and one of the two takes the port at all addresses"
    );
    Some(Diagnostic::error(path, message).hint("choose another port"))
}

/// Whether one address takes the port of another by taking it at all addresses. Each family has its own.
fn overlaps(one: SocketAddr, other: SocketAddr) -> bool {
    one.port() == other.port()
        && one.is_ipv4() == other.is_ipv4()
        && (one.ip().is_unspecified() || other.ip().is_unspecified())
}

/// Why a network of trusted proxies is not what it seems to be.
fn proxies_fault(proxies: &IpNet) -> Option<String> {
    let first = proxies.trunc();
    match proxies {
        _ if proxies.prefix_len() == 0 => Some("all peers would be trusted proxies".to_owned()),
        IpNet::V6(six) if six.addr().to_ipv4_mapped().is_some() => Some(
            "peers with IPv4 addresses are matched by IPv4 networks: write it as one".to_owned(),
        ),
        _ if first != *proxies => Some(format!(
            "the address is not the first of its network: did you mean `{first}`?"
        )),
        _ => None,
    }
}

/// Tickets of a key last for two of its periods, and not longer than RFC 8446 allows.
pub(super) fn tickets(config: &Config) -> Vec<Diagnostic> {
    let tickets = &config.server.tls_tickets;
    let mut found = Vec::new();
    let allowed = TlsTickets::SHORTEST_ROTATION..=TlsTickets::LONGEST_ROTATION;
    if !allowed.contains(&tickets.rotate_every) {
        let path = "server.tls_tickets.rotate_every";
        found.push(Diagnostic::error(path, "must be between 1m and 84h"));
    }
    let path = "server.tls_tickets.key_files";
    if tickets.key_files.len() > TlsTickets::MOST_FILES {
        let message = format!("at most {} files", TlsTickets::MOST_FILES);
        found.push(Diagnostic::error(path, message));
    }
    if !tickets.key_files.is_empty() && !tickets.shared {
        let message = "`shared: false` gives each gateway keys of its own";
        found.push(Diagnostic::error(path, message).hint("remove one of the two"));
    }
    found
}

fn one(path: &str, listener: &Listener, config: &Config) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    let is_inet = listener.address.inet().is_some();
    if let ListenAddress::Unix(socket) = &listener.address
        && let address = format!("unix:{}", socket.display())
        && address.parse::<ServerAddress>().is_err()
    {
        let message = "not a path that a socket can have: at most 107 bytes";
        found.push(Diagnostic::error(format!("{path}.address"), message));
    }
    if is_inet && listener.mode != SocketMode::default() {
        found.push(Diagnostic::error(
            format!("{path}.mode"),
            "only applies to Unix sockets",
        ));
    }
    if listener.forward_auth {
        found.extend(of_forward_auth(path, listener, config));
    }
    if listener.proxy_protocol && is_inet && config.trusted_proxies.is_empty() {
        found.push(
            Diagnostic::error(
                format!("{path}.proxy_protocol"),
                "no peer may use the PROXY \
                protocol",
            )
            .hint("name the proxies in `trusted_proxies`"),
        );
    }
    let is_https = config.public_url.is_https();
    if listener.redirect_to_https && (listener.tls.is_some() || !is_https) {
        found.push(
            Diagnostic::error(format!("{path}.redirect_to_https"), "leads nowhere")
                .hint("it is for plaintext listeners with an `https` `public_url`"),
        );
    }
    if listener.tls_terminated && listener.tls.is_some() {
        let message = "only applies to plaintext listeners";
        found.push(Diagnostic::error(format!("{path}.tls_terminated"), message));
    }
    if listener.grpc {
        if listener.redirect_to_https {
            let message = "nobody is redirected who asks by gRPC";
            found.push(Diagnostic::error(
                format!("{path}.redirect_to_https"),
                message,
            ));
        }
        if listener.tls.as_ref().is_some_and(|tls| !tls.http2) {
            let message = "gRPC needs HTTP/2";
            found.push(Diagnostic::error(format!("{path}.tls.http2"), message));
        }
        if config.trusted_proxies.is_empty() {
            let message = "nobody may ask";
            found.push(
                Diagnostic::error(format!("{path}.grpc"), message)
                    .hint("name the proxies that ask in `trusted_proxies`"),
            );
        }
    }
    let is_behind = is_inet && listener.tls.is_none() && !listener.redirect_to_https;
    if is_https && is_behind && config.trusted_proxies.is_empty() {
        let message = "`public_url` is `https`, so a proxy in front has to terminate TLS; without \
            `trusted_proxies`, all its clients count as one";
        found.push(
            Diagnostic::warning(format!("{path}.address"), message).hint(
                "name its addresses in `trusted_proxies`; if it forwards bytes only, use \
                `proxy_protocol`",
            ),
        );
    }
    if listener.hsts.is_some() && listener.tls.is_none() && !is_https {
        found.push(Diagnostic::error(
            format!("{path}.hsts"),
            "clients do not use `https`",
        ));
    }
    if let Some(tls) = &listener.tls {
        if listener.h2c {
            found.push(
                Diagnostic::error(format!("{path}.h2c"), "only applies to plaintext listeners")
                    .hint("with TLS, use `tls.http2` to turn HTTP/2 on and off"),
            );
        }
        found.extend(of_tls(&format!("{path}.tls"), tls));
    }
    found
}

pub(super) fn of_tls(path: &str, tls: &Tls) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    if tls.certificates.is_empty() && tls.acme.is_none() {
        found.push(Diagnostic::error(
            format!("{path}.certificates"),
            "at least one certificate is needed, or `acme` to have one ordered",
        ));
    }
    let mut named = HashSet::new();
    for (number, certificate) in tls.certificates.iter().enumerate() {
        if !named.insert(certificate.name()) {
            found.push(Diagnostic::error(
                format!("{path}.certificates[{number}]"),
                "another certificate of this listener has this name",
            ));
        }
    }
    if tls.check_interval.is_zero() {
        found.push(Diagnostic::error(
            format!("{path}.check_interval"),
            "must be greater than zero",
        ));
    }
    found
}
