//! Answers of the gateway itself: refusals in the form of the path's clients ([`RefusalForm`]) or, for
//! people, a page.
//!
//! This file writes refusals, with what they ask for (`challenge`), for pages that may read them (`cors`)
//! and for people or programs ([`negotiation`]). The other parts are one kind of answer each: those that
//! every configuration has ([`own_answer`] finds the gateway's own paths, [`endpoint`] and `metadata`
//! answer there, [`health`] and `acme` where they are asked), and those that a listener or a route
//! configures (`https_redirect`, `fixed_answer`, [`login`]).

use super::connection::HEARD_WITHIN;
use super::context::RequestContext;
use super::error_page::SignIn;
use super::header_operations::{self, Sources};
use super::numbered_cookies::number_cookies;
use super::request::id::REQUEST_ID;
use crate::api::device_bound::REGISTRATION_FIELD;
use crate::api::refusal_form::RefusalForm;
use crate::rejection::{Code, Rejection};
use crate::route::Methods;
use bytes::Bytes;
use http::header::{
    ACCEPT, ALLOW, CACHE_CONTROL, CONTENT_LENGTH, CONTENT_SECURITY_POLICY, CONTENT_TYPE, LOCATION,
    RETRY_AFTER, SET_COOKIE, WWW_AUTHENTICATE, X_CONTENT_TYPE_OPTIONS,
};
use http::{HeaderMap, Method, StatusCode};
use pingora::http::{RequestHeader, ResponseHeader};
use pingora::proxy::Session;
use pingora::{Error, ErrorType, OrErr, Result};
use tokio::time::{timeout, timeout_at};

pub(super) mod acme;
mod challenge;
mod cors;
pub mod endpoint;
pub(super) mod fixed_answer;
pub mod health;
pub(super) mod https_redirect;
pub mod login;
pub(super) mod metadata;
pub mod negotiation;
pub mod own_answer;

/// Writes a refusal by one of the gateway's endpoints, with `fields` in addition to its own. It
/// reveals nothing about the token: only a coarse code, a sentence and the request id. Pages of allowed
/// origins can read it, also where the endpoint itself was not asked.
pub async fn refuse(
    session: &mut Session,
    rejection: &Rejection,
    fields: &HeaderMap,
    ctx: &RequestContext,
) -> Result<()> {
    let (media_type, body) = RefusalForm::Problem.content(rejection, &ctx.id.to_string());
    let request = &session.req_header().headers;
    let response = refusal(rejection, ctx, Methods::ALL, body.len(), |response| {
        for (name, value) in fields {
            response.append_header(name, value)?;
        }
        cors::mark(response, request, ctx)?;
        response.insert_header(CONTENT_TYPE, media_type)
    })?;
    write(session, rejection, response, body).await
}

/// Writes a refusal of a request to be forwarded, or to one of the gateway's endpoints that did not get it.
pub async fn refuse_proxied(
    session: &mut Session,
    rejection: &Rejection,
    ctx: &mut RequestContext,
) -> Result<()> {
    let request = session.req_header();
    let (response, body) = proxied_refusal(request, rejection, ctx)?;
    write(session, rejection, response, body).await
}

/// The refusal of such a request: problem details for programs, a page for people, and to clients of the
/// gateway's endpoints in the form that they read.
pub fn proxied_refusal(
    request: &RequestHeader,
    rejection: &Rejection,
    ctx: &mut RequestContext,
) -> Result<(ResponseHeader, String)> {
    let form = RefusalForm::of(request.uri.path(), ctx.snapshot.proxy.api_prefix());
    let request = &request.headers;
    let sign_in = ctx.sign_in.take();
    let has_form = sign_in.as_ref().is_some_and(SignIn::has_form);
    let is_for_person =
        form == RefusalForm::Problem && negotiation::prefers_html(request.get_all(ACCEPT));
    let (media_type, body) = match is_for_person {
        true => {
            let page = &ctx.snapshot.proxy.error_page;
            let body = page.render(rejection, ctx.id, sign_in.as_ref());
            ("text/html; charset=utf-8", body)
        }
        false => form.content(rejection, &ctx.id.to_string()),
    };
    let set_cookies = std::mem::take(&mut ctx.set_cookies);
    let login_for_proxy = ctx.login_for_proxy.take();
    let device_offer = ctx.device_offer.take();
    let response = refusal(rejection, ctx, ctx.methods, body.len(), |response| {
        if let Some(route) = &ctx.route
            && route.edits_refusals
        {
            header_operations::apply(&route.response_headers, response, Sources::of(ctx))?;
        }
        cors::mark(response, request, ctx)?;
        response.insert_header(CONTENT_TYPE, media_type)?;
        if is_for_person {
            let policy = if has_form { FORM_POLICY } else { PAGE_POLICY };
            response.insert_header(CONTENT_SECURITY_POLICY, policy)?;
            response.insert_header(X_CONTENT_TYPE_OPTIONS, "nosniff")?;
        }
        for field in set_cookies {
            response.append_header(SET_COOKIE, field)?;
        }
        if ctx.numbers_cookies {
            number_cookies(response)?;
        }
        if let Some(location) = login_for_proxy {
            response.insert_header(LOCATION, location)?;
        }
        if let Some(offer) = device_offer {
            response.insert_header(REGISTRATION_FIELD, offer)?;
        }
        Ok(())
    })?;
    Ok((response, body))
}

/// Sends a browser elsewhere.
pub async fn redirect(
    session: &mut Session,
    location: &str,
    ctx: &mut RequestContext,
) -> Result<()> {
    let response = redirection(location, ctx)?;
    session
        .write_response_header(Box::new(response), true)
        .await
}

/// A 302 to `location`.
pub fn redirection(location: &str, ctx: &mut RequestContext) -> Result<ResponseHeader> {
    let mut response = ResponseHeader::build(StatusCode::FOUND, Some(5))?;
    response.insert_header(LOCATION, location)?;
    ctx.connection.add_hsts(&mut response)?;
    response.insert_header(CONTENT_LENGTH, 0)?;
    response.insert_header(CACHE_CONTROL, "no-store")?;
    response.insert_header(REQUEST_ID, ctx.id.header())?;
    for field in std::mem::take(&mut ctx.set_cookies) {
        response.append_header(SET_COOKIE, field)?;
    }
    Ok(response)
}

fn refusal(
    rejection: &Rejection,
    ctx: &RequestContext,
    methods: Methods,
    length: usize,
    describe: impl FnOnce(&mut ResponseHeader) -> Result<()>,
) -> Result<ResponseHeader> {
    let mut response = ResponseHeader::build(rejection.status, Some(8))?;
    describe(&mut response)?;
    response.insert_header(CONTENT_LENGTH, length)?;
    response.insert_header(CACHE_CONTROL, "no-store")?;
    response.insert_header(REQUEST_ID, ctx.id.header())?;
    ctx.connection.add_hsts(&mut response)?;
    if let Some(challenge) = challenge::of(rejection, ctx) {
        response.insert_header(WWW_AUTHENTICATE, challenge)?;
    }
    if rejection.status == StatusCode::METHOD_NOT_ALLOWED && !response.headers.contains_key(ALLOW) {
        response.insert_header(ALLOW, methods.to_string())?;
    }
    if let Some(wait) = rejection.retry_after {
        let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
        response.insert_header(RETRY_AFTER, seconds)?;
    }
    Ok(response)
}

async fn write(
    session: &mut Session,
    rejection: &Rejection,
    response: ResponseHeader,
    body: String,
) -> Result<()> {
    if !keeps_connection(rejection) {
        session.set_keepalive(None);
    }
    let head = session.req_header().method == Method::HEAD;
    session
        .write_response_header(Box::new(response), head)
        .await?;
    if !head {
        session
            .write_response_body(Some(Bytes::from(body)), true)
            .await?;
    }
    Ok(())
}

/// Asks a client of HTTP/1 that waits for that to send its body. The framework would take it for an answer before the
/// body's end, and close the connection afterwards.
///
/// # Errors
///
/// The client has left.
pub async fn ask_for_body(session: &mut Session) -> Result<()> {
    let session = session.as_mut();
    session.set_close_on_response_before_downstream_finish(false);
    let asked = session.write_continue_response().await;
    session.set_close_on_response_before_downstream_finish(true);
    asked
}

/// Lets a client that is still sending read the answer to its request, which is about to be dropped: clients may lose
/// an answer that comes together with a reset. Dropping a request of HTTP/2 resets its stream, and of HTTP/1 its
/// connection, unless that is shut down before, by which the rest is read for a while.
pub(super) async fn let_be_heard(session: &mut Session) {
    let session = session.as_mut();
    if !session.is_http2() {
        session.shutdown().await;
    } else if !session.is_body_done() {
        // The client may end it, or time.
        let _ = timeout(HEARD_WITHIN, session.drain_request_body()).await;
    }
}

/// A request that could not be read for certain leaves the connection in doubt.
fn keeps_connection(rejection: &Rejection) -> bool {
    !matches!(
        rejection.code,
        Code::InvalidRequest
            | Code::TooLarge
            | Code::Timeout
            | Code::Internal
            // Another connection may reach a process that can decide.
            | Code::Unavailable
    )
}

/// Notes the refusal of a request in a phase that may only fail, and gives the error to fail with.
pub(super) fn refused(rejection: Rejection, ctx: &mut RequestContext) -> Box<Error> {
    ctx.refused = Some(rejection);
    as_error(&rejection)
}

/// An error for a phase that may only fail, carrying the rejection's status.
pub fn as_error(rejection: &Rejection) -> Box<Error> {
    Error::explain(
        ErrorType::HTTPStatus(rejection.status.as_u16()),
        rejection.reason,
    )
}

/// A page may look nice, and do nothing.
const PAGE_POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; img-src 'self' data:; \
     base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// The same with a form that signs out. Where it leads then, to the login page or a provider's, counts
/// as its action, too.
const FORM_POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; img-src 'self' data:; \
     base-uri 'none'; form-action *; frame-ancestors 'none'";

/// Reads a whole request body of at most `limit` bytes; `None` when it is larger. The context counts
/// the bytes that came.
///
/// # Errors
///
/// The client leaves, or does not send it in time.
pub async fn read_body(
    session: &mut Session,
    limit: usize,
    ctx: &mut RequestContext,
) -> Result<Option<Bytes>> {
    let mut body = Vec::new();
    while let Some(part) = read_part(session, ctx).await? {
        if body.len() + part.len() > limit {
            return Ok(None);
        }
        body.extend_from_slice(&part);
    }
    Ok(Some(body.into()))
}

/// Reads the next part of a request's body; `None` at its end. The context counts the bytes that came.
///
/// # Errors
///
/// The client leaves, or does not send it in time.
pub async fn read_part(session: &mut Session, ctx: &mut RequestContext) -> Result<Option<Bytes>> {
    let due = ctx.guard.flow().and_then(|flow| {
        flow.server_blocks(false);
        flow.body_due()
    });
    let part = session.as_mut().read_request_body();
    let part = match due {
        Some(due) => timeout_at(due.into(), part).await.unwrap_or_else(|_| {
            let late = "the body does not come";
            Error::e_explain(ErrorType::ReadTimedout, late)
        }),
        None => part.await,
    };
    // Whatever is wrong with it is the client's fault, malformed chunks included.
    let part = part.map_err(|error| error.into_down())?;
    let moved = part.as_ref().map_or(0, Bytes::len);
    if let Some(flow) = ctx.guard.flow() {
        flow.body_moved(moved, part.is_none());
    }
    ctx.body_received = ctx.body_received.saturating_add(moved as u64);
    Ok(part)
}

/// Writes a response from one of our own routers.
pub async fn relay(
    session: &mut Session,
    response: axum::response::Response,
    ctx: &RequestContext,
) -> Result<StatusCode> {
    let (parts, body) = response.into_parts();
    let body = axum::body::to_bytes(body, MAX_OWN_BODY).await.or_err(
        ErrorType::InternalError,
        "the gateway's own response could not be read",
    )?;
    let mut header = ResponseHeader::build(parts.status, Some(parts.headers.len() + 2))?;
    for (name, value) in &parts.headers {
        header.append_header(name, value)?;
    }
    ctx.connection.add_hsts(&mut header)?;
    header.insert_header(REQUEST_ID, ctx.id.header())?;
    let is_head = session.req_header().method == Method::HEAD;
    let has_none = matches!(
        parts.status,
        StatusCode::NOT_MODIFIED | StatusCode::NO_CONTENT
    );
    match (has_none, is_head) {
        // No length is said of no content (RFC 9110 section 8.6).
        (true, _) => drop(header.remove_header(&CONTENT_LENGTH)),
        // It is that of the content which a GET would get, as the router says it.
        (false, true) => {}
        (false, false) => header.insert_header(CONTENT_LENGTH, body.len())?,
    }
    let bodiless = is_head || has_none;
    session
        .write_response_header(Box::new(header), bodiless)
        .await?;
    if !bodiless {
        session.write_response_body(Some(body), true).await?;
    }
    Ok(parts.status)
}

/// Our own endpoints answer with small documents.
const MAX_OWN_BODY: usize = 1 << 20;
