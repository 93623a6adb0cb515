//! What a browser may be made to send by a page of another origin.

use axum::http::header::{AUTHORIZATION, CONTENT_TYPE, HOST, HeaderMap};

use crate::admin::api_error::ApiError;
use crate::origin::{self, OriginRefusal};

/// Refuses what a browser sends for a page of another origin, by the rule for cookies on routes.
/// Programs that are no browsers send neither field.
pub fn check_same_origin(headers: &HeaderMap) -> Result<(), ApiError> {
    match check_from_this_site(headers) {
        Err(OriginRefusal::Absent) => Ok(()),
        Err(_) => Err(ApiError::forbidden(
            "cross_origin",
            "the request comes from a page of another origin",
        )),
        Ok(()) => Ok(()),
    }
}

/// Whether a browser says that a page of this listener sends the request. The scheme does not
/// count: TLS may end before the listener.
pub fn check_from_this_site(headers: &HeaderMap) -> Result<(), OriginRefusal> {
    let host = headers.get(HOST).and_then(|host| host.to_str().ok());
    let is_own = |origin: &str| {
        let authority = origin.split_once("://").map(|(_, authority)| authority);
        authority.is_some() && authority == host
    };
    origin::check(headers, is_own, |_| false)
}

/// Whether the request has a credential that no browser adds by itself. A page of another origin
/// can add it only after a preflight, which nothing here grants.
pub(super) fn presents_bearer(headers: &HeaderMap) -> bool {
    let mut fields = headers.get_all(AUTHORIZATION).iter();
    fields.any(|value| bearer(value.as_bytes()).is_some())
}

/// The token of a `Bearer` credential, whose scheme has no letter case (RFC 9110 section 11.1).
pub(super) fn bearer(field: &[u8]) -> Option<&[u8]> {
    let (scheme, token) = field.split_at_checked(BEARER.len())?;
    scheme.eq_ignore_ascii_case(BEARER).then_some(token)
}

/// A form cannot send this type, so a browser asks before it sends it for another origin.
pub(super) fn check_json(headers: &HeaderMap) -> Result<(), ApiError> {
    let kind = headers
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok());
    let essence = kind.and_then(|kind| kind.split(';').next()).unwrap_or("");
    if essence.trim().eq_ignore_ascii_case("application/json") {
        return Ok(());
    }
    Err(ApiError::unsupported_media_type())
}

/// What a bearer token comes after (RFC 6750 section 2.1).
const BEARER: &[u8] = b"Bearer ";
