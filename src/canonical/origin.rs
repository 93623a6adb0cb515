//! A web origin (RFC 6454): scheme, host and port.

use std::fmt;
use std::net::IpAddr;

use serde::{Deserialize, Deserializer, de};
use url::Url;

use super::host::Host;
use crate::public_network::is_loopback;
use crate::text_schema::text_schema;

/// Whose pages may send cookie-borne credentials: one origin, or those of all hosts with one label
/// before a domain, `https://*.example.com`, or that of an app or a browser extension,
/// `capacitor://localhost`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum AllowedOrigin {
    /// This one.
    Exact(Origin),
    /// That of pages which a program has in itself, byte for byte: `capacitor://localhost`,
    /// `chrome-extension://abcdefghijklmnop`.
    App(Box<str>),
    /// Each host one label below a domain.
    Subdomains {
        /// Scheme, and what follows it.
        scheme: &'static str,
        /// The domain after its dot, and a port that is not the scheme's own.
        domain: Box<str>,
    },
}

impl AllowedOrigin {
    /// Parses an origin, whose host may start with `*.`.
    ///
    /// # Errors
    ///
    /// It is none, has another `*`, or allows everybody below a public suffix.
    pub fn parse(text: &str) -> Result<Self, AllowedOriginError> {
        let Some((scheme, rest)) = text.split_once("://*.") else {
            return match text.contains('*') {
                true => Err(AllowedOriginError::Wildcard),
                false if is_app(text) => Ok(Self::App(text.trim_end_matches('/').into())),
                false => Ok(Self::Exact(Origin::parse(text)?)),
            };
        };
        if rest.contains('*') {
            return Err(AllowedOriginError::Wildcard);
        }
        let domain = Origin::parse(&format!("{scheme}://{rest}"))?;
        let (scheme, domain) = match domain.as_str().split_once("://") {
            Some(("https", domain)) => ("https://", domain),
            Some((_, domain)) => ("http://", domain),
            None => return Err(OriginError::Shape.into()),
        };
        let name = domain.split(':').next().unwrap_or_default();
        // An address has no names below it, and a public suffix belongs to nobody.
        let is_local = name == "localhost";
        let has_domain = psl::domain_str(name).is_some() && name.parse::<IpAddr>().is_err();
        let is_owned = is_local || has_domain;
        if !is_owned {
            return Err(AllowedOriginError::PublicSuffix);
        }
        Ok(Self::Subdomains {
            scheme,
            domain: domain.into(),
        })
    }

    /// Whether an `Origin` field names one of them.
    pub fn admits(&self, origin: &str) -> bool {
        match self {
            Self::Exact(own) => own.as_str() == origin,
            Self::App(own) => **own == *origin,
            Self::Subdomains { scheme, domain } => {
                let host = origin.strip_prefix(scheme);
                host.and_then(|host| host.strip_suffix(&**domain))
                    .and_then(|below| below.strip_suffix('.'))
                    .is_some_and(is_label)
            }
        }
    }
}

fn is_label(text: &str) -> bool {
    let is_part =
        |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-_".contains(&byte);
    !text.is_empty() && text.bytes().all(is_part)
}

/// Whether a text is an origin of a scheme that belongs to one app or to extensions. Pages under the
/// schemes that are left out have the origin of everybody else's, or none.
fn is_app(text: &str) -> bool {
    let Some((scheme, rest)) = text.split_once("://") else {
        return false;
    };
    let host = rest.strip_suffix('/').unwrap_or(rest);
    let (name, port) = host.split_once(':').unwrap_or((host, "0"));
    let is_scheme = scheme.starts_with(|first: char| first.is_ascii_lowercase())
        && scheme.bytes().all(|byte| {
            byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"+-.".contains(&byte)
        });
    let is_name = |byte: u8| byte.is_ascii_alphanumeric() || b"-._".contains(&byte);
    is_scheme
        && !SCHEMES_OF_EVERYBODY.contains(&scheme)
        && !name.is_empty()
        && name.bytes().all(is_name)
        && port.parse::<u16>().is_ok()
}

impl From<Origin> for AllowedOrigin {
    fn from(origin: Origin) -> Self {
        Self::Exact(origin)
    }
}

impl fmt::Display for AllowedOrigin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exact(origin) => origin.fmt(f),
            Self::App(origin) => f.write_str(origin),
            Self::Subdomains { scheme, domain } => write!(f, "{scheme}*.{domain}"),
        }
    }
}

/// The text is not an origin that may be allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AllowedOriginError {
    /// Not an origin.
    #[error(transparent)]
    Origin(#[from] OriginError),
    /// A star that is not the whole first label.
    #[error("`*` stands for the whole first label only: `https://*.example.com`")]
    Wildcard,
    /// Everybody can have a host there.
    #[error(
        "anybody can have a host below this; name a domain of your own: `https://*.example.com`"
    )]
    PublicSuffix,
}

impl<'de> Deserialize<'de> for AllowedOrigin {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        Self::parse(&String::deserialize(from)?).map_err(de::Error::custom)
    }
}

/// An `http` or `https` origin in its ASCII serialization, without a default port.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Origin(String);

impl Origin {
    /// Parses a URL that is nothing but an origin; a single trailing slash is tolerated.
    pub fn parse(text: &str) -> Result<Self, OriginError> {
        let url = Url::parse(text).map_err(|_| OriginError::Shape)?;
        if text.contains('*') {
            return Err(OriginError::Star);
        }
        let bare = matches!(url.scheme(), "http" | "https")
            && url.path() == "/"
            && url.query().is_none()
            && url.fragment().is_none()
            && url.username().is_empty()
            && url.password().is_none();
        if bare {
            Ok(Self(url.origin().ascii_serialization()))
        } else {
            Err(OriginError::Shape)
        }
    }

    /// That of an address; `None` under other schemes.
    pub fn of(url: &Url) -> Option<Self> {
        matches!(url.scheme(), "http" | "https").then(|| Self(url.origin().ascii_serialization()))
    }

    /// As browsers send it in `Origin`.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Host and port, unless that is the scheme's own. `None`: a host that no request can name.
    pub fn host(&self) -> Option<Host<'_>> {
        let (_, authority) = self.0.split_once("://")?;
        Host::parse(authority).ok()
    }

    /// Whether it is this machine, whose pages browsers trust without `https` (Secure Contexts section
    /// 3.1).
    pub fn is_loopback(&self) -> bool {
        Url::parse(&self.0).is_ok_and(|url| is_loopback(&url))
    }

    /// The port, named or the scheme's own.
    pub fn port(&self) -> u16 {
        let known = Url::parse(&self.0).ok();
        let default = if self.is_https() { 443 } else { 80 };
        known
            .and_then(|url| url.port_or_known_default())
            .unwrap_or(default)
    }

    /// Whether both have one scheme and port, which another server of the same host does not share.
    pub fn has_scheme_and_port_of(&self, other: &Self) -> bool {
        (self.is_https(), self.port()) == (other.is_https(), other.port())
    }

    /// Whether the scheme is `https`.
    pub fn is_https(&self) -> bool {
        self.0.starts_with("https:")
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The text is not an origin.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OriginError {
    /// Something else, or more.
    #[error("not an origin: expected `https://host` or `http://host:port`, without a path")]
    Shape,
    /// A star, which no host has.
    #[error("one origin, without `*`: write the host's whole name")]
    Star,
}

impl<'de> Deserialize<'de> for Origin {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        Self::parse(&String::deserialize(from)?).map_err(de::Error::custom)
    }
}

text_schema!(Origin, "Origin", {
    "description": "Scheme, host and port, without a path: `https://app.example.com`.",
    "type": "string",
    "pattern": "^https?://[^/?#@*]+/?$",
});

text_schema!(AllowedOrigin, "AllowedOrigin", {
    "description": "An origin; `*.` before the host's name stands for one label: `https://*.example.com`. \
        Those of apps and browser extensions are named whole: `capacitor://localhost`.",
    "type": "string",
    "pattern": "^(https?://(\\*\\.)?|[a-z][a-z0-9+.-]*://)[^/?#@*]+/?$",
});

/// Schemes whose pages anybody can write, or whose origins are none (Fetch standard, URL standard).
const SCHEMES_OF_EVERYBODY: [&str; 10] = [
    "http",
    "https",
    "ws",
    "wss",
    "ftp",
    "file",
    "filesystem",
    "data",
    "blob",
    "javascript",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wildcard_is_one_label_below_a_domain_of_ones_own() {
        let allowed = AllowedOrigin::parse("https://*.example.com").unwrap();
        for (origin, admitted) in [
            ("https://a.example.com", true),
            ("https://a-1.example.com", true),
            ("https://example.com", false),
            ("https://.example.com", false),
            ("https://a.b.example.com", false),
            ("https://aexample.com", false),
            ("https://a.example.com.evil.test", false),
            ("https://evil.test/.example.com", false),
            ("https://evil.test#.example.com", false),
            ("https://u@a.example.com", false),
            ("http://a.example.com", false),
            ("https://a.example.com:8443", false),
            ("https://A.example.com", false),
            ("null", false),
            ("", false),
        ] {
            assert_eq!(allowed.admits(origin), admitted, "{origin}");
        }
        let port = AllowedOrigin::parse("http://*.Example.com:8080/").unwrap();
        assert_eq!(port.to_string(), "http://*.example.com:8080");
        assert!(port.admits("http://a.example.com:8080"));
        assert!(!port.admits("http://a.example.com"));
        let exact = AllowedOrigin::parse("https://a.example.com/").unwrap();
        assert!(exact.admits("https://a.example.com"));
        assert!(!exact.admits("https://b.example.com"));
    }

    #[test]
    fn an_origin_has_a_host_and_a_port() {
        let origin = |text: &str| Origin::of(&Url::parse(text).unwrap());
        for (text, name, port) in [
            ("http://a.test/login", "a.test", 80),
            ("https://A.test:443/", "a.test", 443),
            ("http://[::1]:8080/in?x", "[::1]", 8080),
        ] {
            let found = origin(text).unwrap();
            assert_eq!(found.host().unwrap().name(), name, "{text}");
            assert_eq!(found.port(), port, "{text}");
        }
        assert_eq!(origin("ftp://a.test/"), None);
        let is_at = |one, other| {
            let other = origin(other).unwrap();
            origin(one).unwrap().has_scheme_and_port_of(&other)
        };
        assert!(is_at("https://a.test", "https://b.test:443"));
        assert!(!is_at("https://a.test", "https://a.test:8443"));
        assert!(!is_at("http://a.test:443", "https://a.test"));
    }

    #[test]
    fn an_app_is_one_origin_byte_for_byte() {
        for text in [
            "capacitor://localhost",
            "ionic://localhost",
            "tauri://localhost",
            "app://-",
            "chrome-extension://abcdefghijklmnopabcdefghijklmnop",
            "moz-extension://0b7c1f5e-7b1c-4b0e-9a53-0e4c1f6f3d11",
            "safari-web-extension://0B7C1F5E-7B1C-4B0E-9A53-0E4C1F6F3D11",
            "com.example.app://localhost:8080",
        ] {
            let allowed = AllowedOrigin::parse(text).unwrap();
            assert_eq!(allowed.to_string(), text);
            assert!(allowed.admits(text), "{text}");
            assert_eq!(AllowedOrigin::parse(&format!("{text}/")), Ok(allowed));
        }
        let allowed = AllowedOrigin::parse("capacitor://localhost").unwrap();
        for origin in [
            "capacitor://localhost/",
            "capacitor://LOCALHOST",
            "capacitor://localhost:80",
            "capacitor://localhost.evil.test",
            "ionic://localhost",
            "http://localhost",
            "null",
        ] {
            assert!(!allowed.admits(origin), "{origin}");
        }
        for text in [
            "file://",
            "file://localhost",
            "data://x",
            "javascript://x",
            "capacitor://",
            "capacitor://a/b",
            "capacitor://u@a",
            "capacitor://a?b",
            "Capacitor://a",
            "null",
        ] {
            let refused = AllowedOrigin::parse(text);
            let shape = AllowedOriginError::Origin(OriginError::Shape);
            assert_eq!(refused, Err(shape), "{text}");
        }
        let star = AllowedOrigin::parse("chrome-extension://*");
        assert_eq!(star, Err(AllowedOriginError::Wildcard));
    }

    #[test]
    fn what_would_allow_everybody_or_nobody_is_refused() {
        use AllowedOriginError::{PublicSuffix, Wildcard};
        for (text, error) in [
            ("*", Wildcard),
            ("https://*", Wildcard),
            ("https://*.*.example.com", Wildcard),
            ("https://a.*.example.com", Wildcard),
            ("https://*a.example.com", Wildcard),
            ("https://*.com", PublicSuffix),
            ("https://*.co.uk", PublicSuffix),
            ("https://*.github.io", PublicSuffix),
            ("https://*.127.0.0.1", PublicSuffix),
        ] {
            assert_eq!(AllowedOrigin::parse(text), Err(error), "{text}");
        }
        assert!(AllowedOrigin::parse("https://*.me.github.io").is_ok());
        assert_eq!(
            Origin::parse("https://*.example.com"),
            Err(OriginError::Star)
        );
    }
}
