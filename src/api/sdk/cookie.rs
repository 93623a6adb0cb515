//! The SDK's cookie, when the gateway keeps the session token in it.

use axum::http::HeaderValue;
use cookie::time::{Duration, OffsetDateTime};
use cookie::{Cookie, SameSite};

use crate::clock::UnixTime;
use crate::credential::SDK_COOKIE;

/// Which hosts the cookie is for.
#[derive(Clone, Copy, Debug)]
pub struct Place<'a> {
    /// All of this domain; `None`: the gateway's alone.
    pub domain: Option<&'a str>,
    /// Whether clients come by `https`.
    pub is_https: bool,
}

/// Whether browsers keep a cookie with this token: they ignore what is larger, and the page would be signed out
/// without a word.
pub fn is_kept(token: &str) -> bool {
    SDK_COOKIE.len() + token.len() <= LARGEST
}

/// Holds the token until it ends. Scripts do not see it, and other sites' pages do not send it.
pub fn holding(token: &str, until: UnixTime, place: Place<'_>) -> Option<HeaderValue> {
    let seconds = i64::try_from(until.0).ok()?;
    let expires = OffsetDateTime::from_unix_timestamp(seconds).ok()?;
    field(Cookie::build((SDK_COOKIE, token)).expires(expires), place)
}

/// The `Set-Cookie` value that deletes the cookie.
pub fn removal(place: Place<'_>) -> Option<HeaderValue> {
    let empty = Cookie::build((SDK_COOKIE, "")).max_age(Duration::ZERO);
    field(empty, place)
}

fn field<'a>(cookie: cookie::CookieBuilder<'a>, place: Place<'a>) -> Option<HeaderValue> {
    let mut cookie = cookie
        .path("/")
        .http_only(true)
        .secure(place.is_https)
        .same_site(SameSite::Lax)
        .build();
    if let Some(domain) = place.domain {
        cookie.set_domain(domain);
    }
    let mut value = HeaderValue::from_str(&cookie.to_string()).ok()?;
    value.set_sensitive(true);
    Some(value)
}

/// Name and value together (RFC 6265bis section 5.7).
const LARGEST: usize = 4096;
