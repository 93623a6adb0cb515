//! The answer to a client that asks what a protected resource is (RFC 9728 section 3).

use bytes::Bytes;
use http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN, ALLOW,
    CACHE_CONTROL, CONTENT_LENGTH, CONTENT_TYPE,
};
use http::{Method, StatusCode};
use pingora::Result;
use pingora::http::ResponseHeader;
use pingora::proxy::Session;

use crate::proxy::context::RequestContext;
use crate::proxy::request::id::REQUEST_ID;
use crate::route::ProtectedResource;

/// Responds with the metadata, which any page may read.
pub(in crate::proxy) async fn answer(
    session: &mut Session,
    resource: &ProtectedResource,
    ctx: &RequestContext,
) -> Result<StatusCode> {
    let method = &session.req_header().method;
    let (status, body) = match *method {
        Method::GET | Method::HEAD => (StatusCode::OK, resource.document().clone()),
        Method::OPTIONS => (StatusCode::NO_CONTENT, Bytes::new()),
        _ => (StatusCode::METHOD_NOT_ALLOWED, Bytes::new()),
    };
    let has_body = *method == Method::GET;
    let mut response = ResponseHeader::build(status, Some(8))?;
    response.insert_header(ACCESS_CONTROL_ALLOW_ORIGIN, "*")?;
    match status {
        StatusCode::OK => {
            response.insert_header(CONTENT_TYPE, "application/json")?;
            response.insert_header(CACHE_CONTROL, "public, max-age=300")?;
        }
        StatusCode::NO_CONTENT => {
            response.insert_header(ACCESS_CONTROL_ALLOW_METHODS, METHODS)?;
            // Clients of MCP send a field with their protocol's version.
            response.insert_header(ACCESS_CONTROL_ALLOW_HEADERS, "*")?;
        }
        _ => response.insert_header(ALLOW, METHODS)?,
    }
    if status != StatusCode::NO_CONTENT {
        response.insert_header(CONTENT_LENGTH, body.len())?;
    }
    response.insert_header(REQUEST_ID, ctx.id.header())?;
    ctx.connection.add_hsts(&mut response)?;
    session
        .write_response_header(Box::new(response), !has_body)
        .await?;
    if has_body {
        session.write_response_body(Some(body), true).await?;
    }
    Ok(status)
}

const METHODS: &str = "GET, HEAD, OPTIONS";
