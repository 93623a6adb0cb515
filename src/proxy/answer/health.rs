//! The answer to a load balancer that asks the public listener whether to send requests here.

use http::header::{CACHE_CONTROL, CONTENT_LENGTH};
use http::{Method, StatusCode};
use pingora::Result;
use pingora::http::{RequestHeader, ResponseHeader};
use pingora::proxy::Session;

use crate::canonical::CanonicalPath;
use crate::proxy::context::RequestContext;
use crate::proxy::request::id::REQUEST_ID;
use crate::proxy::snapshot::ProxySettings;

/// Whether a request is such a question.
pub fn is_asked(proxy: &ProxySettings, request: &RequestHeader, path: &CanonicalPath<'_>) -> bool {
    let health = proxy.health_path.as_deref();
    health == Some(path.as_str()) && matches!(request.method, Method::GET | Method::HEAD)
}

/// Whether requests are to be sent here: the gateway is not about to stop, and has the keys that it must
/// have.
pub(in crate::proxy) fn is_serving(ctx: &RequestContext) -> bool {
    !ctx.snapshot.exchange.issuers().lacks_required_keys() && !ctx.guard.is_last()
}

/// Responds with 200, or with 503 when none are. The public sees nothing else.
pub(in crate::proxy) async fn answer(
    session: &mut Session,
    ctx: &RequestContext,
) -> Result<StatusCode> {
    let status = match is_serving(ctx) {
        true => StatusCode::OK,
        false => StatusCode::SERVICE_UNAVAILABLE,
    };
    let mut response = ResponseHeader::build(status, Some(3))?;
    response.insert_header(CONTENT_LENGTH, 0)?;
    response.insert_header(CACHE_CONTROL, "no-store")?;
    response.insert_header(REQUEST_ID, ctx.id.header())?;
    session
        .write_response_header(Box::new(response), true)
        .await?;
    Ok(status)
}
