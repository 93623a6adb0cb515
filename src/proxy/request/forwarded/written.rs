//! What the gateway says of a request itself.

use std::fmt::Write as _;
use std::net::IpAddr;

use bytes::Bytes;

/// The text of `Forwarded`, and those parts of it that are the text of other fields, too: written
/// once and shared by their values.
pub(super) struct Written {
    pub(super) element: Bytes,
    pub(super) address: Bytes,
    pub(super) host: Bytes,
}

impl Written {
    pub(super) fn new(address: IpAddr, scheme: &str, host: &str) -> Self {
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
        Self {
            address: element.slice(address),
            host: element.slice(end - host.len()..end),
            element,
        }
    }
}
