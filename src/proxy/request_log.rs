//! What is recorded of a request at its end, once: counters, refusals, the access log, its trace.
//!
//! `RequestLog` hands one request to each of its parts: [`recent_refusals`] keeps the latest ones that were
//! refused, [`access_log`] makes a line of it, and [`spans`] makes spans. All of it only reads the context.

use std::net::IpAddr;
use std::sync::Arc;

use pingora::Error;
use pingora::http::RequestHeader;
use pingora::proxy::Session;

use super::context::RequestContext;
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
        if ctx.refused.is_some() {
            let client = client(session, ctx);
            self.refusals.record(ctx, client, UnixTime::now());
        }
        let elapsed = ctx.started.elapsed();
        let counters = ctx.snapshot.proxy.route_counters(ctx.route_name());
        let method = &request(session, ctx).method;
        counters.count(&self.metrics, method, status, elapsed.as_secs_f64());
        if ctx.snapshot.proxy.access_log.is_none() && self.spans.is_none() {
            return;
        }
        let answered = Answered {
            request: request(session, ctx),
            client: client(session, ctx),
            status,
            elapsed,
            sent: session.as_ref().body_bytes_sent(),
            error,
        };
        if let Some(fields) = &ctx.snapshot.proxy.access_log {
            let line = access_log::line(fields, &answered, ctx);
            self.access_log.write(line);
        }
        if let Some(spans) = &self.spans {
            spans::record(spans, &answered, ctx);
        }
    }
}

/// Whom a request is from, as far as trusted proxies say so.
fn client(session: &Session, ctx: &RequestContext) -> IpAddr {
    let proxy = &ctx.snapshot.proxy;
    let peer = proxy.peer(session.client_addr(), &ctx.connection);
    peer.client(&request(session, ctx).headers).address
}

/// The request that log and counters are of.
fn request<'a>(session: &'a Session, ctx: &'a RequestContext) -> &'a RequestHeader {
    ctx.asked_about
        .as_deref()
        .unwrap_or_else(|| session.req_header())
}
