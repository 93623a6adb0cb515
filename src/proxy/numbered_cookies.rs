//! Cookies for proxies that relay one of them.
//!
//! Of several `Set-Cookie` fields in the answer to its question, nginx gives its configuration the first, and from
//! version 1.23 on all of them joined by commas, as Caddy does; browsers take that for one. So each has a field of its
//! own as well, of which the snippet names as many as there may be. Of a refusal only nginx gets them: others hand it
//! on as it is, and scripts can read fields.

use http::header::{HeaderValue, SET_COOKIE};
use pingora::Result;
use pingora::http::ResponseHeader;

/// Their names.
pub const NUMBERED: [&str; 8] = [
    "x-vestibule-set-cookie-1",
    "x-vestibule-set-cookie-2",
    "x-vestibule-set-cookie-3",
    "x-vestibule-set-cookie-4",
    "x-vestibule-set-cookie-5",
    "x-vestibule-set-cookie-6",
    "x-vestibule-set-cookie-7",
    "x-vestibule-set-cookie-8",
];

/// Repeats the cookies that a response sets, the first in [`NUMBERED`] first. What comes later than these matters
/// less: first of all come the gateway's own cookies.
pub fn number_cookies(response: &mut ResponseHeader) -> Result<()> {
    let cookies: Vec<HeaderValue> = response
        .headers
        .get_all(SET_COOKIE)
        .iter()
        .cloned()
        .collect();
    for (name, cookie) in NUMBERED.into_iter().zip(cookies) {
        response.insert_header(name, cookie)?;
    }
    Ok(())
}
