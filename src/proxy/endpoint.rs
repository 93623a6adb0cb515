//! Hands a request under the API prefix to the gateway's own router.

use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use http::header::{EXPECT, HOST};
use http::{HeaderValue, Request, StatusCode};
use pingora::proxy::Session;
use pingora::{ErrorType, OrErr, Result};
use tower::ServiceExt;

use super::answer;
use super::context::RequestContext;
use crate::api::bounds::{ContentTooLarge, MAX_CONTENT};
use crate::api::{ClientAddress, Refused};

/// Serves the request and says with which status.
pub async fn serve(
    api: &Router,
    session: &mut Session,
    ctx: &mut RequestContext,
) -> Result<StatusCode> {
    if session.req_header().headers.contains_key(EXPECT) {
        // Else the client waits for a second before it sends the body.
        session.as_mut().write_continue_response().await?;
    }
    let body = answer::read_body(session, MAX_CONTENT).await?;
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
    let peer = ctx
        .snapshot
        .proxy
        .peer(session.client_addr(), &ctx.connection);
    let client = peer.client(&header.headers);
    request
        .extensions_mut()
        .insert(ConnectInfo(ClientAddress(client.address)));
    let response = match api.clone().oneshot(request).await {
        Ok(response) => response,
        Err(never) => match never {},
    };
    if let Some(Refused(rejection)) = response.extensions().get().copied() {
        ctx.refused = Some(rejection);
        answer::refuse(session, &rejection, response.headers(), ctx).await?;
        return Ok(rejection.status);
    }
    // For the log, where operators find what the client does not get.
    ctx.refused = response.extensions().get().copied();
    answer::relay(session, response, ctx)
        .await
        .or_err(ErrorType::WriteError, "own response")
}
