//! Whether a request came over a TLS connection that was opened for its host.
//!
//! A client asks for one name (SNI) and gets a certificate for it. Over HTTP/2 it may then send
//! requests for every host of this certificate (RFC 9113 section 9.1.1). A request for a host of
//! another certificate used the wrong connection: it gets 421 (RFC 9110 section 15.5.20), and the
//! client repeats it on a separate connection.

use std::collections::HashMap;
use std::sync::Arc;

use crate::canonical::Host;
use crate::rejection::{Code, Rejection};
use crate::route::RouteMiss;

/// Which of a listener's certificates are for which names.
#[derive(Debug, Default)]
pub struct CertificateNames(HashMap<Box<str>, Vec<usize>>);

impl CertificateNames {
    /// Notes that a certificate is for a name, or, as `*.example.com`, for all with one label more.
    pub fn add(&mut self, certificate: usize, name: &str) {
        let name = name.to_ascii_lowercase();
        self.0.entry(name.into()).or_default().push(certificate);
    }

    /// The certificates for a host.
    pub fn of(&self, host: &str) -> &[usize] {
        let host = host.to_ascii_lowercase();
        let exact = self.0.get(host.as_str());
        // RFC 6125 section 6.4.3: a wildcard matches one label.
        let wildcard = || {
            let (_, parent) = host.split_once('.')?;
            self.0.get(format!("*.{parent}").as_str())
        };
        exact.or_else(wildcard).map_or(&[], Vec::as_slice)
    }
}

/// The name that a client asked for when it opened its connection.
#[derive(Debug)]
pub struct ServerName {
    name: Box<str>,
    /// Those of the connection's time, whatever replaced them.
    names: Arc<CertificateNames>,
}

impl ServerName {
    /// Asked for at a listener with these certificates, the first of which is shown to those who
    /// ask for no name in them.
    pub fn new(name: &str, names: Arc<CertificateNames>) -> Self {
        let name = name.into();
        Self { name, names }
    }

    /// Checks that the connection may carry requests for this host. A host that is in no
    /// certificate, such as an address, is nobody's but the routes' business.
    pub(in crate::proxy) fn check(&self, host: &Host<'_>) -> Result<(), Rejection> {
        if host.name().eq_ignore_ascii_case(&self.name) {
            return Ok(());
        }
        let (shown, due) = (self.names.of(&self.name), self.names.of(host.name()));
        let shown = if shown.is_empty() { DEFAULT } else { shown };
        let is_shown = |certificate| shown.contains(certificate);
        if due.is_empty() || due.iter().any(is_shown) {
            return Ok(());
        }
        let rejection = Rejection::from(RouteMiss::Misdirected);
        Err(Rejection {
            code: Code::NotFound,
            reason: "host_of_another_certificate",
            ..rejection
        })
    }
}

/// The certificate for clients that ask for no name in any.
const DEFAULT: &[usize] = &[0];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_connection_carries_what_its_certificate_is_for() {
        let mut names = CertificateNames::default();
        for (certificate, name) in [
            (0, "default.test"),
            (1, "a.test"),
            (1, "*.wild.test"),
            (2, "B.test"),
            // The same host by another kind of key.
            (3, "a.test"),
            (3, "also.test"),
        ] {
            names.add(certificate, name);
        }
        let names = Arc::new(names);
        for (asked, host, is_fine) in [
            ("a.test", "a.test", true),
            ("a.test", "A.Test:8443", true),
            ("a.test", "x.wild.test", true),
            ("a.test", "also.test", true),
            ("a.test", "b.test", false),
            ("a.test", "default.test", false),
            // In no certificate.
            ("a.test", "x.y.wild.test", true),
            ("a.test", "127.0.0.1", true),
            ("b.test", "a.test", false),
            ("x.wild.test", "y.wild.test", true),
            // Shown the default.
            ("unknown.test", "unknown.test", true),
            ("unknown.test", "default.test", true),
            ("unknown.test", "a.test", false),
        ] {
            let asked_for = ServerName::new(asked, Arc::clone(&names));
            let checked = asked_for.check(&Host::parse(host).unwrap());
            assert_eq!(checked.is_ok(), is_fine, "{asked} then {host}");
        }
    }
}
