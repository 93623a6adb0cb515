//! The answer of a listener that only says where to go: the same address at `https`.

use http::StatusCode;
use http::header::{CONTENT_LENGTH, LOCATION};
use percent_encoding::{CONTROLS, percent_encode};
use pingora::Result;
use pingora::http::ResponseHeader;
use pingora::proxy::Session;

use crate::proxy::context::RequestContext;
use crate::proxy::request::id::REQUEST_ID;
use crate::proxy::request::inspect::Inspected;
use crate::proxy::snapshot::ProxySettings;
use crate::rejection::Rejection;
use crate::route::RouteMiss;

/// The address of a request at `https` on `port`, as it came to the listener of that name.
///
/// # Errors
///
/// No route serves the host, so that nobody who is sent there finds anything of ours.
pub(in crate::proxy) fn location(
    proxy: &ProxySettings,
    listener: &str,
    inspected: &Inspected<'_>,
    port: u16,
) -> Result<String, Rejection> {
    let host = &inspected.host;
    if !proxy.is_public_host(host) && !proxy.routes.serves_host(listener, host) {
        return Err(RouteMiss::Misdirected.into());
    }
    let host = host.name();
    let target = percent_encode(inspected.target, CONTROLS);
    Ok(match port {
        443 => format!("https://{host}{target}"),
        port => format!("https://{host}:{port}{target}"),
    })
}

/// Responds with 308, which keeps the method.
pub(in crate::proxy) async fn answer(
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
