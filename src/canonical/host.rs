//! Host names with one reading.

use std::net::Ipv6Addr;

use crate::rejection::{Code, Rejection};

/// The host of a request, from `Host` or `:authority` (RFC 9110 section 7.2): a name, an IPv4
/// address or a bracketed IPv6 address, with an optional port. Routes find it by its name alone,
/// without regard to case and trailing dot; two hosts are equal if they have the same port, too.
#[derive(Clone, Copy, Debug)]
pub struct Host<'a> {
    authority: &'a str,
    name: &'a str,
    port: Option<u16>,
}

impl<'a> Host<'a> {
    /// Parses `name`, `name:port`, `[v6]` or `[v6]:port`. User information, escapes, bytes
    /// beyond letters, digits, `-`, `_` and `.`, and empty labels are refused.
    pub fn parse(authority: &'a str) -> Result<Self, HostError> {
        let (name, port) = match authority.strip_prefix('[') {
            Some(bracketed) => {
                let (address, after) = bracketed.split_once(']').ok_or(HostError)?;
                address.parse::<Ipv6Addr>().map_err(|_| HostError)?;
                let port = match after {
                    "" => None,
                    after => Some(after.strip_prefix(':').ok_or(HostError)?),
                };
                (authority.get(..address.len() + 2).ok_or(HostError)?, port)
            }
            None => {
                let (name, port) = match authority.split_once(':') {
                    Some((name, port)) => (name, Some(port)),
                    None => (authority, None),
                };
                let name = name.strip_suffix('.').unwrap_or(name);
                if name.len() > MAX_NAME || !are_labels(name) {
                    return Err(HostError);
                }
                (name, port)
            }
        };
        Ok(Self {
            authority,
            name,
            port: port.map(parse_port).transpose()?,
        })
    }

    /// Parses a host that the configuration names: without a port, and an address only in the
    /// form in which clients send it.
    pub fn parse_bare(text: &'a str) -> Result<Self, BareHostError> {
        if text.contains('*') {
            return Err(BareHostError::Wildcard);
        }
        let host = Self::parse(text).map_err(|_| BareHostError::Form)?;
        // Browsers send `127.1` as `127.0.0.1`.
        let is_same = |parsed: url::Host| parsed.to_string() == text.to_ascii_lowercase();
        let is_bare = host.port.is_none() && url::Host::parse(text).is_ok_and(is_same);
        is_bare.then_some(host).ok_or(BareHostError::Form)
    }

    /// The name or address, without port and trailing dot, in the case it came in.
    pub fn name(&self) -> &'a str {
        self.name
    }

    /// The port, when one is named.
    pub fn port(&self) -> Option<u16> {
        self.port
    }

    /// All of it, as it came.
    pub fn authority(&self) -> &'a str {
        self.authority
    }

    /// The bytes that hosts are compared by.
    pub(crate) fn folded(&self) -> impl Iterator<Item = u8> + Clone + use<'a> {
        fold(self.name)
    }

    /// The same of each name above this one, the longest first: of `a.b.example` they are
    /// `b.example` and `example`.
    pub(crate) fn parents(
        &self,
    ) -> impl Iterator<Item = impl Iterator<Item = u8> + Clone + use<'a>> + use<'a> {
        let name = self.name;
        name.match_indices('.')
            .filter_map(move |(at, _)| name.get(at + 1..))
            .map(fold)
    }
}

/// By name, without regard to case, and port.
impl PartialEq for Host<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.name.eq_ignore_ascii_case(other.name) && self.port == other.port
    }
}

impl Eq for Host<'_> {}

/// The text is not a host.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a host: expected `name`, `name:port` or `[address]:port`")]
pub struct HostError;

/// The text is not a host that the configuration can name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BareHostError {
    /// A `*` anywhere else than in front.
    #[error("a wildcard is `*.` followed by a name, and matches all hosts below it")]
    Wildcard,
    /// Not a name or an address, or one with a port.
    #[error("expected an ASCII host name or an address, without a port")]
    Form,
}

impl From<HostError> for Rejection {
    fn from(_: HostError) -> Self {
        Self::new(Code::InvalidRequest, "host_invalid")
    }
}

fn fold(name: &str) -> impl Iterator<Item = u8> + Clone + use<'_> {
    name.bytes().map(|byte| byte.to_ascii_lowercase())
}

/// Whether a name consists of labels, none of which is empty. Each request's name comes by here more than once.
fn are_labels(name: &str) -> bool {
    let mut before = b'.';
    let are_fit = name.bytes().all(|byte| {
        let is_fit = match byte {
            b'.' => before != b'.',
            byte => byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'),
        };
        before = byte;
        is_fit
    });
    are_fit && before != b'.'
}

fn parse_port(text: &str) -> Result<u16, HostError> {
    if text.bytes().all(|byte| byte.is_ascii_digit()) {
        text.parse().map_err(|_| HostError)
    } else {
        Err(HostError)
    }
}

/// The longest name that DNS can hold, in text form (RFC 1035 section 2.3.4).
const MAX_NAME: usize = 253;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_names_addresses_and_ports() {
        for (text, name, port) in [
            ("app.example.com", "app.example.com", None),
            ("App.Example.com.:8080", "App.Example.com", Some(8080)),
            ("127.0.0.1:80", "127.0.0.1", Some(80)),
            ("[::1]", "[::1]", None),
            ("[::1]:8080", "[::1]", Some(8080)),
            ("my_service", "my_service", None),
        ] {
            let host = Host::parse(text).unwrap();
            assert_eq!((host.name(), host.port()), (name, port), "{text}");
            assert_eq!(host.authority(), text);
        }
    }

    #[test]
    fn refuses_what_has_other_readings() {
        for text in [
            "",
            ".",
            "a..b",
            ".a",
            "a..",
            "user@a",
            "a:",
            "a:b",
            "a:+80",
            "a:65536",
            "a:80:80",
            "a b",
            "a,b",
            "a/b",
            "a%2eb",
            "a\\b",
            "bücher.example",
            "[::1",
            "[::1]x",
            "[::1]:",
            "[evil]",
            "::1",
        ] {
            assert_eq!(Host::parse(text), Err(HostError), "{text:?}");
        }
        assert!(Host::parse(&"a".repeat(253)).is_ok());
        assert!(Host::parse(&"a".repeat(254)).is_err());
    }

    #[test]
    fn compares_without_case() {
        let host = |text| Host::parse(text).unwrap();
        assert_eq!(host("a.example"), host("A.Example."));
        assert_ne!(host("a.example"), host("a.example:80"));
    }
}
