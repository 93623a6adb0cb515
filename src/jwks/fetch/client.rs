//! HTTP clients that go only where they may.

use std::error::Error as _;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::redirect;
use url::{Host, Url};

use crate::jwks::error::{FetchError, SourceError};

/// Where fetches of an issuer may go.
#[derive(Clone, Copy, Debug)]
pub(in crate::jwks) struct Policy {
    pub(super) insecure_http: bool,
    pub(super) deny_private_networks: bool,
}

impl Policy {
    /// Plain HTTP on loopback only, unless allowed by name.
    pub(super) fn allows_scheme(self, url: &Url) -> bool {
        match url.scheme() {
            "https" => true,
            "http" => self.insecure_http || is_loopback(url),
            _ => false,
        }
    }

    /// Refuses an address written as numbers; names are checked when they are resolved.
    pub(super) fn check_address(self, url: &Url) -> Result<(), FetchError> {
        let address = match url.host() {
            Some(Host::Ipv4(address)) => IpAddr::V4(address),
            Some(Host::Ipv6(address)) => IpAddr::V6(address),
            _ => return Ok(()),
        };
        if self.deny_private_networks && !is_public(address) {
            return Err(FetchError::PrivateNetwork);
        }
        Ok(())
    }
}

/// The clients of all issuers: one for each way of connecting, so that trust anchors are loaded
/// once.
#[derive(Default)]
pub(in crate::jwks) struct Clients {
    through_proxies: Mutex<Option<reqwest::Client>>,
    direct: Mutex<Option<reqwest::Client>>,
    public_only: Mutex<Option<reqwest::Client>>,
}

impl Clients {
    /// The client for an address. Only those that may ask private networks beyond loopback go
    /// through the proxies of the environment: a proxy would resolve the name itself.
    pub(super) fn get(&self, policy: Policy, url: &Url) -> Result<reqwest::Client, SourceError> {
        let builder = reqwest::Client::builder()
            .user_agent(concat!("vestibule/", env!("CARGO_PKG_VERSION")))
            .redirect(redirect::Policy::custom(stay_on_host));
        let (slot, builder) = if policy.deny_private_networks {
            (
                &self.public_only,
                builder.no_proxy().dns_resolver(Arc::new(PublicResolver)),
            )
        } else if is_loopback(url) {
            (&self.direct, builder.no_proxy())
        } else {
            (&self.through_proxies, builder)
        };
        let mut slot = slot.lock().unwrap_or_else(PoisonError::into_inner);
        match &*slot {
            Some(client) => Ok(client.clone()),
            None => Ok(slot.insert(builder.build()?).clone()),
        }
    }
}

/// Says what went wrong in one line, without the address, which is known.
pub(super) fn error(error: reqwest::Error) -> FetchError {
    if error.is_redirect() {
        return FetchError::Redirect;
    }
    let mut cause = error.source();
    let mut text = String::from("the connection failed");
    while let Some(inner) = cause {
        if inner.is::<PrivateAddress>() {
            return FetchError::PrivateNetwork;
        }
        text = inner.to_string();
        cause = inner.source();
    }
    FetchError::Connection(text)
}

fn stay_on_host(attempt: redirect::Attempt<'_>) -> redirect::Action {
    let previous = attempt.previous();
    let stays = previous
        .first()
        .is_some_and(|first| is_same_origin(first, attempt.url()));
    if stays && previous.len() <= MAX_REDIRECTS {
        attempt.follow()
    } else {
        attempt.error("leads elsewhere")
    }
}

fn is_same_origin(one: &Url, other: &Url) -> bool {
    one.scheme() == other.scheme()
        && one.host() == other.host()
        && one.port_or_known_default() == other.port_or_known_default()
}

/// Resolves names, and gives only public addresses: what was checked is what is connected to.
struct PublicResolver;

impl Resolve for PublicResolver {
    fn resolve(&self, name: Name) -> Resolving {
        Box::pin(async move {
            let resolved: Vec<SocketAddr> =
                tokio::net::lookup_host((name.as_str(), 0)).await?.collect();
            Ok(Box::new(only_public(resolved)?.into_iter()) as Addrs)
        })
    }
}

/// Leaves private addresses out. The client connects to one of the others, whatever the name
/// resolves to by then: a name that is bound anew gains nothing.
fn only_public(resolved: Vec<SocketAddr>) -> Result<Vec<SocketAddr>, PrivateAddress> {
    let any = !resolved.is_empty();
    let public: Vec<SocketAddr> = resolved
        .into_iter()
        .filter(|address| is_public(address.ip()))
        .collect();
    match any && public.is_empty() {
        true => Err(PrivateAddress),
        false => Ok(public),
    }
}

#[derive(Debug)]
struct PrivateAddress;

impl fmt::Display for PrivateAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the name resolves into a private network")
    }
}

impl std::error::Error for PrivateAddress {}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

/// Whether an address is outside of the blocks that RFC 6890 and its successors set aside.
fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => {
            let segments = address.segments();
            match segments {
                // IPv4-mapped, IPv4-compatible with its unspecified and loopback, and NAT64.
                [0, 0, 0, 0, 0, 0xffff | 0, high, low] | [0x64, 0xff9b, 0, 0, 0, 0, high, low] => {
                    let [a, b] = high.to_be_bytes();
                    let [c, d] = low.to_be_bytes();
                    is_public_v4(Ipv4Addr::new(a, b, c, d))
                }
                // 2002::/16 carries an IPv4 address, too.
                [0x2002, high, low, ..] => {
                    let [a, b] = high.to_be_bytes();
                    let [c, d] = low.to_be_bytes();
                    is_public_v4(Ipv4Addr::new(a, b, c, d))
                }
                // Only 2000::/3 is in use for the public; documentation and Teredo lie within.
                [0x2001, 0xdb8 | 0, ..] => false,
                [first, ..] => first & 0xe000 == 0x2000,
            }
        }
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    !(address.is_private()
        || address.is_loopback()
        || address.is_link_local()
        || address.is_multicast()
        || address.is_documentation()
        || a == 0
        || a >= 240
        || (a == 100 && b & 0xc0 == 64)
        || (a == 198 && b & 0xfe == 18)
        || (a == 192 && b == 0 && c == 0))
}

const MAX_REDIRECTS: usize = 5;

#[cfg(test)]
mod tests {
    use url::Url;

    use super::{is_public, is_same_origin, only_public};

    #[test]
    fn of_a_names_addresses_only_public_ones_are_connected_to() {
        let addresses = |list: &[&str]| {
            let socket = |text: &&str| std::net::SocketAddr::new(text.parse().unwrap(), 0);
            list.iter().map(socket).collect::<Vec<_>>()
        };
        let bound_anew = addresses(&["1.1.1.1", "127.0.0.1", "10.0.0.1", "::1"]);
        assert_eq!(only_public(bound_anew).unwrap(), addresses(&["1.1.1.1"]));
        assert!(only_public(addresses(&["169.254.169.254"])).is_err());
        assert!(only_public(addresses(&["127.0.0.1", "fd00::1"])).is_err());
        assert!(only_public(Vec::new()).unwrap().is_empty());
    }

    #[test]
    fn a_redirect_stays_on_scheme_host_and_port() {
        let from = Url::parse("https://idp.example/a").unwrap();
        for (to, stays) in [
            ("https://idp.example/b", true),
            ("https://idp.example:443/b", true),
            ("https://IDP.example/b", true),
            ("http://idp.example/a", false),
            ("https://idp.example:8443/a", false),
            ("https://idp.example.evil.example/a", false),
            ("https://idp.example@evil.example/a", false),
            ("ftp://idp.example/a", false),
        ] {
            assert_eq!(
                is_same_origin(&from, &Url::parse(to).unwrap()),
                stays,
                "{to}"
            );
        }
    }

    #[test]
    fn reserved_addresses_are_not_public() {
        for address in [
            "127.0.0.1",
            "10.1.2.3",
            "172.16.0.1",
            "192.168.1.1",
            "169.254.169.254",
            "100.64.0.1",
            "0.0.0.0",
            "224.0.0.1",
            "255.255.255.255",
            "198.18.0.1",
            "192.0.0.8",
            "::1",
            "::",
            "::ffff:10.0.0.1",
            "::ffff:127.0.0.1",
            "64:ff9b::a00:1",
            "2002:a00:1::",
            "fe80::1",
            "fc00::1",
            "fd12::1",
            "ff02::1",
            "2001:db8::1",
        ] {
            assert!(!is_public(address.parse().unwrap()), "{address}");
        }
        for address in [
            "1.1.1.1",
            "100.128.0.1",
            "2606:4700::1111",
            "::ffff:8.8.8.8",
        ] {
            assert!(is_public(address.parse().unwrap()), "{address}");
        }
    }
}
