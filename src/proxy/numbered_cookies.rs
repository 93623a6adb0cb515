//! Cookies for a proxy that relays one of them.
//!
//! Of several `Set-Cookie` fields in the answer to its question, nginx gives its configuration the first, and from
//! version 1.23 on all of them joined by commas, which browsers take for one. So each has a field of its own as well,
//! of which the snippet names as many as there may be.

use http::header::{HeaderValue, SET_COOKIE};
use pingora::Result;
use pingora::http::ResponseHeader;

use super::context::RequestContext;

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

/// Repeats the cookies that a response sets, the first in [`NUMBERED`] first, if whoever asked needs it. What comes
/// later than these matters less: first of all come the gateway's own cookies.
pub fn number_cookies(response: &mut ResponseHeader, ctx: &RequestContext) -> Result<()> {
    if !ctx.numbers_cookies {
        return Ok(());
    }
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
