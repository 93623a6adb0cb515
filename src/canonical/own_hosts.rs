//! The hosts that the configuration names as the gateway's own.

use super::host::Host;
use super::host_pattern::HostPattern;
use super::origin::Origin;

/// The host of `public_url`, and those of routes. Browsers may be sent back to them.
#[derive(Clone, Debug)]
pub struct OwnHosts {
    public_url: Origin,
    of_routes: Vec<HostPattern>,
}

impl OwnHosts {
    /// From `public_url` and the hosts that routes name.
    pub fn new<'a>(
        public_url: &Origin,
        of_routes: impl IntoIterator<Item = &'a HostPattern>,
    ) -> Self {
        let mut hosts = Self {
            public_url: public_url.clone(),
            of_routes: Vec::new(),
        };
        for host in of_routes {
            if !hosts.of_routes.contains(host) {
                hosts.of_routes.push(host.clone());
            }
        }
        hosts
    }

    /// Whether `public_url` or a route names this host, whatever its port.
    pub fn names(&self, host: &Host<'_>) -> bool {
        self.is_public(host) || self.of_routes.iter().any(|named| named.admits(host))
    }

    /// Whether `public_url` names it.
    pub fn is_public(&self, host: &Host<'_>) -> bool {
        let own = self.public_url.host();
        own.is_some_and(|own| own.name().eq_ignore_ascii_case(host.name()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_are_those_of_the_configuration() {
        let public_url = Origin::parse("https://a.example.com:8443").unwrap();
        let routes = ["b.example.com", "*.c.example.com"].map(|host| host.parse().unwrap());
        let hosts = OwnHosts::new(&public_url, &routes);
        for (host, is_named) in [
            ("a.example.com", true),
            ("A.example.com:80", true),
            ("b.example.com.", true),
            ("B.EXAMPLE.COM:8080", true),
            ("x.c.example.com", true),
            ("y.x.c.example.com", true),
            ("c.example.com", false),
            ("xc.example.com", false),
            ("x.b.example.com", false),
            ("example.com", false),
        ] {
            assert_eq!(hosts.names(&Host::parse(host).unwrap()), is_named, "{host}");
        }
    }
}
