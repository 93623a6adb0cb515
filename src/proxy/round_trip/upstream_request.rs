//! A request as its upstream sees it.

use http::Version;
use http::header::{CONNECTION, EXPECT, UPGRADE};
use pingora::Result;
use pingora::http::RequestHeader;
use pingora::proxy::Session;

use super::preflight;
use crate::proxy::context::RequestContext;
use crate::proxy::request::id::REQUEST_ID;
use crate::proxy::request::{hops, inspect};
use crate::proxy::{answer, header_operations, no_pass, withheld};

/// Asks for the body in the server's place where its `100 (Continue)` would not arrive: the framework passes
/// none on to a client of HTTP/2, nor from a server of HTTP/2. Neither waits for the other then.
pub(in crate::proxy) async fn ask_for_body(
    session: &mut Session,
    request: &mut RequestHeader,
) -> Result<()> {
    let client_is_asked = session.req_header().version != Version::HTTP_2;
    let is_passed_on = client_is_asked && request.version != Version::HTTP_2;
    if is_passed_on || !request.headers.contains_key(EXPECT) {
        return Ok(());
    }
    request.remove_header(&EXPECT);
    match client_is_asked {
        // Once, however many servers are tried.
        true => answer::ask_for_body(session).await,
        false => Ok(()),
    }
}

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
        .rewrite(
            request,
            host.authority(),
            host.port(),
            &ctx.connection.forwarded,
        );
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
