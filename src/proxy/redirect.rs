//! The answer of a listener that only says where to go: the same address at `https`.

use http::StatusCode;
use http::header::{CONTENT_LENGTH, LOCATION};
use percent_encoding::{CONTROLS, percent_encode};
use pingora::Result;
use pingora::http::ResponseHeader;
use pingora::proxy::Session;

use super::context::RequestContext;
use super::inspect::Inspected;
use super::request_id::REQUEST_ID;

/// The address of a request at `https` on `port`.
pub(super) fn location(inspected: &Inspected<'_>, port: u16) -> String {
    let host = inspected.host.name();
    let target = percent_encode(inspected.target, CONTROLS);
    match port {
        443 => format!("https://{host}{target}"),
        port => format!("https://{host}:{port}{target}"),
    }
}

/// Responds with 308, which keeps the method.
pub(super) async fn answer(
    session: &mut Session,
    location: &str,
    ctx: &RequestContext,
) -> Result<StatusCode> {
    let status = StatusCode::PERMANENT_REDIRECT;
    let mut response = ResponseHeader::build(status, Some(3))?;
    response.insert_header(LOCATION, location)?;
    response.insert_header(CONTENT_LENGTH, 0)?;
    response.insert_header(REQUEST_ID, ctx.id.header())?;
    session
        .write_response_header(Box::new(response), true)
        .await?;
    Ok(status)
}
