//! From the decision about a request to what is done: it is answered here, or goes to its upstream.

use std::sync::Arc;

use http::StatusCode;
use pingora::Result;
use pingora::proxy::Session;

use super::answer::{self, acme, endpoint, fixed_answer, health, https_redirect, login, metadata};
use super::connection::time_limit::TimeLimit;
use super::context::RequestContext;
use super::decide::calls;
use super::decide::{self, Decision};
use super::{arrival, counters, forward_auth};
use crate::metrics::Metrics;
use crate::rejection::Rejection;

/// Decides about a request and answers it, unless it is to be forwarded; whether it is answered.
pub(super) async fn dispatch(
    metrics: &Metrics,
    session: &mut Session,
    ctx: &mut RequestContext,
) -> Result<bool> {
    let snapshot = Arc::clone(&ctx.snapshot);
    let peer = snapshot.proxy.peer(session.client_addr(), &ctx.connection);
    let request = session.req_header();
    arrival::identify(ctx, request, peer);
    let named = peer
        .is_trusted_proxy()
        .then(|| peer.client(&request.headers).address);
    let decision = match ctx.guard.admit(named) {
        Ok(()) => decide::decide(metrics, request, peer, ctx).await,
        Err(overload) => {
            let rejection = counters::refuse(metrics, overload);
            Err(match snapshot.proxy.is_renewal(request.uri.path()) {
                true => rejection.as_transient(),
                false => rejection,
            })
        }
    };
    let status = match decision {
        Ok(Decision::Forward) => {
            prepare(session, ctx);
            return Ok(false);
        }
        Ok(Decision::ForwardCall) => {
            prepare(session, ctx);
            let Err(rejection) = calls::decide(metrics, session, ctx).await? else {
                return Ok(false);
            };
            refuse(session, rejection, ctx).await?
        }
        Ok(Decision::Own) => {
            let path = session.req_header().uri.path();
            match snapshot.proxy.is_question(path) {
                true => forward_auth::serve(metrics, session, ctx).await?,
                false => endpoint::serve(metrics, session, ctx).await?,
            }
        }
        Ok(Decision::Health) => health::answer(session, ctx).await?,
        Ok(Decision::Metadata(resource)) => metadata::answer(session, &resource, ctx).await?,
        Ok(Decision::Fixed(location)) => fixed_answer::answer(session, location, ctx).await?,
        Ok(Decision::AcmeChallenge(proof)) => acme::answer(session, &proof, ctx).await?,
        Ok(Decision::Redirect(location)) => https_redirect::answer(session, &location, ctx).await?,
        Err(rejection) => {
            let is_https = peer.client(&request.headers).is_https;
            match login::location(request, &rejection, is_https, ctx) {
                Some(location) => {
                    ctx.refused = Some(rejection);
                    ctx.answered = Some(StatusCode::FOUND);
                    answer::redirect(session, &location, ctx).await?;
                    StatusCode::FOUND
                }
                None => refuse(session, rejection, ctx).await?,
            }
        }
    };
    ctx.answered = Some(status);
    Ok(true)
}

/// Bounds a request that is to be forwarded: by its session, and by its route's time.
fn prepare(session: &mut Session, ctx: &mut RequestContext) {
    if let Some(session) = ctx.session() {
        ctx.guard.bind(session);
    }
    // Also of what asks to become a WebSocket, until it is one.
    let whole = ctx.route.as_ref().and_then(|route| route.timeouts.whole);
    ctx.time = whole.map(|whole| TimeLimit::begin(whole, &ctx.guard));
    if let Some(time) = &ctx.time {
        time.bound_client(session, ctx.snapshot.proxy.limits.body_read_timeout);
    }
}

async fn refuse(
    session: &mut Session,
    rejection: Rejection,
    ctx: &mut RequestContext,
) -> Result<StatusCode> {
    ctx.refused = Some(rejection);
    ctx.answered = Some(rejection.status);
    answer::refuse_proxied(session, &rejection, ctx).await?;
    Ok(rejection.status)
}
