//! Envoy's external authorization by gRPC (`envoy.service.auth.v3.Authorization`).
//!
//! A listener with `grpc: true` answers this, and the standard health checks, and nothing else. A
//! question is decided by the code that decides forward auth and the proxy's own requests. A grant says
//! which fields Envoy sets and removes and, as dynamic metadata, who the user is; a refusal is the response
//! that the client would get here.
//!
//! It is spoken over the proxy's own connections, so that TLS, client certificates, limits, GOAWAY and
//! graceful stops are those of every listener.

use std::collections::HashMap;
use std::sync::Arc;

use http::header::{CONTENT_LENGTH, SET_COOKIE};
use http::{HeaderMap, HeaderName, StatusCode};
use pingora::Result;
use pingora::http::{RequestHeader, ResponseHeader};
use pingora::proxy::Session;

use super::answer;
use super::answer::health;
use super::answer::login;
use super::arrival;
use super::context::RequestContext;
use super::counters;
use super::decide;
use super::forward_auth::{self, Granted};
use super::request::forwarded::Peer;
use crate::api::device_bound::REGISTRATION_FIELD;
use crate::metrics::Metrics;
use crate::rejection::{Code, Rejection};
use call::Failure;
use messages::{
    BoolValue, CheckRequest, CheckResponse, Denied, Field, FieldOption, HealthRequest,
    HealthResponse, HttpStatus, Outcome, Serving, Status, Struct, Text,
};
use original::OF_THE_CONNECTION;

mod call;
mod messages;
mod original;

/// Answers a call, and says with which status: that of a check is what the client gets.
pub async fn serve(
    metrics: &Metrics,
    session: &mut Session,
    ctx: &mut RequestContext,
) -> Result<StatusCode> {
    ctx.is_for_us = true;
    let request = session.req_header();
    if !call::is_call(request) {
        let rejection = Rejection::new(Code::NotFound, "grpc_only");
        ctx.refused = Some(rejection);
        answer::refuse(session, &rejection, &HeaderMap::new(), ctx).await?;
        return Ok(rejection.status);
    }
    match request.uri.path() {
        CHECK => check(metrics, session, ctx).await,
        HEALTH => check_health(metrics, session, ctx).await,
        _ => fail(session, ctx, Failure::Unimplemented, "grpc_method_unknown").await,
    }
}

async fn check(
    metrics: &Metrics,
    session: &mut Session,
    ctx: &mut RequestContext,
) -> Result<StatusCode> {
    let snapshot = Arc::clone(&ctx.snapshot);
    let peer = snapshot.proxy.peer(session.client_addr(), &ctx.connection);
    let peer = peer.asking();
    if !peer.is_trusted_proxy() {
        return fail(
            session,
            ctx,
            Failure::PermissionDenied,
            "check_peer_untrusted",
        )
        .await;
    }
    let asked = match call::read::<CheckRequest>(session, MAX_CHECK, ctx).await? {
        Ok(asked) => asked,
        Err(failure) => return fail(session, ctx, failure, "grpc_message_invalid").await,
    };
    let Some(request) = original::of(asked) else {
        return fail(
            session,
            ctx,
            Failure::InvalidArgument,
            "check_original_invalid",
        )
        .await;
    };
    arrival::identify(ctx, &request, peer);
    let client = peer.client(&request.headers);
    let decided = match ctx.guard.admit(Some(client.address)) {
        Ok(()) => decide::decide(metrics, &request, peer, ctx).await,
        Err(overload) => Err(counters::refuse(metrics, overload)),
    };
    let granted = match decided {
        Ok(decision) => forward_auth::is_for_another_proxy(&decision).and_then(|()| {
            grant(&request, peer, ctx)
                .ok_or_else(|| Rejection::new(Code::Internal, "check_fields_unfit"))
        }),
        Err(rejection) => Err(rejection),
    };
    let (status, response) = match granted {
        Ok(granted) => (StatusCode::OK, granted),
        Err(rejection) => {
            ctx.refused = Some(rejection);
            let (header, body) = match login::location(&request, &rejection, client.is_https, ctx) {
                Some(location) => (answer::redirection(&location, ctx)?, String::new()),
                None => answer::proxied_refusal(&request, &rejection, ctx)?,
            };
            (header.status, denied(&header, body))
        }
    };
    ctx.asked_about = Some(Box::new(request));
    call::write(session, Ok(response), ctx).await?;
    Ok(status)
}

/// What Envoy does to a request that it may forward; `None`: no answer can say it.
fn grant(
    request: &RequestHeader,
    peer: Peer<'_>,
    ctx: &mut RequestContext,
) -> Option<CheckResponse> {
    let Granted { fields, gone } = forward_auth::granted(request, peer, ctx).ok()?;
    let mut headers = Vec::new();
    let is_of_envoy =
        |name: &HeaderName| OF_THE_CONNECTION.contains(name) || name.as_str().starts_with(X_ENVOY);
    let gone = gone.iter().filter(|name| !is_of_envoy(name));
    let mut headers_to_remove: Vec<String> = gone.map(|name| name.as_str().to_owned()).collect();
    for name in fields.keys() {
        if fields.get_all(name).iter().all(|value| value.is_empty()) {
            headers_to_remove.push(name.as_str().to_owned());
            continue;
        }
        // The first one takes the place of what the client sent.
        for (place, value) in fields.get_all(name).iter().enumerate() {
            headers.push(field(name, value.as_bytes(), place > 0)?);
        }
    }
    let cookies = std::mem::take(&mut ctx.set_cookies).into_iter();
    let cookies = cookies.map(|value| (SET_COOKIE, value));
    let offer = ctx.device_offer.take();
    let offer = offer.map(|value| (REGISTRATION_FIELD, value));
    let for_browser = cookies
        .chain(offer)
        .map(|(name, value)| field(&name, value.as_bytes(), true));
    Some(CheckResponse {
        status: Some(Status { code: OK }),
        outcome: Some(Outcome::Granted(messages::Granted {
            headers,
            headers_to_remove,
            response_headers_to_add: for_browser.collect::<Option<_>>()?,
        })),
        dynamic_metadata: Some(metadata(ctx)),
    })
}

/// The response in place of the upstream's.
fn denied(header: &ResponseHeader, body: String) -> CheckResponse {
    let mut headers = Vec::new();
    // Envoy counts the body itself.
    for name in header.headers.keys().filter(|name| *name != CONTENT_LENGTH) {
        let values = header.headers.get_all(name).iter();
        // Of the gateway's own making: they are texts. Of a refusal Envoy sets the same field as often as it is
        // named, and ignores what is to be appended.
        headers.extend(values.filter_map(|value| field(name, value.as_bytes(), false)));
    }
    CheckResponse {
        status: Some(Status {
            code: PERMISSION_DENIED,
        }),
        outcome: Some(Outcome::Denied(Denied {
            status: Some(HttpStatus {
                code: i32::from(header.status.as_u16()),
            }),
            headers,
            body,
        })),
        dynamic_metadata: None,
    }
}

/// `None`: the value is no text, which Envoy would not take.
fn field(name: &HeaderName, value: &[u8], append: bool) -> Option<FieldOption> {
    Some(FieldOption {
        header: Some(Field {
            key: name.as_str().to_owned(),
            value: String::from_utf8(value.to_vec()).ok()?,
            raw_value: Vec::new(),
        }),
        append: Some(BoolValue { value: append }),
    })
}

/// For Envoy's log and its other filters. What does not apply is absent.
fn metadata(ctx: &RequestContext) -> Struct {
    let session = ctx.session();
    let route = ctx.route.as_ref().map(|route| route.name.to_string());
    let texts = [
        ("user", session.map(|session| session.user().to_string())),
        ("session", session.map(|session| session.sid().to_string())),
        ("issuer", ctx.issuer().map(str::to_owned)),
        ("route", route),
    ];
    let present = texts.into_iter().filter_map(|(name, text)| {
        let text = Some(text?);
        Some((name.to_owned(), Text { text }))
    });
    Struct {
        fields: HashMap::from_iter(present),
    }
}

/// `grpc.health.v1.Health/Check`.
async fn check_health(
    metrics: &Metrics,
    session: &mut Session,
    ctx: &mut RequestContext,
) -> Result<StatusCode> {
    if let Err(overload) = ctx.guard.admit(None) {
        let rejection = counters::refuse(metrics, overload);
        ctx.refused = Some(rejection);
        let refused = Err::<HealthResponse, _>(Failure::ResourceExhausted);
        call::write(session, refused, ctx).await?;
        return Ok(rejection.status);
    }
    let asked = match call::read::<HealthRequest>(session, MAX_HEALTH, ctx).await? {
        Ok(asked) => asked,
        Err(failure) => return fail(session, ctx, failure, "grpc_message_invalid").await,
    };
    if !["", SERVICE].contains(&asked.service.as_str()) {
        return fail(session, ctx, Failure::NotFound, "grpc_service_unknown").await;
    }
    let serving = match health::is_serving(ctx) {
        true => Serving::Yes,
        false => Serving::No,
    };
    let response = HealthResponse {
        status: serving.into(),
    };
    call::write(session, Ok(response), ctx).await?;
    Ok(StatusCode::OK)
}

/// Ends a call without an answer. Envoy then lets nobody pass, unless it is configured to.
async fn fail(
    session: &mut Session,
    ctx: &mut RequestContext,
    failure: Failure,
    reason: &'static str,
) -> Result<StatusCode> {
    let code = match failure {
        Failure::PermissionDenied => Code::Forbidden,
        Failure::ResourceExhausted => Code::TooLarge,
        Failure::NotFound | Failure::Unimplemented => Code::NotFound,
        Failure::InvalidArgument => Code::InvalidRequest,
    };
    let rejection = Rejection::new(code, reason);
    ctx.refused = Some(rejection);
    call::write(session, Err::<HealthResponse, _>(failure), ctx).await?;
    Ok(rejection.status)
}

const SERVICE: &str = "envoy.service.auth.v3.Authorization";
const CHECK: &str = "/envoy.service.auth.v3.Authorization/Check";
const HEALTH: &str = "/grpc.health.v1.Health/Check";
/// How its own fields begin, by which it routes, and of which it takes none from outside.
const X_ENVOY: &str = "x-envoy-";
/// Bytes of a question: a header of the largest size that Envoy takes by default, some times over.
const MAX_CHECK: usize = 256 * 1024;
/// Bytes of a question about health: a name.
const MAX_HEALTH: usize = 1024;
/// Of `google.rpc.Code`.
const OK: i32 = 0;
const PERMISSION_DENIED: i32 = 7;
