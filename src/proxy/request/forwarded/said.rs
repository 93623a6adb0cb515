//! What a trusted proxy says of a client.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use http::header::{HeaderMap, HeaderName};

use super::X_FORWARDED_SSL;

/// In one language, or in all that count.
#[derive(Clone, Copy, Debug)]
pub(super) struct Said {
    pub(super) client: Word,
    pub(super) is_https: Option<bool>,
}

/// Whom it names as the client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Word {
    /// Nobody is spoken of.
    Nothing,
    /// Somebody without an address: `unknown`, a made-up name (RFC 7239 section 6), an element without
    /// `for`, or what cannot be read.
    Hidden,
    /// Whoever has this address.
    Address(IpAddr),
}

impl Word {
    pub(super) fn address(self) -> Option<IpAddr> {
        match self {
            Self::Address(address) => Some(address),
            Self::Nothing | Self::Hidden => None,
        }
    }

    /// Whether both say something, and not the same.
    pub(super) fn contradicts(self, other: Self) -> bool {
        self != Self::Nothing && other != Self::Nothing && self != other
    }

    /// What is known by both. Where they contradict each other, one of them may be the client's own, and
    /// nobody knows which.
    pub(super) fn and(self, other: Self) -> Self {
        match (self, other) {
            _ if self.contradicts(other) => Self::Hidden,
            (Self::Nothing, said) | (said, _) => said,
        }
    }
}

/// An address as proxies write it: bare, in brackets, or with a port.
pub(super) fn parse_address(item: &[u8]) -> Option<IpAddr> {
    let text = std::str::from_utf8(item).ok()?.trim();
    let in_brackets = text.strip_prefix('[').and_then(|it| it.strip_suffix(']'));
    let bare = match in_brackets {
        Some(inner) => inner.parse::<Ipv6Addr>().ok().map(IpAddr::V6),
        None => text.parse().ok(),
    };
    let address: IpAddr = bare.or_else(|| {
        let socket = text.parse::<SocketAddr>().ok()?;
        Some(socket.ip())
    })?;
    Some(address.to_canonical())
}

fn last_item<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    let field = headers.get_all(name).iter().next_back()?;
    field.to_str().ok()?.rsplit(',').next().map(str::trim)
}

/// Whether the field says `https`; `None`: it says nothing of that. Of WebSockets some proxies say `wss`.
pub(super) fn scheme_of(headers: &HeaderMap, name: &HeaderName) -> Option<bool> {
    is_https(last_item(headers, name)?)
}

pub(super) fn is_https(scheme: &str) -> Option<bool> {
    match scheme {
        _ if is_one_of(scheme, ["https", "wss"]) => Some(true),
        _ if is_one_of(scheme, ["http", "ws"]) => Some(false),
        _ => None,
    }
}

fn is_one_of(scheme: &str, known: [&str; 2]) -> bool {
    known.iter().any(|one| scheme.eq_ignore_ascii_case(one))
}

pub(super) fn ssl_of(headers: &HeaderMap) -> Option<bool> {
    match last_item(headers, &X_FORWARDED_SSL)? {
        ssl if ssl.eq_ignore_ascii_case("on") => Some(true),
        ssl if ssl.eq_ignore_ascii_case("off") => Some(false),
        _ => None,
    }
}
