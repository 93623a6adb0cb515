//! What is recorded of a request at its end, once: counters, refusals, the access log, its trace. A request
//! that is cut leaves the same, by what its context kept.
//!
//! `RequestLog` hands one request to each of its parts: [`recent_refusals`] keeps the latest ones that were
//! refused, [`access_log`] makes a line of it, and [`spans`] makes spans. All of it only reads the context.

use std::net::IpAddr;
use std::sync::Arc;

use http::StatusCode;
use http::header::{HOST, USER_AGENT};
use pingora::http::RequestHeader;
use pingora::proxy::Session;
use pingora::{Error, ErrorType, Result};

use super::connection::flow::Flow;
use super::context::{RequestContext, Seen};
use crate::clock::UnixTime;
use crate::metrics::Metrics;
use crate::telemetry::{NonBlockingWriter, Spans};

pub mod access_log;
pub mod recent_refusals;
pub mod spans;

use access_log::Answered;
use recent_refusals::RecentRefusals;

/// Where requests are recorded.
pub(super) struct RequestLog {
    pub(super) metrics: Arc<Metrics>,
    /// Gets a line for each request, where the configuration says so.
    pub(super) access_log: Arc<NonBlockingWriter>,
    /// Gets each request that is refused.
    pub(super) refusals: Arc<RecentRefusals>,
    /// Get the requests whose traces are sampled.
    pub(super) spans: Option<Arc<Spans>>,
}

impl RequestLog {
    /// Records a request that has ended, with the error that ended it.
    pub(super) fn record(&self, session: &Session, error: Option<&Error>, ctx: &RequestContext) {
        let status = match ctx.asked_about {
            // What the other proxy is to answer: by gRPC every answer is a 200.
            Some(_) => ctx.answered,
            None => session
                .response_written()
                .map(|response| response.status)
                .or(ctx.answered),
        };
        let answered = Answered {
            request: request(session, ctx),
            client: client(session, ctx),
            status,
            elapsed: ctx.started.elapsed(),
            sent: session.as_ref().body_bytes_sent(),
            error: error.filter(|error| !is_refusal(error)),
            cut: None,
        };
        self.keep(&answered, ctx);
    }

    /// Records a request that was dropped before it came to its end, and why: by what had been seen and
    /// sent of it until then.
    pub(super) fn record_dropped(&self, cut: Option<&'static str>, ctx: &RequestContext) {
        let Some(seen) = &ctx.seen else { return };
        // Of parts of a header that has been parsed: this cannot fail.
        let Ok(header) = header(seen) else { return };
        // Nothing could be said to the client of a server that said nothing; this is what it would have been.
        let unheard = ctx.guard.flow().is_some_and(Flow::is_unheard);
        let unheard = unheard.then_some(StatusCode::GATEWAY_TIMEOUT);
        let answered = Answered {
            request: ctx.asked_about.as_deref().unwrap_or(&header),
            client: seen.client,
            status: ctx.answered.or(ctx.upstream_status).or(unheard),
            elapsed: ctx.started.elapsed(),
            sent: ctx.body_sent,
            error: None,
            cut,
        };
        self.keep(&answered, ctx);
    }

    fn keep(&self, answered: &Answered<'_>, ctx: &RequestContext) {
        if ctx.refused.is_some() {
            self.refusals.record(ctx, answered.client, UnixTime::now());
        }
        let counters = ctx.snapshot.proxy.route_counters(ctx.route_name());
        let (method, seconds) = (&answered.request.method, answered.elapsed.as_secs_f64());
        counters.count(&self.metrics, method, answered.status, seconds);
        if let Some(fields) = &ctx.snapshot.proxy.access_log {
            let line = access_log::line(fields, answered, ctx);
            self.access_log.write(line);
        }
        if let Some(spans) = &self.spans {
            spans::record(spans, answered, ctx);
        }
    }
}

/// Whether an error only carries a refusal, and no connection failed.
fn is_refusal(error: &Error) -> bool {
    matches!(error.etype(), ErrorType::HTTPStatus(_))
}

/// Whom a request is from, as far as trusted proxies say so.
fn client(session: &Session, ctx: &RequestContext) -> IpAddr {
    if let (None, Some(seen)) = (&ctx.asked_about, &ctx.seen) {
        return seen.client;
    }
    let proxy = &ctx.snapshot.proxy;
    let peer = proxy.peer(session.client_addr(), &ctx.connection);
    peer.client(&request(session, ctx).headers).address
}

/// What is recorded of a request's header, as a header.
fn header(seen: &Seen) -> Result<RequestHeader> {
    let mut header = RequestHeader::build(seen.method.clone(), b"/", Some(2))?;
    header.set_uri(seen.uri.clone());
    header.set_version(seen.version);
    for (name, value) in [(HOST, &seen.host), (USER_AGENT, &seen.user_agent)] {
        if let Some(value) = value {
            header.insert_header(name, value.clone())?;
        }
    }
    Ok(header)
}

/// The request that log and counters are of.
fn request<'a>(session: &'a Session, ctx: &'a RequestContext) -> &'a RequestHeader {
    ctx.asked_about
        .as_deref()
        .unwrap_or_else(|| session.req_header())
}
