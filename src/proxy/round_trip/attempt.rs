//! Which server a request is sent to, and whether it is sent again.

use std::time::{Duration, Instant};

use http::StatusCode;
use http::header::CONTENT_LENGTH;
use pingora::protocols::Digest;
use pingora::proxy::Session;
use pingora::upstreams::peer::HttpPeer;
use pingora::{Error, ErrorSource, ErrorType, Result};

use super::{sticky, streams, upstream_error};
use crate::clock::rarely::Rarely;
use crate::proxy::connection::auth::Private;
use crate::proxy::connection::flow::Flow;
use crate::proxy::connection::time_limit::TimeLimit;
use crate::proxy::context::RequestContext;
use crate::proxy::request::inspect;
use crate::proxy::{answer, no_pass};
use crate::rejection::{Code, Rejection};
use crate::route::Timeouts;
use crate::upstream::{Failure, Outcome};

/// The server that is asked next.
pub(in crate::proxy) fn next(session: &Session, ctx: &mut RequestContext) -> Result<Box<HttpPeer>> {
    let (Some(route), Some(_)) = (&ctx.route, &ctx.pass) else {
        return Err(no_pass());
    };
    let upstream = ctx.destination.clone().ok_or_else(no_pass)?;
    let user = ctx.session().map(|session| session.user());
    let key = user.as_ref().map(|user| user.as_bytes().as_slice());
    let connection = &ctx.connection;
    let private = Private::of(
        session.req_header(),
        &upstream,
        &connection.auth,
        connection.is_of_proxy,
    );
    let again = ctx.tried.last().filter(|_| ctx.asks_again).cloned();
    let again = again.or_else(|| {
        private?;
        connection.auth.server(&upstream, &ctx.tried)
    });
    let again = again.filter(|address| !upstream.is_drained(address));
    if ctx.tried.is_empty() {
        ctx.sticky = sticky::seen(&session.req_header().headers, &upstream);
    }
    let again = again.or_else(|| upstream.pick_again(ctx.sticky?.server, &ctx.tried));
    let next = || {
        let address = upstream.pick_for(key, &ctx.tried);
        // All were tried: once more the one that failed last.
        let last = ctx.tried.last().filter(|last| !upstream.is_drained(last));
        let address = address.or_else(|| last.cloned())?;
        Some((upstream.peer(&address)?, address))
    };
    let again = again.and_then(|address| Some((upstream.peer(&address)?, address)));
    // A server that has just left its upstream has no peer; the next pick knows of that.
    let Some((mut peer, address)) = again.or_else(next).or_else(next) else {
        let reason = match upstream.are_all_drained() {
            true => "servers_drained",
            false => "no_server",
        };
        let rejection = Rejection::unavailable(reason, RETRY_UPSTREAM);
        return Err(answer::refused(rejection, ctx));
    };
    if let Some(private) = private {
        private.apply(&mut peer);
        ctx.connection.auth.stay(&address);
    }
    let is_websocket = inspect::is_websocket(session.req_header());
    if is_websocket && !upstream.suits_websocket(&mut peer) {
        let rejection = Rejection::new(Code::UpstreamFailed, "upstream_without_websockets")
            .with_status(StatusCode::NOT_IMPLEMENTED);
        return Err(answer::refused(rejection, ctx));
    }
    ctx.asks_again = false;
    if !ctx.tried.is_empty() {
        ctx.failed_attempts.push(ctx.asked.elapsed());
        if ctx.held_content.is_none() {
            // What was read of the body comes again.
            ctx.body_received = 0;
        }
    }
    ctx.in_flight = upstream.begin(&address);
    ctx.tried.push(address);
    ctx.asked = Instant::now();
    overrule(&mut peer, &route.timeouts);
    ctx.server_silence = peer.options.read_timeout;
    if streams::is_asked_for(session.req_header()) && !streams::can_be_bounded_later(&peer) {
        let idle = route.timeouts.stream_idle;
        peer.options.read_timeout = idle;
        if streams::is_sent(session.req_header())
            && let Some(flow) = ctx.guard.flow()
        {
            flow.body_is_stream(idle);
        }
    }
    if let Some(time) = &ctx.time {
        let write = peer.options.write_timeout;
        time.bound_server(&mut peer);
        if is_websocket {
            // That would bound what is written after the switch, too.
            peer.options.write_timeout = write;
        }
    }
    let waits_for_end = sends_for_long(session, ctx, &peer);
    let longest = route.timeouts.stream_idle.unwrap_or(LONGEST_UPLOAD);
    let silence = match waits_for_end {
        true => peer.options.read_timeout.replace(longest),
        false if streams::can_be_bounded_later(&peer) => peer.options.read_timeout.take(),
        false => None,
    };
    if let Some(flow) = ctx.guard.flow() {
        flow.asked(silence);
        if waits_for_end {
            flow.waits_for_end();
        }
        if is_websocket {
            flow.asks_to_switch();
        }
    }
    Ok(Box::new(peer))
}

/// Whether a request may still be on its way to a server of HTTP/2 when the server's time would be over, which the
/// framework counts from its header on. A short body is not worth it: its client is the late one.
fn sends_for_long(session: &Session, ctx: &RequestContext, peer: &HttpPeer) -> bool {
    let request = session.req_header();
    if streams::can_be_bounded_later(peer) || streams::is_asked_for(request) {
        return false;
    }
    let length = request.headers.get(CONTENT_LENGTH);
    let length = length.and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
    ctx.guard.flow().is_some_and(Flow::has_body)
        && length.is_none_or(|length| length > LONGEST_SHORT_BODY)
}

/// Before anything is sent over a connection: whether its server may be asked.
pub(in crate::proxy) fn connected(digest: Option<&Digest>, ctx: &RequestContext) -> Result<()> {
    let Some(destination) = &ctx.destination else {
        return Err(no_pass());
    };
    let shown = digest.and_then(|digest| digest.ssl_digest.as_ref());
    let certificate = shown.map(|shown| shown.cert_digest.as_slice());
    if destination.accepts(certificate) {
        return Ok(());
    }
    let upstream = destination.name();
    static UNPINNED: Rarely = Rarely::new();
    if let Some(times) = UNPINNED.due() {
        tracing::warn!(%upstream, times, "a server does not show the certificate that is pinned");
    }
    let error = Error::explain(ErrorType::InvalidCert, "not the pinned certificate");
    Err(error.into_up())
}

/// After the head of an answer: an error where another server is to be asked instead.
pub(in crate::proxy) fn check_status(
    session: &Session,
    status: StatusCode,
    ctx: &RequestContext,
) -> Result<()> {
    let (Some(destination), Some(server)) = (&ctx.destination, ctx.tried.last()) else {
        return Ok(());
    };
    let is_repeatable = session.req_header().method.is_safe()
        && !session.as_ref().retry_buffer_truncated()
        && session.response_written().is_none()
        && ctx.interim == 0;
    if !is_repeatable || !destination.grant_other_after(status, &ctx.tried) {
        return Ok(());
    }
    destination.report(server, Outcome::Answered(status));
    let mut error = Error::explain(ANOTHER, "another server is asked").into_up();
    error.set_retry(true);
    Err(error)
}

/// After a connection that did not come about. Nothing was sent, so another server may be tried
/// whatever the method.
pub(in crate::proxy) fn not_connected(
    ctx: &mut RequestContext,
    mut error: Box<Error>,
) -> Box<Error> {
    let (Some(destination), Some(address)) = (&ctx.destination, ctx.tried.last()) else {
        return error;
    };
    // A kept connection that takes no more streams is no failure of the server.
    ctx.asks_again = *error.etype() == ErrorType::H2Error;
    let failure = upstream_error::connecting(&error);
    static AUTHORITY: Rarely = Rarely::new();
    if failure == Failure::Tls
        && upstream_error::shows_authority(&error)
        && let Some(times) = AUTHORITY.due()
    {
        let upstream = destination.name();
        tracing::warn!(
            %upstream,
            times,
            "a server shows the certificate of an authority (CA:TRUE) as its own: make it with \
             `basicConstraints=CA:FALSE`, or name it as `tls.pinned_certificate`"
        );
    }
    if !ctx.asks_again {
        destination.report(address, Outcome::Failed(failure));
    }
    let may_retry = match ctx.asks_again {
        true => destination.grant_retry(ctx.tried.len()),
        false => destination.has_other(&ctx.tried) && destination.grant_other(&ctx.tried),
    };
    error.set_retry(may_retry);
    error
}

/// After a request that broke off. What was sent is sent again only when that changes nothing and all of
/// the body is still there: the server says that it has done nothing with it, or the method is idempotent
/// and the server closed a kept connection, as it may at any time.
///
/// A server is blamed for what it did with a whole request. While the client is still sending, and
/// after a switch of protocols, it is the client who may have made it give up.
pub(in crate::proxy) fn broken_off(
    session: &mut Session,
    ctx: &mut RequestContext,
    mut error: Box<Error>,
    client_reused: bool,
) -> Box<Error> {
    let is_there =
        !session.as_ref().retry_buffer_truncated() && session.response_written().is_none();
    let is_safe = is_there && session.req_header().method.is_idempotent();
    let was_refused = upstream_error::was_refused(&error);
    if *error.etype() == ANOTHER {
        ctx.asks_again = false;
        error.set_retry(true);
        return error;
    }
    if ctx.guard.flow().is_some_and(Flow::was_ended) {
        // The server has done its part.
        error.set_retry(false);
        return error;
    }
    error.retry.decide_reuse(client_reused);
    let is_stream = ctx.guard.flow().is_some_and(Flow::is_stream);
    if ctx.guard.flow().is_some_and(Flow::is_server_late) {
        // As the framework says it where it sees to that.
        error.etype = ErrorType::ReadTimedout;
        error.esource = ErrorSource::Upstream;
        error.set_retry(false);
    }
    if ctx.guard.flow().is_some_and(Flow::is_client_late) {
        // The server's connection was given up because of the client.
        ctx.refused = Some(upstream_error::body_late());
        ctx.upstream_status = None;
        error.set_retry(false);
        return error;
    }
    let is_of_server = *error.esource() == ErrorSource::Upstream;
    if is_of_server && ctx.switched.is_some() {
        error.set_retry(false);
        return error;
    }
    let is_whole = session.as_mut().is_body_done();
    if is_of_server && *error.etype() == ErrorType::ReadTimedout && !is_whole {
        let is_out_of_time = ctx.time.is_some_and(|time| time.is_clients_fault());
        ctx.refused = Some(match is_out_of_time {
            true => TimeLimit::client_late(),
            // Over HTTP/1 the time of the server is the gateway's own to watch.
            false if ctx.guard.flow().is_some_and(Flow::is_server_late) => {
                upstream_error::body_late()
            }
            false => upstream_error::body_late().with_hint(LATE_FOR_SERVER),
        });
        ctx.upstream_status = None;
        error.set_retry(false);
        return error;
    }
    let (Some(destination), Some(address)) = (&ctx.destination, ctx.tried.last()) else {
        error.set_retry(false);
        return error;
    };
    if was_refused {
        // Nothing has failed. Another server may have room, unless this one has to answer.
        let sticks = ctx
            .sticky
            .is_some_and(|seen| destination.tag_of(address) == Some(seen.server));
        let stays = sticks || *error.etype() == ErrorType::H2Downgrade;
        let may_retry = is_there && destination.grant_retry(ctx.tried.len());
        error.set_retry(may_retry);
        ctx.asks_again = may_retry && (stays || !destination.has_other(&ctx.tried));
        if !may_retry {
            ctx.refused = Some(upstream_error::refused(RETRY_UPSTREAM));
        }
        return error;
    }
    let may_retry = error.retry() && is_safe && destination.grant_retry(ctx.tried.len());
    error.set_retry(may_retry);
    ctx.asks_again = may_retry;
    if !may_retry && is_of_server {
        // A stream that nothing was said on for long is nobody's failure.
        let is_idle_stream = is_stream && *error.etype() == ErrorType::ReadTimedout;
        if is_whole && !is_idle_stream {
            let failure = upstream_error::failure(&error, ctx.upstream_status.is_some());
            destination.report(address, Outcome::Failed(failure));
        }
        let paused = |flow: &Flow| flow.has_paused(PAUSE);
        if !is_whole && ctx.guard.flow().is_some_and(paused) {
            // The server was the first to lose patience.
            ctx.refused = Some(upstream_error::body_late());
        }
        ctx.upstream_status = None;
    }
    error
}

/// After the request has ended, with the error that ended it: reports how its server dealt with it, and
/// whether the client left.
pub(in crate::proxy) fn ended(error: Option<&Error>, ctx: &RequestContext) {
    if let (Some(destination), Some(address), Some(status)) =
        (&ctx.destination, ctx.tried.last(), ctx.upstream_status)
    {
        destination.report(address, Outcome::Answered(status));
    }
    if error.is_some_and(|error| *error.esource() == ErrorSource::Downstream) {
        ctx.guard.client_left();
    }
}

/// After a request that was dropped before it came to its end.
pub(in crate::proxy) fn dropped(ctx: &RequestContext) {
    ended(None, ctx);
    if let (Some(destination), Some(address)) = (&ctx.destination, ctx.tried.last())
        && ctx.guard.flow().is_some_and(Flow::is_unheard)
    {
        destination.report(address, Outcome::Failed(Failure::Timeout));
    }
}

/// Puts a route's bounds in place of its upstream's.
fn overrule(peer: &mut HttpPeer, timeouts: &Timeouts) {
    let options = &mut peer.options;
    if let Some(connect) = timeouts.connect {
        options.connection_timeout = Some(connect);
        options.total_connection_timeout = Some(connect);
    }
    options.read_timeout = timeouts.read.or(options.read_timeout);
    options.write_timeout = timeouts.write.or(options.write_timeout);
}

/// What ends an attempt whose answer is not passed on.
const ANOTHER: ErrorType = ErrorType::Custom("AnotherServer");
/// How long a long body may take, and its answer between two reads, without `stream_idle_timeout`.
const LONGEST_UPLOAD: Duration = Duration::from_secs(3600);
/// A client that sends nothing for so long is waited for, whatever its server does then.
const PAUSE: Duration = Duration::from_secs(1);
/// A body of so many bytes is not long.
const LONGEST_SHORT_BODY: u64 = 64 << 10;
/// What is known of a body that is late by the time of its server.
const LATE_FOR_SERVER: &str = "The client was still sending when the time of a server of HTTP/2 was over: that is \
     `read_timeout` for bodies of up to 64 KiB, and `stream_idle_timeout` for longer ones.";
/// The `Retry-After` of responses for an upstream that has no server to ask.
const RETRY_UPSTREAM: Duration = Duration::from_secs(5);
