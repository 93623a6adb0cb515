//! The cookie that contains an issuer's token.

use std::fmt;
use std::ops::Deref;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, de};

/// The name of a cookie that may contain an issuer's token: none of the gateway's own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CookieName(Box<str>);

/// Why a text is no such name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CookieNameError {
    /// Not a token (RFC 6265 section 4.1.1).
    #[error("`cookie_name` is not a cookie name")]
    Form,
    /// The gateway's.
    #[error("cookies named `vestibule…` are reserved for the gateway")]
    Reserved,
}

impl FromStr for CookieName {
    type Err = CookieNameError;

    fn from_str(text: &str) -> Result<Self, CookieNameError> {
        // It has the grammar of a field name.
        if http::HeaderName::from_bytes(text.as_bytes()).is_err() {
            return Err(CookieNameError::Form);
        }
        // Browsers compare these two prefixes without regard to case (RFC 6265bis 4.1.3).
        let lower = text.to_ascii_lowercase();
        let bare = lower
            .trim_start_matches("__host-")
            .trim_start_matches("__secure-");
        match bare.starts_with(OWN_COOKIES) {
            true => Err(CookieNameError::Reserved),
            false => Ok(Self(text.into())),
        }
    }
}

impl Deref for CookieName {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for CookieName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for CookieName {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = String::deserialize(from)?;
        text.parse().map_err(de::Error::custom)
    }
}

/// What the gateway's own cookies start with, after a `__Host-` or `__Secure-` prefix.
const OWN_COOKIES: &str = "vestibule";
