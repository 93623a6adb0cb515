//! One line for each request: no query, no field, no token.

use std::net::IpAddr;
use std::time::Duration;

use http::StatusCode;
use pingora::Error;
use pingora::http::RequestHeader;
use tracing::info;

use super::context::RequestContext;

/// Writes the line.
pub fn write(
    request: &RequestHeader,
    client: IpAddr,
    status: Option<StatusCode>,
    elapsed: Duration,
    error: Option<&Error>,
    ctx: &RequestContext,
) {
    let session = ctx.session();
    info!(
        target: "vestibule::access",
        request_id = %ctx.id,
        method = %request.method,
        client = %client,
        path = request.uri.path(),
        status = status.map(|status| status.as_u16()),
        route = ctx.route_name(),
        source = ctx.source,
        issuer = session.and_then(|session| session.issuer()),
        user = session.map(|session| tracing::field::display(session.user())),
        sid = session.map(|session| tracing::field::display(session.sid())),
        reason = ctx.refused.map(|rejection| rejection.reason),
        failed = error.map(|error| error.etype().as_str()),
        duration_us = u64::try_from(elapsed.as_micros()).unwrap_or(u64::MAX),
        "request",
    );
}
