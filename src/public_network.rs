//! Keeping the gateway's own requests out of private networks, whatever a name resolves to.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use url::{Host, Url};

/// Resolves names, and gives only public addresses: what was checked is what is connected to.
#[derive(Default)]
pub struct PublicResolver {
    /// Hosts that may be anywhere.
    proxies: Vec<String>,
}

impl PublicResolver {
    /// Leaves the proxies that the environment names where they are.
    pub fn but_proxies(environment: impl Fn(&str) -> Option<String>) -> Self {
        let named = ["http_proxy", "https_proxy", "all_proxy"]
            .iter()
            .flat_map(|name| [(*name).to_owned(), name.to_ascii_uppercase()])
            .filter_map(|name| environment(&name));
        let host = |proxy: String| {
            let url = match proxy.contains("://") {
                true => proxy,
                false => format!("http://{proxy}"),
            };
            Some(Url::parse(&url).ok()?.host_str()?.to_owned())
        };
        Self {
            proxies: named.filter_map(host).collect(),
        }
    }
}

impl Resolve for PublicResolver {
    fn resolve(&self, name: Name) -> Resolving {
        let is_proxy = self.proxies.iter().any(|proxy| proxy == name.as_str());
        Box::pin(async move {
            let resolved: Vec<SocketAddr> =
                tokio::net::lookup_host((name.as_str(), 0)).await?.collect();
            let allowed = match is_proxy {
                true => resolved,
                false => only_public(resolved)?,
            };
            Ok(Box::new(allowed.into_iter()) as Addrs)
        })
    }
}

/// Removes private addresses. The client connects to one of the others, whatever the name resolves
/// to by then, so DNS rebinding gains nothing.
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

/// All addresses of a name are in private networks.
#[derive(Debug)]
pub struct PrivateAddress;

impl fmt::Display for PrivateAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the name resolves to a private network")
    }
}

impl std::error::Error for PrivateAddress {}

/// Whether a URL names this machine: a loopback address, or `localhost` and what is below it.
pub fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

/// Whether an address of the web is written as numbers of a private network. Names are checked when
/// they are resolved.
pub fn names_private_address(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(address)) => !is_public(IpAddr::V4(address)),
        Some(Host::Ipv6(address)) => !is_public(IpAddr::V6(address)),
        _ => false,
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
                // Only 2000::/3 is in use for the public. Within lie blocks of protocols (2001::/23: Teredo, overlays,
                // benchmarks) and of documentation.
                [0x2001, second, ..] if second < 0x200 || second == 0xdb8 => false,
                [0x3fff, second, ..] if second < 0x1000 => false,
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
        || (a == 192 && b == 0 && c == 0)
        || (a == 192 && b == 88 && c == 99))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_proxy_of_the_environment_may_be_in_a_private_network() {
        let environment = |name: &str| match name {
            "HTTPS_PROXY" => Some("http://user:secret@proxy.internal:3128".to_owned()),
            "http_proxy" => Some("plain.internal:80".to_owned()),
            _ => None,
        };
        let resolver = PublicResolver::but_proxies(environment);
        assert_eq!(resolver.proxies, ["plain.internal", "proxy.internal"]);
        assert!(PublicResolver::but_proxies(|_| None).proxies.is_empty());
    }

    #[test]
    fn of_a_names_addresses_only_public_ones_are_connected_to() {
        let addresses = |list: &[&str]| {
            let socket = |text: &&str| SocketAddr::new(text.parse().unwrap(), 0);
            list.iter().map(socket).collect::<Vec<_>>()
        };
        let bound_again = addresses(&["1.1.1.1", "127.0.0.1", "10.0.0.1", "::1"]);
        assert_eq!(only_public(bound_again).unwrap(), addresses(&["1.1.1.1"]));
        assert!(only_public(addresses(&["169.254.169.254"])).is_err());
        assert!(only_public(addresses(&["127.0.0.1", "fd00::1"])).is_err());
        assert!(only_public(Vec::new()).unwrap().is_empty());
    }

    #[test]
    fn reserved_addresses_are_not_public() {
        for address in [
            "127.0.0.1",
            "127.255.255.255",
            "10.1.2.3",
            "172.16.0.1",
            "172.31.255.255",
            "192.168.1.1",
            "169.254.169.254",
            "100.64.0.1",
            "100.127.255.255",
            "0.0.0.0",
            "0.255.255.255",
            "224.0.0.1",
            "239.255.255.255",
            "240.0.0.1",
            "255.255.255.255",
            "198.18.0.1",
            "198.19.255.255",
            "192.0.0.8",
            "192.88.99.1",
            "203.0.113.1",
            "::1",
            "::",
            "::ffff:10.0.0.1",
            "::ffff:127.0.0.1",
            "64:ff9b::a00:1",
            "::10.0.0.1",
            "2002:a00:1::",
            "64:ff9b:1::808:808",
            "2001:0:808:808::1",
            "2001:2::1",
            "2001:20::1",
            "2001:1ff:ffff::1",
            "fe80::1",
            "fc00::1",
            "fd12::1",
            "ff02::1",
            "2001:db8::1",
            "3fff::1",
            "3fff:fff:ffff::1",
        ] {
            assert!(!is_public(address.parse().unwrap()), "{address}");
        }
        for address in [
            "1.1.1.1",
            "9.255.255.255",
            "11.0.0.0",
            "100.63.255.255",
            "100.128.0.1",
            "126.255.255.255",
            "172.15.255.255",
            "172.32.0.0",
            "192.0.1.1",
            "192.88.98.255",
            "192.88.100.0",
            "198.17.255.255",
            "198.20.0.0",
            "223.255.255.255",
            "2606:4700::1111",
            "2001:200::1",
            "2001:4860:4860::8888",
            "3000::1",
            "3fff:1000::1",
            "::ffff:8.8.8.8",
            "64:ff9b::808:808",
            "2002:808:808::1",
        ] {
            assert!(is_public(address.parse().unwrap()), "{address}");
        }
    }
}
