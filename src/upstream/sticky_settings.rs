//! What the configuration says of the cookie that keeps a client at one server.

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, de};

use crate::text_schema::{DurationText, text_schema};

/// A cookie by which a client's requests return to the server that answered the first one. The gateway
/// signs it; servers never see it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct StickyCookie {
    /// Its name; if omitted, one that follows from the upstream's name. Of several upstreams at one
    /// host, each needs its own.
    pub name: Option<StickyName>,
    /// The path below which browsers send it.
    #[serde(deserialize_with = "path")]
    pub path: String,
    /// For how long it counts, at most 30 days. Clients that come back get a new one from half of that
    /// time on.
    #[serde(with = "humantime_serde")]
    #[schemars(with = "DurationText")]
    pub max_age: Duration,
    /// From which sites' pages browsers send it. `none` requires `https`.
    pub same_site: SameSite,
}

impl Default for StickyCookie {
    fn default() -> Self {
        Self {
            name: None,
            path: "/".to_owned(),
            max_age: Duration::from_secs(3600),
            same_site: SameSite::Lax,
        }
    }
}

/// From which sites' pages browsers send a cookie (RFC 6265bis section 5.7).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SameSite {
    /// Its own.
    Strict,
    /// Its own, and others' where they lead here.
    Lax,
    /// All.
    None,
}

/// The name of a cookie (RFC 6265 section 4.1.1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StickyName(Box<str>);

impl StickyName {
    /// The name as it is sent.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl<'de> Deserialize<'de> for StickyName {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = String::deserialize(from)?;
        let is_token =
            |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
        if text.is_empty() || text.len() > LONGEST_NAME || !text.bytes().all(is_token) {
            return Err(de::Error::custom("not the name of a cookie"));
        }
        Ok(Self(text.into()))
    }
}

text_schema!(StickyName, "StickyName", {
    "description": "The name of a cookie.",
    "type": "string",
    "pattern": "^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,100}$",
});

fn path<'de, D: Deserializer<'de>>(from: D) -> Result<String, D::Error> {
    let text = String::deserialize(from)?;
    let is_fit = |byte: u8| byte.is_ascii_graphic() && byte != b';';
    if !text.starts_with('/') || text.len() > LONGEST_PATH || !text.bytes().all(is_fit) {
        return Err(de::Error::custom(
            "expected a path that starts with `/`, without spaces and `;`",
        ));
    }
    Ok(text)
}

/// In bytes.
const LONGEST_NAME: usize = 100;
const LONGEST_PATH: usize = 1000;
