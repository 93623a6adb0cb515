//! A request's header has arrived: what bounds the rest of it, and what it is called.

use std::sync::Arc;
use std::time::Duration;

use http::Version;
use http::header::{CONNECTION, EXPECT, HOST, USER_AGENT};
use pingora::Result;
use pingora::http::RequestHeader;
use pingora::proxy::Session;

use super::connection::flow::BodyBounds;
use super::context::{RequestContext, Seen};
use super::request::forwarded::Peer;
use super::request::id::{REQUEST_ID, RequestId};

/// Sets the bounds of the body and of the connection.
pub(super) fn begin(session: &mut Session, ctx: &mut RequestContext) -> Result<()> {
    ctx.guard.header_arrived();
    ctx.connection.restore_target(session.req_header_mut())?;
    ctx.seen = Some(seen(session, ctx));
    if session.req_header().version == Version::HTTP_10 {
        // It knows no interim responses, and would take one for its answer (RFC 9110 sections 10.1.1 and
        // 15.2).
        session.req_header_mut().remove_header(&EXPECT);
        session.as_mut().set_ignore_info_resp(true);
    }
    let limits = &ctx.snapshot.proxy.limits;
    if !session.as_mut().is_body_done() {
        // The framework bounds the pauses of HTTP/1, and not those of HTTP/2.
        let is_stream = session.as_ref().is_http2();
        let bounds = BodyBounds {
            pause: is_stream.then_some(limits.body_read_timeout),
            rate: limits.body_min_rate.map(|rate| rate.as_u64()),
        };
        if let Some(flow) = ctx.guard.flow() {
            flow.body_begins(bounds);
        }
    }
    session.set_read_timeout(Some(limits.body_read_timeout));
    session.set_write_timeout(Some(limits.response_write_timeout));
    session
        .as_mut()
        .set_total_drain_timeout(Some(DRAIN_UNREAD_BODY));
    // Off when the client asked to close, or the gateway drains: that stays.
    if ctx.guard.is_last() || ctx.connection.is_followed() || closes(session.req_header()) {
        session.set_keepalive(None);
    } else if session.get_keepalive().is_some() {
        session.set_keepalive(Some(limits.keepalive_timeout.as_secs().max(1)));
    }
    Ok(())
}

/// Whether a client asks to close the connection in another `Connection` field than the first, in which the
/// framework looks for that.
fn closes(request: &RequestHeader) -> bool {
    let fields = request.headers.get_all(CONNECTION).iter().skip(1);
    let mut options = fields.flat_map(|field| field.as_bytes().split(|byte| *byte == b','));
    options.any(|option| option.trim_ascii().eq_ignore_ascii_case(b"close"))
}

/// Keeps what is recorded of the request, whatever ends it.
fn seen(session: &Session, ctx: &RequestContext) -> Seen {
    let request = session.req_header();
    let peer = ctx
        .snapshot
        .proxy
        .peer(session.client_addr(), &ctx.connection);
    Seen {
        method: request.method.clone(),
        uri: request.uri.clone(),
        version: request.version,
        host: request.headers.get(HOST).cloned(),
        user_agent: request.headers.get(USER_AGENT).cloned(),
        client: peer.client(&request.headers).address,
    }
}

/// Takes over the request's id and its place in its trace, as far as a trusted proxy says them.
pub(super) fn identify(ctx: &mut RequestContext, request: &RequestHeader, peer: Peer<'_>) {
    if peer.is_trusted_proxy()
        && let Some(id) = request.headers.get(REQUEST_ID).and_then(RequestId::given)
    {
        // One id for a request, from the edge to the upstream.
        ctx.id = id;
    }
    let snapshot = Arc::clone(&ctx.snapshot);
    let traces = &snapshot.proxy.traces;
    ctx.trace = traces.place(&request.headers, peer.is_trusted_proxy());
}

/// How long the rest of a body is read that nobody wants, so that its connection can be kept.
const DRAIN_UNREAD_BODY: Duration = Duration::from_secs(5);
