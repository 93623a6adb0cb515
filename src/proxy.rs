//! The reverse proxy: one short method for each phase of a request.
//!
//! The order is the design's: check the request itself, find its route, take its credential,
//! exchange it, apply the origin rule, rewrite, forward, log and count once.

use std::any::Any;
use std::sync::Arc;
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use async_trait::async_trait;
use axum::Router;
use bytes::Bytes;
use http::header::TRANSFER_ENCODING;
use http::{StatusCode, Version};
use pingora::http::{RequestHeader, ResponseHeader};
use pingora::proxy::{FailToProxy, ProxyHttp, Session};
use pingora::upstreams::peer::HttpPeer;
use pingora::{Error, ErrorSource, ErrorType, Result};

pub mod access_log;
pub mod answer;
pub mod connection;
pub mod context;
pub mod counters;
pub mod cut;
pub mod decide;
pub mod edits;
pub mod endpoint;
pub mod error_page;
pub mod forward_auth;
pub mod forwarded;
pub mod headers;
pub mod inspect;
pub mod login;
pub mod negotiation;
mod redirect;
pub mod request_id;
mod response;
mod set_cookie;
pub mod site;
mod upstream_error;

use context::{Pass, RequestContext};
use decide::Decision;
use edits::Sources;
use request_id::RequestIds;
pub use site::{Site, SiteError};

use crate::config::Access;
use crate::exchange::Exchange;
use crate::metrics::Metrics;
use crate::rejection::{Code, Rejection};
use crate::route::Timeouts;
use crate::upstream::Outcome;

/// The proxy's application.
pub struct Gateway {
    site: Arc<ArcSwap<Site>>,
    exchange: Arc<Exchange>,
    api: Arc<ArcSwap<Router>>,
    metrics: Arc<Metrics>,
    ids: RequestIds,
}

impl Gateway {
    /// A proxy for `site`; `api` answers under the API prefix. A reload may replace both.
    pub fn new(
        site: Arc<ArcSwap<Site>>,
        exchange: Arc<Exchange>,
        api: Arc<ArcSwap<Router>>,
        metrics: Arc<Metrics>,
    ) -> Self {
        Self {
            site,
            exchange,
            api,
            metrics,
            ids: RequestIds::new(),
        }
    }
}

#[async_trait]
impl ProxyHttp for Gateway {
    type CTX = RequestContext;

    fn new_ctx(&self) -> Self::CTX {
        RequestContext::new(self.site.load_full(), self.ids.next())
    }

    async fn early_request_filter(&self, session: &mut Session, ctx: &mut Self::CTX) -> Result<()> {
        cut::header_arrived();
        let limits = &ctx.site.limits;
        session.set_read_timeout(Some(limits.body_read_timeout));
        session.set_write_timeout(Some(limits.response_write_timeout));
        session
            .as_mut()
            .set_total_drain_timeout(Some(DRAIN_UNREAD_BODY));
        // Off when the client asked to close, or the gateway drains: that stays.
        if session.get_keepalive().is_some() {
            session.set_keepalive(Some(limits.keepalive_timeout.as_secs().max(1)));
        }
        Ok(())
    }

    async fn request_filter(&self, session: &mut Session, ctx: &mut Self::CTX) -> Result<bool> {
        let site = Arc::clone(&ctx.site);
        let peer = site.peer(session.client_addr(), &ctx.connection);
        let request = session.req_header();
        match decide::decide(&self.exchange, &self.metrics, request, peer, ctx).await {
            Ok(Decision::Forward) => {
                if let Some(session) = ctx.session() {
                    cut::bind(session);
                }
                Ok(false)
            }
            Ok(Decision::Own) => {
                let path = session.req_header().uri.path();
                let status = if site.is_question(path) {
                    forward_auth::serve(&self.exchange, &self.metrics, session, ctx).await?
                } else {
                    let api = self.api.load_full();
                    endpoint::serve(&api, session, ctx).await?
                };
                ctx.answered = Some(status);
                Ok(true)
            }
            Ok(Decision::Elsewhere(location)) => {
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
        _session: &mut Session,
        body: &mut Option<Bytes>,
        _end_of_stream: bool,
        ctx: &mut Self::CTX,
    ) -> Result<()> {
        let most = match (&ctx.pass, &ctx.route) {
            (Some(Pass::Preflight), _) => 0,
            (_, Some(route)) => route.body_size.unwrap_or(u64::MAX),
            (_, None) => return Err(no_pass()),
        };
        let received = body.as_ref().map_or(0, |chunk| chunk.len() as u64);
        ctx.body_received = ctx.body_received.saturating_add(received);
        if ctx.body_received <= most {
            return Ok(());
        }
        // A body without an announced length is only known to be too large once it is.
        let rejection = Rejection::new(Code::TooLarge, "body_too_large");
        ctx.refused = Some(rejection);
        Err(answer::as_error(&rejection))
    }

    async fn upstream_peer(
        &self,
        _session: &mut Session,
        ctx: &mut Self::CTX,
    ) -> Result<Box<HttpPeer>> {
        let (Some(route), Some(_)) = (&ctx.route, &ctx.pass) else {
            return Err(no_pass());
        };
        let upstream = Arc::clone(&route.upstream);
        let user = ctx.session().map(|session| session.user());
        let key = user.as_ref().map(|user| user.as_bytes().as_slice());
        let again = ctx.tried.last().filter(|_| ctx.asks_again).cloned();
        let next = || {
            let address = upstream.pick_for(key, &ctx.tried);
            // All were tried: once more the one that failed last.
            let address = address.or_else(|| ctx.tried.last().cloned())?;
            Some((upstream.peer(&address)?, address))
        };
        let again = again.and_then(|address| Some((upstream.peer(&address)?, address)));
        // A server that has just left its upstream has no peer; the next pick knows of that.
        let Some((mut peer, address)) = again.or_else(next).or_else(next) else {
            let rejection = Rejection::unavailable("no_server", RETRY_UPSTREAM);
            ctx.refused = Some(rejection);
            return Err(answer::as_error(&rejection));
        };
        ctx.asks_again = false;
        ctx.tried.push(address);
        ctx.asked = Instant::now();
        overrule(&mut peer, &route.timeouts);
        Ok(Box::new(peer))
    }

    /// Runs after the framework's hop-by-hop policy, so that no `Connection` field can take out
    /// what is put in here; runs again on each retry.
    async fn upstream_request_filter(
        &self,
        session: &mut Session,
        request: &mut RequestHeader,
        ctx: &mut Self::CTX,
    ) -> Result<()> {
        let (Some(route), Some(pass)) = (&ctx.route, &ctx.pass) else {
            return Err(no_pass());
        };
        let site = &ctx.site;
        if let Some(target) = &ctx.target {
            request.set_raw_path(target.as_bytes())?;
        }
        site.rewrite.strip(request, route.access, |token| {
            self.exchange.remembers(token) || self.exchange.is_of_known_issuer(token)
        });
        let host =
            inspect::host(session.req_header()).map_err(|error| answer::as_error(&error.into()))?;
        site.peer(session.client_addr(), &ctx.connection).rewrite(
            request,
            host.authority(),
            host.port(),
        );
        if matches!(pass, Pass::Preflight) {
            headers::strip_all_credentials(request);
        }
        if route.decides_by_method || request.method.is_safe() {
            headers::strip_method_overrides(request);
        }
        let sources = Sources::of(ctx);
        edits::put_all(site.rewrite.identity(), request, sources)?;
        edits::apply(&route.request_headers, request, sources)?;
        if let Pass::Session(session) = pass {
            site.rewrite.inject(request, session.forwarded().clone());
        }
        if let Some(client) = &ctx.connection.client {
            client.forward(request)?;
        }
        request.insert_header(answer::REQUEST_ID, ctx.id.header())?;
        Ok(())
    }

    async fn response_filter(
        &self,
        session: &mut Session,
        response: &mut ResponseHeader,
        ctx: &mut Self::CTX,
    ) -> Result<()> {
        if is_interim(response.status) {
            return response.insert_header(answer::REQUEST_ID, ctx.id.header());
        }
        if let Some(route) = &ctx.route {
            if ctx.upstream_status.is_none() {
                ctx.upstream_status = Some(response.status);
                route.upstream.answered_after(ctx.asked.elapsed());
            }
            response::end_hop(response);
            edits::apply(&route.response_headers, response, Sources::of(ctx))?;
            if route.access != Access::None {
                let method = &session.req_header().method;
                let is_for_user = ctx.session().is_some();
                ctx.site.varying.mark(response, method, is_for_user)?;
            }
        }
        if session.req_header().version == Version::HTTP_10 {
            // It knows no chunks (RFC 9112 section 6.1): the end of the connection is the answer's.
            response.remove_header(&TRANSFER_ENCODING);
        }
        let own_cookies = ctx.site.places.own_cookies();
        set_cookie::keep_ours(response, own_cookies, ctx.set_cookie.take())?;
        connection::stamp(response)?;
        response.insert_header(answer::REQUEST_ID, ctx.id.header())
    }

    /// Nothing was sent, so another server may be tried whatever the method.
    fn fail_to_connect(
        &self,
        _session: &mut Session,
        _peer: &HttpPeer,
        ctx: &mut Self::CTX,
        mut error: Box<Error>,
    ) -> Box<Error> {
        let (Some(route), Some(address)) = (&ctx.route, ctx.tried.last()) else {
            return error;
        };
        // A kept connection that takes no more streams is no failure of the server.
        ctx.asks_again = *error.etype() == ErrorType::H2Error;
        let failure = upstream_error::connecting(&error);
        if !ctx.asks_again {
            route.upstream.report(address, Outcome::Failed(failure));
        }
        let is_left = ctx.asks_again || ctx.tried.len() < route.upstream.addresses().len();
        error.set_retry(is_left && route.upstream.grant_retry(ctx.tried.len()));
        error
    }

    /// What was sent is sent again only when that changes nothing: the method is idempotent, all
    /// of the body is still there, and the server closed a kept connection, as it may at any time.
    fn error_while_proxy(
        &self,
        _peer: &HttpPeer,
        session: &mut Session,
        mut error: Box<Error>,
        ctx: &mut Self::CTX,
        client_reused: bool,
    ) -> Box<Error> {
        let is_safe = session.req_header().method.is_idempotent()
            && !session.as_ref().retry_buffer_truncated()
            && session.response_written().is_none();
        error.retry.decide_reuse(client_reused);
        let (Some(route), Some(address)) = (&ctx.route, ctx.tried.last()) else {
            error.set_retry(false);
            return error;
        };
        let may_retry = error.retry() && is_safe && route.upstream.grant_retry(ctx.tried.len());
        error.set_retry(may_retry);
        ctx.asks_again = may_retry;
        if !may_retry && *error.esource() == ErrorSource::Upstream {
            let failure = upstream_error::failure(&error, ctx.upstream_status.is_some());
            route.upstream.report(address, Outcome::Failed(failure));
            ctx.upstream_status = None;
        }
        error
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
        if session.response_written().is_none() {
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
        let status = session
            .response_written()
            .map(|response| response.status)
            .or(ctx.answered);
        if error.is_some_and(|error| *error.esource() == ErrorSource::Downstream) {
            cut::client_left();
        }
        let elapsed = ctx.started.elapsed();
        let counters = ctx.site.route_counters(ctx.route_name());
        let method = &session.req_header().method;
        counters.count(&self.metrics, method, status, elapsed.as_secs_f64());
        if ctx.site.access_log {
            let peer = ctx.site.peer(session.client_addr(), &ctx.connection);
            let client = peer.client(&session.req_header().headers).address;
            access_log::write(session.req_header(), client, status, elapsed, error, ctx);
        }
    }

    /// Marks the connection, so that the guard knows its next request from its first.
    fn persist_connection_context(
        &self,
        _session: &Session,
        _ctx: &Self::CTX,
    ) -> Option<Box<dyn Any + Send + Sync>> {
        Some(Box::new(()))
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

/// An answer before the answer (RFC 9110 section 15.2); a switch of protocols is final.
fn is_interim(status: StatusCode) -> bool {
    status.is_informational() && status != StatusCode::SWITCHING_PROTOCOLS
}

/// The state that the types should make impossible: a request without a right to pass. Answered
/// with 500, forwarded never.
fn no_pass() -> Box<Error> {
    Error::explain(ErrorType::InternalError, "no pass")
}

/// How long the rest of a refused request's body is read, so that its connection can be kept.
const DRAIN_UNREAD_BODY: Duration = Duration::from_secs(5);
/// How long clients are told to wait for an upstream whose name does not resolve.
const RETRY_UPSTREAM: Duration = Duration::from_secs(5);
