//! Whether a route admits a call of MCP: by the request's fields first, so that a refusal costs nothing,
//! and then by its content, before anything of it is forwarded.

use std::sync::Arc;

use http::Method;
use pingora::Result;
use pingora::http::RequestHeader;
use pingora::proxy::Session as HttpSession;

mod content;

use crate::exchange::Session;
use crate::mcp::{Call, Calls, Fields, McpError};
use crate::metrics::Metrics;
use crate::proxy::context::RequestContext;
use crate::proxy::counters::SELF_ISSUED;
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
    let content = match content::read(http, (calls, route), metrics, ctx).await? {
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

fn may_have_content(method: &Method) -> bool {
    !matches!(
        *method,
        Method::GET | Method::HEAD | Method::OPTIONS | Method::DELETE
    )
}
