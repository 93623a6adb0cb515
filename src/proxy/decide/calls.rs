//! Whether a route admits a call of MCP: by the request's fields first, so that a refusal costs nothing,
//! and then by its content, before anything of it is forwarded.

use std::sync::Arc;

use bytes::Bytes;
use http::header::{CONTENT_ENCODING, CONTENT_TYPE, EXPECT};
use http::{HeaderMap, Method, StatusCode};
use pingora::Result;
use pingora::http::RequestHeader;
use pingora::proxy::Session as HttpSession;

use crate::exchange::Session;
use crate::mcp::{Call, Calls, Fields, McpError};
use crate::metrics::Metrics;
use crate::proxy::answer;
use crate::proxy::context::RequestContext;
use crate::proxy::counters::{self, SELF_ISSUED};
use crate::proxy::decisions::Decisions;
use crate::proxy::no_pass;
use crate::proxy::request::inspect;
use crate::rejection::{Code, Rejection};
use crate::route::Route;

/// The scopes that a request needs on a route, as far as its fields say.
pub(super) fn scopes<'a>(request: &RequestHeader, route: &'a Route) -> Vec<&'a str> {
    let mut needed: Vec<&str> = route.scopes.iter().map(|scope| &**scope).collect();
    let fields = Fields::read(&request.headers).ok();
    if let Some(calls) = &route.calls
        && let Some(call) = fields.and_then(|fields| fields.call())
        && let Ok(rules) = calls.rules_for(&call)
    {
        needed.extend(
            rules
                .iter()
                .flat_map(|rule| &rule.scopes)
                .map(|scope| &**scope),
        );
    }
    needed
}

/// Checks the call that the fields name. Without fields it is left to the content.
pub(super) fn admit_fields(
    request: &RequestHeader,
    calls: &Calls,
    route: &Route,
    session: &Session,
    ctx: &mut RequestContext,
) -> Result<(), Rejection> {
    if inspect::is_websocket(request) {
        // What is said there is in no message that could be read.
        return Err(Rejection::new(Code::Forbidden, "mcp_websocket"));
    }
    match Fields::read(&request.headers)?.call() {
        Some(call) => admit(&call, calls, route, session, ctx),
        None if calls.go_by_fields() && may_have_content(&request.method) => {
            Err(McpError::FieldMissing.into())
        }
        None => Ok(()),
    }
}

/// Decides about a request by the call in its content, and counts it.
///
/// # Errors
///
/// The outer one: the client left, or did not send its content in time.
pub(in crate::proxy) async fn decide(
    metrics: &Metrics,
    http: &mut HttpSession,
    ctx: &mut RequestContext,
) -> Result<Result<(), Rejection>> {
    let (Some(route), Some(session)) = (ctx.route.clone(), ctx.session().cloned()) else {
        return Err(no_pass());
    };
    let decided = admit_content(http, &route, &session, metrics, ctx).await?;
    let snapshot = Arc::clone(&ctx.snapshot);
    let decisions = Decisions::new(&snapshot.proxy, metrics);
    match &decided {
        Ok(()) => decisions.allowed(session.issuer(), ctx.source),
        Err(rejection) => {
            let issuer = session.issuer().unwrap_or(SELF_ISSUED);
            decisions.refused(Some(issuer), ctx.source, rejection);
        }
    }
    Ok(decided)
}

/// Reads the content, compares it with the fields, and checks the call in it.
async fn admit_content(
    http: &mut HttpSession,
    route: &Route,
    session: &Session,
    metrics: &Metrics,
    ctx: &mut RequestContext,
) -> Result<Result<(), Rejection>> {
    let Some(calls) = &route.calls else {
        return Err(no_pass());
    };
    let content = match hold(http, (calls, route), metrics, ctx).await? {
        Ok(content) => content,
        Err(rejection) => return Ok(Err(rejection)),
    };
    let header = http.req_header();
    let call = match content.is_empty() && !may_have_content(&header.method) {
        true => Ok(Call::default()),
        false => Call::read(&content),
    };
    let compared = call.and_then(|call| {
        Fields::read(&header.headers)?.compare(&call)?;
        Ok(call)
    });
    Ok(match compared {
        Ok(call) => admit(&call, calls, route, session, ctx),
        Err(error) => Err(error.into()),
    })
}

/// Whether a session may make a call.
fn admit(
    call: &Call,
    calls: &Calls,
    route: &Route,
    session: &Session,
    ctx: &mut RequestContext,
) -> Result<(), Rejection> {
    let rules = calls.rules_for(call)?;
    for rule in &rules {
        rule.claims.check(session.claims())?;
    }
    let needed = route.scopes.iter();
    let needed = needed.chain(rules.iter().flat_map(|rule| &rule.scopes));
    let missing = session.missing(needed.map(|scope| &**scope));
    if missing.is_empty() {
        return Ok(());
    }
    ctx.want_scopes(missing);
    Err(Session::scope_insufficient())
}

/// Reads the whole content, which the framework then forwards from what it keeps for a retry.
async fn hold(
    http: &mut HttpSession,
    (calls, route): (&Calls, &Route),
    metrics: &Metrics,
    ctx: &mut RequestContext,
) -> Result<Result<Bytes, Rejection>> {
    let header = http.req_header();
    if !is_plain(&header.headers) {
        let rejection = Rejection::new(Code::InvalidRequest, "mcp_content_coded");
        return Ok(Err(
            rejection.with_status(StatusCode::UNSUPPORTED_MEDIA_TYPE)
        ));
    }
    let expects = header.headers.contains_key(EXPECT);
    let announced = header.headers.get(http::header::CONTENT_LENGTH);
    let announced = announced
        .and_then(|length| length.to_str().ok())
        .and_then(|length| length.parse::<usize>().ok());
    if http.as_mut().is_body_empty() {
        return Ok(Ok(Bytes::new()));
    }
    let most = route.body_size.unwrap_or(u64::MAX);
    let most = usize::try_from(most)
        .unwrap_or(usize::MAX)
        .min(calls.longest());
    let too_large = Rejection::new(Code::TooLarge, "mcp_content_too_large");
    if announced.is_some_and(|length| length > most) {
        return Ok(Err(too_large));
    }
    // While it is read it may be there twice.
    let room = 2 * announced.unwrap_or(KEPT) as u64;
    match ctx.guard.hold(room) {
        Ok(held) => ctx.held_memory = held,
        Err(overload) => {
            return Ok(Err(counters::refuse(metrics, overload)));
        }
    }
    if expects {
        http.as_mut().write_continue_response().await?;
    }
    let mut content = Vec::new();
    loop {
        // From then on all that comes fits into what is kept, which stands for the whole below.
        let left = announced.map_or(0, |length| length.saturating_sub(content.len()));
        if left <= KEPT {
            http.as_mut().enable_retry_buffering();
        }
        let Some(part) = answer::read_part(http, ctx).await? else {
            break;
        };
        content.extend_from_slice(&part);
        if content.len() > most {
            return Ok(Err(too_large));
        }
        if announced.is_none() && content.len() > KEPT {
            let rejection = Rejection::new(Code::InvalidRequest, "mcp_length_missing");
            return Ok(Err(rejection.with_status(StatusCode::LENGTH_REQUIRED)));
        }
        if let Some(time) = &mut ctx.time {
            let in_time = time.received(false, &ctx.guard);
            time.bound_client(http, ctx.snapshot.proxy.limits.body_read_timeout);
            if let Err(rejection) = in_time {
                return Ok(Err(rejection));
            }
        }
    }
    let content = Bytes::from(content);
    ctx.held_content = Some(content.clone());
    Ok(Ok(content))
}

/// Whether the content is text in UTF-8 as it stands.
fn is_plain(headers: &HeaderMap) -> bool {
    let is_identity = |coding: &[u8]| coding.trim_ascii().eq_ignore_ascii_case(b"identity");
    let mut codings = headers.get_all(CONTENT_ENCODING).iter();
    let mut types = headers.get_all(CONTENT_TYPE).iter();
    let media_type = types
        .next()
        .map(|value| value.as_bytes().to_ascii_lowercase());
    let charset = media_type.as_deref().and_then(charset);
    codings.all(|coding| is_identity(coding.as_bytes()))
        && types.next().is_none()
        && charset.is_none_or(|charset| matches!(charset, b"utf-8" | b"utf8"))
}

fn charset(media_type: &[u8]) -> Option<&[u8]> {
    let parameters = media_type.split(|byte| *byte == b';').skip(1);
    let mut charsets = parameters.filter_map(|parameter| {
        let value = parameter.trim_ascii().strip_prefix(b"charset")?;
        let value = value.trim_ascii().strip_prefix(b"=")?.trim_ascii();
        Some(
            value
                .strip_prefix(b"\"")
                .and_then(|it| it.strip_suffix(b"\""))
                .unwrap_or(value),
        )
    });
    let first = charsets.next();
    match charsets.next() {
        // Two of them are two readings.
        Some(_) => Some(b""),
        None => first,
    }
}

fn may_have_content(method: &Method) -> bool {
    !matches!(
        *method,
        Method::GET | Method::HEAD | Method::OPTIONS | Method::DELETE
    )
}

/// What the framework keeps of a request's content.
const KEPT: usize = 64 << 10;
