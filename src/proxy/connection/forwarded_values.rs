//! What upstreams are told of where a request came from, in the gateway's own words.
//!
//! Of a connection's requests most name the same host, so the values of the last one are kept for the next,
//! unless they are longer than any name needs: what a connection holds while it idles is bounded.

use std::fmt::Write as _;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};

use bytes::Bytes;
use http::HeaderValue;

/// The text of `Forwarded` (RFC 7239), and those parts of it that are the text of other fields, too: written
/// once and shared by their values.
#[derive(Clone, Debug)]
pub struct ForwardedValues {
    /// An element of `Forwarded`.
    pub element: HeaderValue,
    /// The peer's address, for `X-Forwarded-For`.
    pub address: HeaderValue,
    /// The host that was asked for, for `X-Forwarded-Host`.
    pub host: HeaderValue,
    /// The address and the scheme that they are of.
    of: (IpAddr, &'static str),
}

/// Those of a connection's last request.
#[derive(Debug, Default)]
pub struct LastForwarded(Mutex<Option<ForwardedValues>>);

impl LastForwarded {
    /// Those of a request from this address, by this scheme, for this host, which has been checked; `None` if
    /// the host cannot be a field's value.
    pub fn values(
        &self,
        address: IpAddr,
        scheme: &'static str,
        host: &str,
    ) -> Option<ForwardedValues> {
        if host.len() > LONGEST_KEPT {
            return ForwardedValues::new(address, scheme, host);
        }
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if last
            .as_ref()
            .is_none_or(|last| !last.are_of(address, scheme, host))
        {
            *last = ForwardedValues::new(address, scheme, host);
        }
        last.clone()
    }
}

impl ForwardedValues {
    fn new(address: IpAddr, scheme: &'static str, host: &str) -> Option<Self> {
        let of = (address, scheme);
        let mut text = String::with_capacity(96 + host.len());
        // RFC 7239 section 6: an IPv6 address is bracketed and quoted.
        let (before, after) = match address {
            IpAddr::V4(_) => ("for=", ";proto="),
            IpAddr::V6(_) => ("for=\"[", "]\";proto="),
        };
        text.push_str(before);
        // Writing to a string does not fail.
        let _ = write!(text, "{address}");
        let address = before.len()..text.len();
        for part in [after, scheme, ";host=\"", host, "\""] {
            text.push_str(part);
        }
        let end = text.len() - 1;
        let element = Bytes::from(text);
        let value = |text| HeaderValue::from_maybe_shared(text).ok();
        Some(Self {
            address: value(element.slice(address))?,
            host: value(element.slice(end - host.len()..end))?,
            element: value(element)?,
            of,
        })
    }

    fn are_of(&self, address: IpAddr, scheme: &'static str, host: &str) -> bool {
        self.of == (address, scheme) && self.host.as_bytes() == host.as_bytes()
    }
}

/// Of the longest name in DNS with a port. A port may have any number of zeros before it.
const LONGEST_KEPT: usize = 253 + ":65535".len();

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_request_gets_its_own() {
        let last = LastForwarded::default();
        let said = |address: &str, scheme, host| {
            let values = last.values(address.parse().unwrap(), scheme, host).unwrap();
            let texts = [&values.address, &values.host, &values.element];
            texts.map(|value| value.to_str().unwrap().to_owned())
        };
        for (address, scheme, host, element) in [
            (
                "10.0.0.1",
                "http",
                "a.example",
                "for=10.0.0.1;proto=http;host=\"a.example\"",
            ),
            (
                "10.0.0.1",
                "http",
                "a.example",
                "for=10.0.0.1;proto=http;host=\"a.example\"",
            ),
            (
                "10.0.0.1",
                "http",
                "A.example",
                "for=10.0.0.1;proto=http;host=\"A.example\"",
            ),
            (
                "10.0.0.1",
                "https",
                "A.example",
                "for=10.0.0.1;proto=https;host=\"A.example\"",
            ),
            (
                "10.0.0.2",
                "https",
                "A.example",
                "for=10.0.0.2;proto=https;host=\"A.example\"",
            ),
            (
                "::1",
                "https",
                "a:8443",
                "for=\"[::1]\";proto=https;host=\"a:8443\"",
            ),
        ] {
            assert_eq!(said(address, scheme, host), [address, host, element]);
        }
        let peer = "10.0.0.1".parse().unwrap();
        assert!(last.values(peer, "http", "a\n").is_none());
        assert!(last.values(peer, "http", "a").is_some());
    }

    #[test]
    fn a_host_of_any_length_is_said_and_a_long_one_is_not_kept() {
        let last = LastForwarded::default();
        let peer = "10.0.0.1".parse().unwrap();
        let is_kept = |host: &str| {
            let values = last.values(peer, "http", host).unwrap();
            assert_eq!(values.host, host);
            let kept = last.0.lock().unwrap();
            kept.as_ref().is_some_and(|kept| kept.host == host)
        };
        let with_zeros = |length: usize| format!("a:{}80", "0".repeat(length - 4));
        assert!(is_kept(&with_zeros(LONGEST_KEPT)));
        assert!(!is_kept(&with_zeros(LONGEST_KEPT + 1)));
    }
}
