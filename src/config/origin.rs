//! A web origin (RFC 6454): scheme, host and port.

use std::fmt;

use serde::{Deserialize, Deserializer, de};
use url::Url;

use crate::text_schema::text_schema;

/// An `http` or `https` origin in its ASCII serialization, without a default port.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Origin(String);

impl Origin {
    /// Parses a URL that is nothing but an origin; a single trailing slash is tolerated.
    pub fn parse(text: &str) -> Result<Self, OriginError> {
        let url = Url::parse(text).map_err(|_| OriginError)?;
        let bare = matches!(url.scheme(), "http" | "https")
            && url.path() == "/"
            && url.query().is_none()
            && url.fragment().is_none()
            && url.username().is_empty()
            && url.password().is_none();
        if bare {
            Ok(Self(url.origin().ascii_serialization()))
        } else {
            Err(OriginError)
        }
    }

    /// As browsers send it in `Origin`.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The port, named or the scheme's own.
    pub fn port(&self) -> u16 {
        let known = Url::parse(&self.0).ok();
        let default = if self.is_https() { 443 } else { 80 };
        known
            .and_then(|url| url.port_or_known_default())
            .unwrap_or(default)
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
#[error("not an origin: expected `https://host` or `http://host:port`, without a path")]
pub struct OriginError;

impl<'de> Deserialize<'de> for Origin {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        Self::parse(&String::deserialize(from)?).map_err(de::Error::custom)
    }
}

text_schema!(Origin, "Origin", {
    "description": "Scheme, host and port, without a path: `https://app.example.com`.",
    "type": "string",
    "pattern": "^https?://[^/?#@]+/?$",
});
