//! The answer to a load balancer that asks the public listener whether to send requests here.

use http::header::{CACHE_CONTROL, CONTENT_LENGTH};
use http::{Method, StatusCode};
use pingora::Result;
use pingora::http::{RequestHeader, ResponseHeader};
use pingora::proxy::Session;

use super::context::RequestContext;
use super::request_id::REQUEST_ID;
use super::snapshot::Snapshot;
use crate::canonical::CanonicalPath;

/// Whether a request is such a question.
pub(super) fn is_asked(
    snapshot: &Snapshot,
    request: &RequestHeader,
    path: &CanonicalPath<'_>,
) -> bool {
    let health = snapshot.proxy.health_path.as_deref();
    health == Some(path.as_str()) && matches!(request.method, Method::GET | Method::HEAD)
}

/// Responds with 200, or with 503 when the gateway is about to stop or lacks keys that it must have.
/// The public sees nothing else.
pub(super) async fn answer(session: &mut Session, ctx: &RequestContext) -> Result<StatusCode> {
    let waits = ctx.snapshot.exchange.issuers().wait_for_keys();
    let status = match waits || ctx.guard.is_last() {
        true => StatusCode::SERVICE_UNAVAILABLE,
        false => StatusCode::OK,
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
