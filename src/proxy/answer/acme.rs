//! The answer to an authority that looks for the proof of a name (RFC 8555 section 8.3).

use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_LENGTH, CONTENT_TYPE};
use http::{Method, StatusCode};
use pingora::Result;
use pingora::http::{RequestHeader, ResponseHeader};
use pingora::proxy::Session;

use crate::canonical::CanonicalPath;
use crate::proxy::context::RequestContext;
use crate::proxy::request::id::REQUEST_ID;

/// The token that is asked for, if a request is such a question.
pub(in crate::proxy) fn token<'a>(
    request: &RequestHeader,
    path: &'a CanonicalPath<'_>,
) -> Option<&'a str> {
    let is_read = matches!(request.method, Method::GET | Method::HEAD);
    path.as_str().strip_prefix(CHALLENGES).filter(|_| is_read)
}

/// Responds with the proof.
pub(in crate::proxy) async fn answer(
    session: &mut Session,
    proof: &str,
    ctx: &RequestContext,
) -> Result<StatusCode> {
    let has_body = session.req_header().method == Method::GET;
    let mut response = ResponseHeader::build(StatusCode::OK, Some(4))?;
    response.insert_header(CONTENT_TYPE, "application/octet-stream")?;
    response.insert_header(CONTENT_LENGTH, proof.len())?;
    response.insert_header(CACHE_CONTROL, "no-store")?;
    response.insert_header(REQUEST_ID, ctx.id.header())?;
    session
        .write_response_header(Box::new(response), !has_body)
        .await?;
    if has_body {
        let body = Bytes::copy_from_slice(proof.as_bytes());
        session.write_response_body(Some(body), true).await?;
    }
    Ok(StatusCode::OK)
}

const CHALLENGES: &str = "/.well-known/acme-challenge/";
