//! A request as its upstream sees it.

use http::header::{CONNECTION, EXPECT, UPGRADE};
use pingora::Result;
use pingora::http::RequestHeader;
use pingora::proxy::Session;

use super::preflight;
use crate::proxy::context::RequestContext;
use crate::proxy::request::id::REQUEST_ID;
use crate::proxy::request::{hops, inspect};
use crate::proxy::{answer, header_operations, no_pass, withheld};

/// Removes the fields that must not pass, and adds those for the upstream.
///
/// Runs after the framework's hop-by-hop policy, so that no `Connection` field can remove the
/// fields added here; runs again on each retry.
pub(in crate::proxy) fn rewrite(
    session: &Session,
    request: &mut RequestHeader,
    ctx: &RequestContext,
) -> Result<()> {
    let (Some(route), Some(_)) = (&ctx.route, &ctx.pass) else {
        return Err(no_pass());
    };
    let snapshot = &ctx.snapshot;
    // The framework asks for an upgrade by `Upgrade` alone.
    if request.headers.contains_key(UPGRADE) && !inspect::is_websocket(session.req_header()) {
        request.remove_header(&UPGRADE);
        request.remove_header(&CONNECTION);
    }
    if ctx.held_content.is_some() {
        // The client does not wait any more.
        request.remove_header(&EXPECT);
    }
    hops::leave_name(request)?;
    if let Some(target) = &ctx.target {
        request.set_raw_path(target)?;
    }
    withheld::remove(request, ctx);
    let host =
        inspect::host(session.req_header()).map_err(|error| answer::as_error(&error.into()))?;
    snapshot
        .proxy
        .peer(session.client_addr(), &ctx.connection)
        .rewrite(request, host.authority(), host.port());
    header_operations::inject(request, Some(route), ctx)?;
    // A preflight is nobody's, whoever opened the connection that it came on.
    if let Some(client) = &ctx.connection.client
        && !preflight::is_answered(ctx)
    {
        client.forward(request)?;
    }
    snapshot.proxy.traces.inject(ctx.trace.as_ref(), request)?;
    request.insert_header(REQUEST_ID, ctx.id.header())?;
    Ok(())
}
