//! Upstreams that lead back to the gateway.

use std::net::SocketAddr;

use crate::canonical::Origin;
use crate::config::Config;
use crate::diagnostic::Diagnostic;
use crate::listener::{ListenAddress, Listener};

/// Servers that are the gateway itself: requests to them come back until they are refused.
pub(super) fn diagnostics(config: &Config) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    for (name, upstream) in &config.upstreams {
        for (position, server) in upstream.servers.iter().enumerate() {
            let server = server.address.as_str();
            let is_listener =
                |listener: &Listener| leads_to(server, &listener.address, &config.public_url);
            if config.listeners.iter().any(is_listener) {
                let path = format!("upstreams.{name}.servers[{position}]");
                let message = "this is the gateway's own listener: requests come back until `limits.max_hops`";
                found.push(Diagnostic::warning(path, message));
            }
        }
    }
    found
}

/// Whether a server's address leads to a listener, as far as that shows without asking anybody.
fn leads_to(server: &str, listener: &ListenAddress, public_url: &Origin) -> bool {
    let listener = match listener {
        ListenAddress::Unix(path) => return *server == format!("unix:{}", path.display()),
        ListenAddress::Inet(listener) => listener,
    };
    if let Ok(server) = server.parse::<SocketAddr>() {
        let is_here = server.ip() == listener.ip()
            || listener.ip().is_unspecified()
                && (server.ip().is_loopback() || server.ip().is_unspecified());
        return is_here && server.port() == listener.port();
    }
    let Some((host, port)) = server.rsplit_once(':') else {
        return false;
    };
    let is_local = host.eq_ignore_ascii_case("localhost")
        && (listener.ip().is_loopback() || listener.ip().is_unspecified())
        && port.parse() == Ok(listener.port());
    let authority = public_url.as_str().split_once("://");
    let public_host = authority.map(|(_, authority)| {
        let port = format!(":{}", public_url.port());
        authority.strip_suffix(&*port).unwrap_or(authority)
    });
    let is_public = public_host.is_some_and(|public| public.eq_ignore_ascii_case(host))
        && port.parse() == Ok(public_url.port());
    is_local || is_public
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_that_is_the_gateway_is_found() {
        let public = Origin::parse("https://app.example.com").unwrap();
        let unix = ListenAddress::Unix("/run/v.sock".into());
        assert!(leads_to("unix:/run/v.sock", &unix, &public));
        assert!(!leads_to("unix:/run/w.sock", &unix, &public));
        for (server, listener, leads) in [
            ("127.0.0.1:8080", "127.0.0.1:8080", true),
            ("127.0.0.1:8080", "0.0.0.0:8080", true),
            ("[::1]:8080", "[::]:8080", true),
            ("localhost:8080", "127.0.0.1:8080", true),
            ("App.example.com:443", "0.0.0.0:8443", true),
            ("127.0.0.1:8081", "127.0.0.1:8080", false),
            ("127.0.0.2:8080", "127.0.0.1:8080", false),
            ("10.0.0.1:8080", "0.0.0.0:8080", false),
            ("app.example.com:8080", "0.0.0.0:8443", false),
            ("app.internal:443", "0.0.0.0:443", false),
        ] {
            let listener = ListenAddress::Inet(listener.parse().unwrap());
            assert_eq!(leads_to(server, &listener, &public), leads, "{server}");
        }
    }
}
