//! The reverse proxy: one short method for each phase of a request.
//!
//! The order is the design's: check the request itself, find its route, take its credential,
//! exchange it, apply the origin rule, rewrite, forward, log and count once.

use std::net::IpAddr;
use std::os::fd::RawFd;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use async_trait::async_trait;
use bytes::Bytes;
use http::StatusCode;
use pingora::http::{RequestHeader, ResponseHeader};
use pingora::protocols::Digest;
use pingora::proxy::{FailToProxy, ProxyHttp, Session};
use pingora::upstreams::peer::HttpPeer;
use pingora::{Error, ErrorSource, ErrorType, Result};

pub mod access_log;
pub mod answer;
mod attempt;
mod brand;
mod calls;
mod challenge;
pub mod connection;
pub mod connection_auth;
pub mod connector;
pub mod context;
mod copies;
mod cors;
pub mod counters;
pub mod decide;
pub mod decisions;
pub mod endpoint;
pub mod error_page;
pub mod ext_authz;
pub mod flow;
pub mod forward_auth;
pub mod forwarded;
pub mod forwarded_fields;
pub mod header_operations;
pub mod headers;
mod health;
mod hops;
pub mod inspect;
pub mod login;
mod metadata;
pub mod negotiation;
pub mod recent_refusals;
mod redirect;
pub mod request_guard;
pub mod request_id;
mod response;
pub mod server_name;
mod set_cookie;
mod settings;
pub mod snapshot;
pub mod spans;
mod streams;
pub mod time_limit;
pub mod trace;
pub mod unread;
mod upstream_answer;
mod upstream_error;
mod upstream_request;
mod vary;
pub mod watched_stream;

use access_log::Answered;
pub use brand::{Brand, Color};
use context::{Pass, RequestContext};
use decide::Decision;
use flow::{BodyBounds, Flow};
pub use forwarded_fields::ForwardedFields;
use recent_refusals::RecentRefusals;
use request_id::{REQUEST_ID, RequestId, RequestIds};
pub use settings::Settings;
pub use snapshot::{ProxySettings, Snapshot, SnapshotError};
use time_limit::TimeLimit;

use crate::clock::UnixTime;
use crate::metrics::{Metrics, Open};
use crate::rejection::{Code, Overload, Rejection};
use crate::telemetry::{NonBlockingWriter, Spans};
use crate::upstream::Outcome;

/// The proxy's application.
pub struct Gateway {
    snapshot: Arc<ArcSwap<Snapshot>>,
    metrics: Arc<Metrics>,
    access_log: Arc<NonBlockingWriter>,
    refusals: Arc<RecentRefusals>,
    spans: Option<Arc<Spans>>,
    ids: RequestIds,
}

impl Gateway {
    /// A proxy for `site`; `api` answers under the API prefix. A reload may replace both.
    /// `access_log` gets a line for each request, where the site says so, `refusals` each request
    /// that is refused, and `spans` those whose traces are sampled.
    pub fn new(
        snapshot: Arc<ArcSwap<Snapshot>>,
        metrics: Arc<Metrics>,
        access_log: Arc<NonBlockingWriter>,
        refusals: Arc<RecentRefusals>,
        spans: Option<Arc<Spans>>,
    ) -> Self {
        Self {
            snapshot,
            metrics,
            access_log,
            refusals,
            spans,
            ids: RequestIds::new(),
        }
    }

    /// Whom a request is from, as far as trusted proxies say so.
    fn client(session: &Session, ctx: &RequestContext) -> IpAddr {
        let proxy = &ctx.snapshot.proxy;
        let peer = proxy.peer(session.client_addr(), &ctx.connection);
        peer.client(&Self::request(session, ctx).headers).address
    }

    /// The request that log and counters are of.
    fn request<'a>(session: &'a Session, ctx: &'a RequestContext) -> &'a RequestHeader {
        ctx.asked_about
            .as_deref()
            .unwrap_or_else(|| session.req_header())
    }

    /// Counts a request that there is no room for.
    fn refuse(&self, overload: Overload) -> Rejection {
        counters::refuse(&self.metrics, overload)
    }
}

#[async_trait]
impl ProxyHttp for Gateway {
    type CTX = RequestContext;

    fn new_ctx(&self) -> Self::CTX {
        RequestContext::new(self.snapshot.load_full(), self.ids.next())
    }

    async fn early_request_filter(&self, session: &mut Session, ctx: &mut Self::CTX) -> Result<()> {
        request_guard::header_arrived();
        ctx.connection.restore_target(session.req_header_mut())?;
        let limits = &ctx.snapshot.proxy.limits;
        if !session.as_mut().is_body_done() {
            // The framework's bound on reads does nothing for HTTP/2.
            let is_stream = session.as_ref().is_http2();
            let bounds = BodyBounds {
                pause: is_stream.then_some(limits.body_read_timeout),
                rate: limits.body_min_rate.map(|rate| rate.as_u64()),
            };
            request_guard::flow(|flow| flow.body_begins(bounds));
        }
        session.set_read_timeout(Some(limits.body_read_timeout));
        session.set_write_timeout(Some(limits.response_write_timeout));
        session
            .as_mut()
            .set_total_drain_timeout(Some(DRAIN_UNREAD_BODY));
        // Off when the client asked to close, or the gateway drains: that stays.
        if request_guard::is_last() {
            session.set_keepalive(None);
        } else if session.get_keepalive().is_some() {
            session.set_keepalive(Some(limits.keepalive_timeout.as_secs().max(1)));
        }
        Ok(())
    }

    async fn request_filter(&self, session: &mut Session, ctx: &mut Self::CTX) -> Result<bool> {
        if ctx.connection.is_for_questions {
            ctx.answered = Some(ext_authz::serve(&self.metrics, session, ctx).await?);
            return Ok(true);
        }
        let snapshot = Arc::clone(&ctx.snapshot);
        let peer = snapshot.proxy.peer(session.client_addr(), &ctx.connection);
        let request = session.req_header();
        if peer.is_trusted_proxy()
            && let Some(id) = request.headers.get(REQUEST_ID).and_then(RequestId::given)
        {
            // One id for a request, from the edge to the upstream.
            ctx.id = id;
        }
        ctx.trace = snapshot
            .proxy
            .traces
            .place(&request.headers, peer.is_trusted_proxy());
        let named = peer
            .is_trusted_proxy()
            .then(|| peer.client(&request.headers).address);
        let decision = match request_guard::admit(named) {
            Ok(()) => decide::decide(&self.metrics, request, peer, ctx).await,
            Err(overload) => Err(self.refuse(overload)),
        };
        match decision {
            Ok(decision @ (Decision::Forward | Decision::ForwardCall)) => {
                if let Some(session) = ctx.session() {
                    request_guard::bind(session);
                }
                // What becomes a WebSocket may be silent for longer than any request.
                if !inspect::is_websocket(session.req_header()) {
                    let whole = ctx.route.as_ref().and_then(|route| route.timeouts.whole);
                    ctx.time = whole.map(TimeLimit::begin);
                }
                if let Some(time) = &ctx.time {
                    time.bound_client(session, snapshot.proxy.limits.body_read_timeout);
                }
                if decision == Decision::ForwardCall
                    && let Err(rejection) = calls::decide(&self.metrics, session, ctx).await?
                {
                    ctx.refused = Some(rejection);
                    ctx.answered = Some(rejection.status);
                    answer::refuse_proxied(session, &rejection, ctx).await?;
                    return Ok(true);
                }
                Ok(false)
            }
            Ok(Decision::Own) => {
                let path = session.req_header().uri.path();
                let status = if snapshot.proxy.is_question(path) {
                    forward_auth::serve(&self.metrics, session, ctx).await?
                } else {
                    endpoint::serve(&self.metrics, session, ctx).await?
                };
                ctx.answered = Some(status);
                Ok(true)
            }
            Ok(Decision::Health) => {
                ctx.answered = Some(health::answer(session, ctx).await?);
                Ok(true)
            }
            Ok(Decision::Metadata(resource)) => {
                ctx.answered = Some(metadata::answer(session, &resource, ctx).await?);
                Ok(true)
            }
            Ok(Decision::Redirect(location)) => {
                ctx.answered = Some(redirect::answer(session, &location, ctx).await?);
                Ok(true)
            }
            Err(rejection) => {
                ctx.refused = Some(rejection);
                let is_https = peer.client(&request.headers).is_https;
                if let Some(location) = login::location(request, &rejection, is_https, ctx) {
                    ctx.answered = Some(StatusCode::FOUND);
                    answer::redirect(session, &location, ctx).await?;
                } else {
                    ctx.answered = Some(rejection.status);
                    answer::refuse_proxied(session, &rejection, ctx).await?;
                }
                Ok(true)
            }
        }
    }

    async fn request_body_filter(
        &self,
        session: &mut Session,
        body: &mut Option<Bytes>,
        end_of_stream: bool,
        ctx: &mut Self::CTX,
    ) -> Result<()> {
        if let Some(content) = &ctx.held_content {
            // All of it has arrived, and of what the framework kept the beginning may be missing.
            *body = body.is_some().then(|| content.clone());
            return match &mut ctx.time {
                Some(time) => time.received(end_of_stream).map_err(|rejection| {
                    ctx.refused = Some(rejection);
                    answer::as_error(&rejection)
                }),
                None => Ok(()),
            };
        }
        let moved = body.as_ref().map_or(0, Bytes::len);
        request_guard::flow(|flow| flow.body_moved(moved, end_of_stream));
        let most = match (&ctx.pass, &ctx.route) {
            (Some(Pass::Preflight), _) => 0,
            (_, Some(route)) => route.body_size.unwrap_or(u64::MAX),
            (_, None) => return Err(no_pass()),
        };
        ctx.body_received = ctx.body_received.saturating_add(moved as u64);
        if ctx.body_received <= most {
            if let Some(time) = &mut ctx.time {
                let in_time = time.received(end_of_stream);
                time.bound_client(session, ctx.snapshot.proxy.limits.body_read_timeout);
                return in_time.map_err(|rejection| {
                    ctx.refused = Some(rejection);
                    answer::as_error(&rejection)
                });
            }
            return Ok(());
        }
        // A body without an announced length is only known to be too large once it is.
        let rejection = Rejection::new(Code::TooLarge, "body_too_large");
        ctx.refused = Some(rejection);
        Err(answer::as_error(&rejection))
    }

    async fn connected_to_upstream(
        &self,
        _: &mut Session,
        _reused: bool,
        _: &HttpPeer,
        _: RawFd,
        digest: Option<&Digest>,
        ctx: &mut Self::CTX,
    ) -> Result<()> {
        attempt::connected(digest, ctx)
    }

    async fn upstream_peer(
        &self,
        session: &mut Session,
        ctx: &mut Self::CTX,
    ) -> Result<Box<HttpPeer>> {
        if ctx.permit.is_none()
            && let Some(route) = &ctx.route
        {
            let permit = route.upstream.permit().await;
            ctx.permit = Some(permit.map_err(|overload| {
                let rejection = self.refuse(overload);
                ctx.refused = Some(rejection);
                answer::as_error(&rejection)
            })?);
        }
        attempt::next(session, ctx)
    }

    async fn upstream_request_filter(
        &self,
        session: &mut Session,
        request: &mut RequestHeader,
        ctx: &mut Self::CTX,
    ) -> Result<()> {
        upstream_request::rewrite(session, request, ctx)
    }

    async fn upstream_response_filter(
        &self,
        session: &mut Session,
        response: &mut ResponseHeader,
        ctx: &mut Self::CTX,
    ) -> Result<()> {
        upstream_answer::check(session.req_header(), response, ctx)
    }

    async fn response_filter(
        &self,
        session: &mut Session,
        response: &mut ResponseHeader,
        ctx: &mut Self::CTX,
    ) -> Result<()> {
        if response.status == StatusCode::SWITCHING_PROTOCOLS {
            ctx.switched = Some(Open::new(&self.metrics.websockets));
            // Its client may be silent as long as its server.
            session.set_read_timeout(None);
        } else if request_guard::is_last() {
            // Said before the connection is closed, so that no request is sent on it in vain.
            session.set_keepalive(None);
        }
        if !response::is_interim(response.status) {
            // All of it is on its way, and the response may take hours.
            ctx.held_content = None;
            ctx.held_memory = None;
        }
        if streams::is_one(response) {
            let idle = ctx
                .route
                .as_ref()
                .and_then(|route| route.timeouts.stream_idle);
            request_guard::flow(|flow| flow.stream_begins(idle));
        }
        response::rewrite(session.req_header(), response, ctx)
    }

    fn response_body_filter(
        &self,
        _session: &mut Session,
        _body: &mut Option<Bytes>,
        _end_of_stream: bool,
        _ctx: &mut Self::CTX,
    ) -> Result<Option<Duration>> {
        request_guard::flow(Flow::taken);
        Ok(None)
    }

    fn fail_to_connect(
        &self,
        _session: &mut Session,
        _peer: &HttpPeer,
        ctx: &mut Self::CTX,
        error: Box<Error>,
    ) -> Box<Error> {
        attempt::not_connected(ctx, error)
    }

    fn error_while_proxy(
        &self,
        _peer: &HttpPeer,
        session: &mut Session,
        error: Box<Error>,
        ctx: &mut Self::CTX,
        client_reused: bool,
    ) -> Box<Error> {
        attempt::broken_off(session, ctx, error, client_reused)
    }

    async fn fail_to_proxy(
        &self,
        session: &mut Session,
        error: &Error,
        ctx: &mut Self::CTX,
    ) -> FailToProxy {
        let rejection = ctx.refused.or_else(|| upstream_error::rejection(error));
        let Some(rejection) = rejection else {
            // The client is gone.
            return FailToProxy {
                error_code: 0,
                can_reuse_downstream: false,
            };
        };
        ctx.refused = Some(rejection);
        // What came before the answer leaves room for it (RFC 9110 section 15.2).
        let is_answered = session
            .response_written()
            .is_some_and(|written| !response::is_interim(written.status));
        if !is_answered {
            ctx.answered = Some(rejection.status);
            session.set_keepalive(None);
            // A client that does not take the answer is gone, too.
            let _ = answer::refuse_proxied(session, &rejection, ctx).await;
        }
        FailToProxy {
            error_code: rejection.status.as_u16(),
            can_reuse_downstream: false,
        }
    }

    async fn logging(&self, session: &mut Session, error: Option<&Error>, ctx: &mut Self::CTX) {
        if let (Some(route), Some(address), Some(status)) =
            (&ctx.route, ctx.tried.last(), ctx.upstream_status)
        {
            route.upstream.report(address, Outcome::Answered(status));
        }
        let status = match ctx.asked_about {
            // What the other proxy was told to answer: by gRPC every answer is a 200.
            Some(_) => ctx.answered,
            None => session
                .response_written()
                .map(|response| response.status)
                .or(ctx.answered),
        };
        if error.is_some_and(|error| *error.esource() == ErrorSource::Downstream) {
            request_guard::client_left();
        }
        if ctx.refused.is_some() {
            let client = Self::client(session, ctx);
            self.refusals.note(ctx, client, UnixTime::now());
        }
        let elapsed = ctx.started.elapsed();
        let counters = ctx.snapshot.proxy.route_counters(ctx.route_name());
        let method = &Self::request(session, ctx).method;
        counters.count(&self.metrics, method, status, elapsed.as_secs_f64());
        if ctx.snapshot.proxy.access_log.is_none() && self.spans.is_none() {
            return;
        }
        let answered = Answered {
            request: Self::request(session, ctx),
            client: Self::client(session, ctx),
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

    /// The access log has a line for each request, with its reason.
    fn suppress_error_log(&self, _session: &Session, _ctx: &Self::CTX, _error: &Error) -> bool {
        true
    }

    /// Never the query: it may hold what people should not have put there.
    fn request_summary(&self, session: &Session, ctx: &Self::CTX) -> String {
        format!("{} {}", session.req_header().method, ctx.id)
    }
}

/// The state that the types should make impossible: a request without a right to pass. Answered
/// with 500, forwarded never.
fn no_pass() -> Box<Error> {
    Error::explain(ErrorType::InternalError, "no pass")
}

/// How long the rest of a refused request's body is read, so that its connection can be kept.
const DRAIN_UNREAD_BODY: Duration = Duration::from_secs(5);
