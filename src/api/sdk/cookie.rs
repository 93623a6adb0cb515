//! The SDK's cookie, when the gateway keeps the session token in it.

use axum::http::HeaderValue;
use cookie::time::{Duration, OffsetDateTime};
use cookie::{Cookie, SameSite};

use crate::clock::UnixTime;
use crate::credential::SDK_COOKIE;

/// Holds the token until it ends. Scripts do not see it, and other sites' pages do not send it.
pub fn holding(token: &str, until: UnixTime, is_https: bool) -> Option<HeaderValue> {
    let seconds = i64::try_from(until.0).ok()?;
    let expires = OffsetDateTime::from_unix_timestamp(seconds).ok()?;
    field(
        Cookie::build((SDK_COOKIE, token)).expires(expires),
        is_https,
    )
}

/// The `Set-Cookie` value that deletes the cookie.
pub fn removal(is_https: bool) -> Option<HeaderValue> {
    let empty = Cookie::build((SDK_COOKIE, "")).max_age(Duration::ZERO);
    field(empty, is_https)
}

fn field(cookie: cookie::CookieBuilder<'_>, is_https: bool) -> Option<HeaderValue> {
    let cookie = cookie
        .path("/")
        .http_only(true)
        .secure(is_https)
        .same_site(SameSite::Lax)
        .build();
    let mut value = HeaderValue::from_str(&cookie.to_string()).ok()?;
    value.set_sensitive(true);
    Some(value)
}
