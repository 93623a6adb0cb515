//! The answer to a preflight: a head without content and without cookies.
//!
//! A preflight passes without a credential, on a protected route, too. Browsers read nothing of its answer but
//! the status and what it allows (Fetch standard, section 4.8). But some servers ignore the method and
//! answer as they would a `GET`, and that is not for whoever asks without a credential.

use bytes::Bytes;
use http::header::{
    CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_RANGE, HeaderMap, HeaderName, SET_COOKIE, TRAILER,
    TRANSFER_ENCODING,
};
use http::{HeaderValue, StatusCode};
use pingora::Result;
use pingora::http::ResponseHeader;

use crate::proxy::context::{Pass, RequestContext};

/// Whether it is a preflight that is answered.
pub(in crate::proxy) fn is_answered(ctx: &RequestContext) -> bool {
    matches!(ctx.pass, Some(Pass::Preflight))
}

/// Makes the head of an answer, an interim one included, that of one without content.
pub(super) fn empty_head(response: &mut ResponseHeader, ctx: &RequestContext) -> Result<()> {
    if !is_answered(ctx) {
        return Ok(());
    }
    for name in &OF_CONTENT {
        response.remove_header(name);
    }
    // Where there is no content anyway, no field says so (RFC 9110 section 8.6).
    let is_without = response.status.is_informational()
        || [StatusCode::NO_CONTENT, StatusCode::NOT_MODIFIED].contains(&response.status);
    match is_without {
        true => Ok(()),
        false => response.insert_header(CONTENT_LENGTH, HeaderValue::from_static("0")),
    }
}

/// Drops a part of the content.
pub(in crate::proxy) fn drop_part(part: &mut Option<Bytes>, ctx: &RequestContext) {
    if is_answered(ctx) {
        *part = None;
    }
}

/// Drops the fields after the content.
pub(in crate::proxy) fn drop_trailers(trailers: &mut HeaderMap, ctx: &RequestContext) {
    if is_answered(ctx) {
        trailers.clear();
    }
}

const OF_CONTENT: [HeaderName; 6] = [
    CONTENT_ENCODING,
    CONTENT_LENGTH,
    CONTENT_RANGE,
    SET_COOKIE,
    TRAILER,
    TRANSFER_ENCODING,
];
