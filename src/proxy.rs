//! The reverse proxy: one short method for each phase of a request.
//!
//! The order is the design's: check the request itself, find its route, take its credential,
//! exchange it, apply the origin rule, rewrite, forward, log and count once.
//!
//! A request is decided about ([`decide`], `dispatch`) and then either answered by the gateway itself
//! ([`answer`]) or sent to an upstream and its response back (`round_trip`). All of these read its header
//! by [`request`], know the [`connection`] that it came on, and note what [`request_log`] records at the
//! end. Other proxies ask for a decision by [`forward_auth`] and [`ext_authz`]. What several of them share
//! has no module around it: a request's state ([`context`]), the configuration in force ([`snapshot`]), and
//! a few rules. Modules here use one another in one direction only, which `tests/architecture.rs` checks.

use std::os::fd::RawFd;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use async_trait::async_trait;
use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use pingora::http::{RequestHeader, ResponseHeader};
use pingora::modules::http::HttpModules;
use pingora::protocols::Digest;
use pingora::proxy::{FailToProxy, ProxyHttp, Session};
use pingora::upstreams::peer::HttpPeer;
use pingora::{Error, ErrorType, Result};

pub mod answer;
mod arrival;
pub mod connection;
pub mod context;
pub mod counters;
mod dashboard_route;
pub mod decide;
pub mod decisions;
mod dispatch;
pub mod error_page;
pub mod ext_authz;
pub mod forward_auth;
pub mod header_operations;
mod list_field;
pub mod numbered_cookies;
mod recorded;
pub mod request;
pub mod request_log;
mod round_trip;
mod settings;
pub mod snapshot;
pub mod unread;
mod vary;
mod withheld;

use connection::flow::Flow;
use context::RequestContext;
use recorded::Recorded;
use request::id::RequestIds;
use request_log::RequestLog;
use request_log::recent_refusals::RecentRefusals;
use round_trip::answer_end::AnswerEnd;
use round_trip::{
    attempt, failure, preflight, request_body, response, upstream_answer, upstream_request,
};
pub use settings::{Brand, Color, ForwardedFields, Settings};
pub use snapshot::{ProxySettings, Snapshot, SnapshotError};

use crate::metrics::{Metrics, Open};
use crate::telemetry::{NonBlockingWriter, Spans};

/// The proxy's application.
pub struct Gateway {
    snapshot: Arc<ArcSwap<Snapshot>>,
    metrics: Arc<Metrics>,
    log: Arc<RequestLog>,
    ids: RequestIds,
}

impl Gateway {
    /// A proxy under the configuration in `snapshot`, which a reload replaces. `access_log` gets a line
    /// for each request, where the configuration says so, `refusals` each request that is refused, and
    /// `spans` those whose traces are sampled.
    pub fn new(
        snapshot: Arc<ArcSwap<Snapshot>>,
        metrics: Arc<Metrics>,
        access_log: Arc<NonBlockingWriter>,
        refusals: Arc<RecentRefusals>,
        spans: Option<Arc<Spans>>,
    ) -> Self {
        Self {
            snapshot,
            metrics: Arc::clone(&metrics),
            log: Arc::new(RequestLog {
                metrics,
                access_log,
                refusals,
                spans,
            }),
            ids: RequestIds::new(),
        }
    }
}

#[async_trait]
impl ProxyHttp for Gateway {
    /// In a place of its own: the framework moves it twice, and keeps the places that it left.
    type CTX = Box<Recorded>;

    fn new_ctx(&self) -> Self::CTX {
        let ctx = RequestContext::new(self.snapshot.load_full(), self.ids.next());
        Box::new(Recorded::new(ctx, Arc::clone(&self.log)))
    }

    /// None that changes anything.
    fn init_downstream_modules(&self, modules: &mut HttpModules) {
        modules.add_module(Box::new(AnswerEnd));
    }

    async fn early_request_filter(&self, session: &mut Session, ctx: &mut Self::CTX) -> Result<()> {
        arrival::begin(session, ctx)
    }

    async fn request_filter(&self, session: &mut Session, ctx: &mut Self::CTX) -> Result<bool> {
        if ctx.connection.is_for_questions {
            ctx.answered = Some(ext_authz::serve(&self.metrics, session, ctx).await?);
            return Ok(true);
        }
        dispatch::dispatch(&self.metrics, session, ctx).await
    }

    async fn request_body_filter(
        &self,
        session: &mut Session,
        body: &mut Option<Bytes>,
        end_of_stream: bool,
        ctx: &mut Self::CTX,
    ) -> Result<()> {
        request_body::received(session, body, end_of_stream, ctx)
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
        let ctx: &mut RequestContext = ctx;
        if ctx.permit.is_none()
            && let Some(destination) = &ctx.destination
        {
            let permit = destination.permit().await;
            ctx.permit = Some(permit.map_err(|overload| {
                answer::refused(counters::refuse(&self.metrics, overload), ctx)
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
        upstream_request::ask_for_body(session, request).await?;
        upstream_request::rewrite(session, request, ctx)
    }

    async fn upstream_response_filter(
        &self,
        session: &mut Session,
        response: &mut ResponseHeader,
        ctx: &mut Self::CTX,
    ) -> Result<()> {
        upstream_answer::check(session.req_header(), response, ctx)?;
        attempt::check_status(session, response.status, ctx)
    }

    async fn response_filter(
        &self,
        session: &mut Session,
        response: &mut ResponseHeader,
        ctx: &mut Self::CTX,
    ) -> Result<()> {
        if response.status == StatusCode::SWITCHING_PROTOCOLS {
            ctx.switched = Some(Open::new(&self.metrics.websockets));
        }
        response::begins(session, response, ctx);
        response::rewrite(session.req_header(), response, ctx)
    }

    fn response_body_filter(
        &self,
        session: &mut Session,
        body: &mut Option<Bytes>,
        _end_of_stream: bool,
        ctx: &mut Self::CTX,
    ) -> Result<Option<Duration>> {
        if let Some(flow) = ctx.guard.flow() {
            flow.taken();
        }
        preflight::drop_part(body, ctx);
        ctx.body_sent += body.as_ref().map_or(0, Bytes::len);
        if session.as_ref().is_http2()
            && let Some(flow) = ctx.guard.flow()
        {
            *body = body.take().map(|part| flow.follow(part));
        }
        Ok(None)
    }

    async fn response_trailer_filter(
        &self,
        _session: &mut Session,
        trailers: &mut HeaderMap,
        ctx: &mut Self::CTX,
    ) -> Result<Option<Bytes>> {
        preflight::drop_trailers(trailers, ctx);
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
        if ctx.was_answered_first() {
            ctx.ended(session, None);
            return failure::leave_body(session).await;
        }
        failure::answer(session, error, ctx).await
    }

    async fn logging(&self, session: &mut Session, error: Option<&Error>, ctx: &mut Self::CTX) {
        ctx.ended(session, error);
        let is_answered = error.is_none() || ctx.answered.is_some();
        if is_answered && ctx.guard.flow().is_some_and(Flow::leaves_body) {
            // What the request held is free by now.
            answer::let_be_heard(session).await;
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
