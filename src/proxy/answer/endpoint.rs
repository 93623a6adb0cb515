//! Hands a request under the API prefix to the gateway's own router.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::ConnectInfo;
use http::header::{EXPECT, HOST};
use http::{HeaderValue, Request, StatusCode};
use pingora::proxy::Session;
use pingora::{ErrorType, OrErr, Result};
use tower::ServiceExt;

use crate::api::bounds::{ContentTooLarge, MAX_CONTENT};
use crate::api::caller::Presented;
use crate::api::{Caller, Refused};
use crate::metrics::Metrics;
use crate::proxy::answer;
use crate::proxy::context::{Phase, RequestContext};
use crate::proxy::decisions::{self, Decisions};
use crate::proxy::snapshot::ProxySettings;
use crate::rejection::Rejection;

/// Serves the request and says with which status.
pub async fn serve(
    metrics: &Metrics,
    session: &mut Session,
    ctx: &mut RequestContext,
) -> Result<StatusCode> {
    let snapshot = Arc::clone(&ctx.snapshot);
    if session.req_header().headers.contains_key(EXPECT) {
        // Else the client waits for a second before it sends the body.
        answer::ask_for_body(session).await?;
    }
    let body = answer::read_body(session, MAX_CONTENT, ctx).await?;
    if body.is_none() {
        // What is left of it stays unread.
        session.set_keepalive(None);
    }
    let header = session.req_header();
    let mut request = Request::new(Body::empty());
    match body {
        Some(body) => *request.body_mut() = Body::from(body),
        None => drop(request.extensions_mut().insert(ContentTooLarge)),
    }
    *request.method_mut() = header.method.clone();
    *request.uri_mut() = header
        .uri
        .path_and_query()
        .cloned()
        .map(Into::into)
        .unwrap_or_default();
    *request.headers_mut() = header.headers.clone();
    // HTTP/2 has the host in `:authority`.
    let authority = header.uri.authority().map(|authority| authority.as_str());
    if let Some(Ok(host)) = authority.map(HeaderValue::from_str) {
        request.headers_mut().entry(HOST).or_insert(host);
    }
    let peer = snapshot.proxy.peer(session.client_addr(), &ctx.connection);
    let client = peer.client(&header.headers);
    let caller = Caller::new(client.address, client.is_https);
    request.extensions_mut().insert(ConnectInfo(caller.clone()));
    let response = match snapshot.api.clone().oneshot(request).await {
        Ok(response) => response,
        Err(never) => match never {},
    };
    let refused = response.extensions().get().map(|Refused(refused)| *refused);
    // For the log, where operators find what the client does not get.
    ctx.refused = refused.or_else(|| response.extensions().get().copied());
    note(caller.presented(), &snapshot.proxy, metrics, ctx);
    if let Some(rejection) = refused {
        answer::refuse(session, &rejection, response.headers(), ctx).await?;
        return Ok(rejection.status);
    }
    answer::relay(session, response, ctx)
        .await
        .or_err(ErrorType::WriteError, "own response")
}

/// What the endpoint found of the call's credential, for the log, and once for the counters.
fn note(
    presented: Presented,
    settings: &ProxySettings,
    metrics: &Metrics,
    ctx: &mut RequestContext,
) {
    let decisions = Decisions::new(settings, metrics);
    let Presented {
        source,
        issuer,
        holder,
        exchange,
    } = presented;
    ctx.source = source.unwrap_or(ctx.source);
    let counts = |refused: &Rejection| source.is_some() || decisions::is_about_credential(refused);
    match (&ctx.refused, holder) {
        (Some(refused), _) if counts(refused) => {
            decisions.refused(issuer.as_deref(), ctx.source, refused);
        }
        (None, Some(_)) => decisions.allowed(issuer.as_deref(), ctx.source),
        _ => {}
    }
    ctx.credential_issuer = issuer;
    ctx.holder = holder;
    ctx.exchange = exchange.map(|(begun, took)| Phase { begun, took });
}
