//! A request's body on its way to the upstream, within the bounds of its route.

use bytes::Bytes;
use pingora::proxy::Session;
use pingora::{Error, ErrorType, Result};

use crate::proxy::connection::flow::Flow;
use crate::proxy::context::{Pass, RequestContext};
use crate::proxy::request::inspect;
use crate::proxy::{answer, no_pass};
use crate::rejection::{Code, Rejection};

/// Takes a part of the body, counts it, and checks that it is neither too much nor too late.
pub(in crate::proxy) fn received(
    session: &mut Session,
    body: &mut Option<Bytes>,
    end_of_stream: bool,
    ctx: &mut RequestContext,
) -> Result<()> {
    if end_of_stream && !inspect::is_websocket(session.req_header()) {
        ctx.connection.request_is_whole();
    }
    if let Some(content) = &ctx.held_content {
        // All of it has arrived, and of what the framework kept the beginning may be missing.
        *body = body.is_some().then(|| content.clone());
        return match &mut ctx.time {
            Some(time) => time
                .received(end_of_stream, &ctx.guard)
                .map_err(|rejection| answer::refused(rejection, ctx)),
            None => Ok(()),
        };
    }
    // An answer that has ended is written before more of the body is read. Over HTTP/2 the guard ends the
    // request, once the answer has had time to be heard; nobody wants what comes until then.
    if !end_of_stream && session.as_ref().is_http2() && ctx.guard.flow().is_some_and(Flow::is_over)
    {
        *body = None;
        return Ok(());
    }
    if !end_of_stream && ctx.guard.flow().is_some_and(Flow::ends_now) {
        let message = "the answer has ended before the request";
        return Err(Error::explain(ErrorType::ConnectionClosed, message).into_down());
    }
    let moved = body.as_ref().map_or(0, Bytes::len);
    if let Some(flow) = ctx.guard.flow() {
        flow.body_moved(moved, end_of_stream);
    }
    let most = match (&ctx.pass, &ctx.route) {
        // After the switch these are no content, but another protocol's, which may last for days.
        _ if ctx.switched.is_some() => u64::MAX,
        (Some(Pass::Preflight), _) => 0,
        (_, Some(route)) => route.body_size.unwrap_or(u64::MAX),
        (_, None) => return Err(no_pass()),
    };
    ctx.body_received = ctx.body_received.saturating_add(moved as u64);
    if ctx.body_received <= most {
        if let Some(time) = &mut ctx.time {
            let in_time = time.received(end_of_stream, &ctx.guard);
            time.bound_client(session, ctx.snapshot.proxy.limits.body_read_timeout);
            return in_time.map_err(|rejection| answer::refused(rejection, ctx));
        }
        return Ok(());
    }
    // A body without an announced length is only known to be too large once it is.
    let rejection = Rejection::new(Code::TooLarge, "body_too_large");
    Err(answer::refused(rejection, ctx))
}
