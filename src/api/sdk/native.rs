//! Clients that are no pages: programs and apps, which keep their token themselves.

use axum::http::HeaderMap;
use axum::http::header::{HeaderName, ORIGIN};

use crate::credential::{TokenSources, cookie};

/// Whether nothing about a request says that a browser sends it. What scripts of a page send has `Origin` or
/// `Sec-Fetch-Site`, which they cannot remove; and who sends a cookie that holds a credential keeps it as
/// browsers do. `Sec-Fetch-Mode` alone says nothing: `fetch` of Node sends it, too.
pub fn is_native(headers: &HeaderMap, sources: &TokenSources) -> bool {
    let holds_credential = |name: &[u8]| {
        let name = std::str::from_utf8(name);
        name.is_ok_and(|name| sources.holds_credentials(name))
    };
    !headers.contains_key(ORIGIN)
        && !headers.contains_key(SEC_FETCH_SITE)
        && !cookie::named(headers).any(|(name, _)| holds_credential(name))
}

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");
