//! A request's spans: itself, and within it the exchange of its credential and the question to
//! its upstream.
//!
//! Names and attributes are those of OpenTelemetry's semantic conventions for HTTP, and
//! `vestibule.*` for the rest. Who the user is stays in the access log, which has the request's
//! trace; neither query nor header field is in a span.

use std::time::{Duration, Instant, SystemTime};

use super::access_log::{Answered, without_tokens};
use crate::proxy::context::{Phase, RequestContext};
use crate::telemetry::TraceContext;
use crate::telemetry::otlp::Spans;
use crate::telemetry::span::{Attribute, Role, Span};
use crate::telemetry::trace_context::SpanId;

/// Records a request that is answered, if its trace is sampled.
pub fn record(spans: &Spans, answered: &Answered<'_>, ctx: &RequestContext) {
    let Some(place) = ctx.trace.filter(|place| place.is_sampled) else {
        return;
    };
    let now = SystemTime::now();
    let begun = now.checked_sub(answered.elapsed).unwrap_or(now);
    let request = Request {
        place,
        begun,
        started: ctx.started,
    };
    if let Some(phase) = ctx.exchange {
        let attributes = issuer(ctx).into_iter().collect();
        spans.record(request.part(
            SpanId::random(),
            Role::Internal,
            "exchange",
            phase,
            attributes,
        ));
    }
    if let Some(span) = upstream(&request, answered, ctx) {
        spans.record(span);
    }
    spans.record(server(&request, answered, ctx));
}

/// What all spans of a request need.
struct Request {
    place: TraceContext,
    /// By the calendar, and by the clock that phases are measured with.
    begun: SystemTime,
    started: Instant,
}

impl Request {
    fn part(
        &self,
        id: SpanId,
        role: Role,
        name: &'static str,
        phase: Phase,
        attributes: Vec<(&'static str, Attribute)>,
    ) -> Span {
        let after = phase.begun.saturating_duration_since(self.started);
        Span {
            trace: self.place.trace,
            id,
            parent: Some(self.place.server),
            role,
            name: name.into(),
            begun: self.begun.checked_add(after).unwrap_or(self.begun),
            took: phase.took,
            attributes,
            failed: false,
        }
    }
}

fn server(request: &Request, answered: &Answered<'_>, ctx: &RequestContext) -> Span {
    let method = method(answered);
    let path = without_tokens(answered.request.uri.path(), '/', ctx);
    let mut attributes: Vec<(&'static str, Attribute)> = vec![
        ("http.request.method", method.into()),
        ("url.path", Attribute::Text(path.into_owned())),
        (
            "client.address",
            Attribute::Text(answered.client.to_string()),
        ),
        ("vestibule.route", ctx.route_name().into()),
        ("vestibule.request_id", Attribute::Text(ctx.id.to_string())),
        ("vestibule.source", ctx.source.into()),
    ];
    if let Some(status) = answered.status {
        attributes.push(("http.response.status_code", status.as_u16().into()));
    }
    attributes.extend(issuer(ctx));
    if let Some(reason) = ctx.refused.map(|refused| refused.reason).or(answered.cut) {
        attributes.push(("vestibule.reason", reason.into()));
    }
    if let Some(error) = answered.error {
        attributes.push(("error.type", error.etype().as_str().into()));
    }
    Span {
        trace: request.place.trace,
        id: request.place.server,
        parent: request.place.parent,
        role: Role::Server,
        name: format!("{method} {}", ctx.route_name()).into(),
        begun: request.begun,
        took: answered.elapsed,
        attributes,
        failed: answered
            .status
            .is_none_or(|status| status.is_server_error()),
    }
}

/// The question to the upstream, whose servers were asked from then on.
fn upstream(request: &Request, answered: &Answered<'_>, ctx: &RequestContext) -> Option<Span> {
    let (destination, address) = (ctx.destination.as_ref()?, ctx.tried.last()?);
    let failed = ctx.upstream.is_none();
    let phase = ctx.upstream.unwrap_or_else(|| Phase {
        begun: ctx.asked,
        took: unanswered(request, answered, ctx),
    });
    let mut attributes: Vec<(&'static str, Attribute)> = vec![
        ("http.request.method", method(answered).into()),
        ("vestibule.upstream", (**destination.name()).into()),
        ("network.peer.address", Attribute::Text(address.to_string())),
    ];
    if let Some(status) = ctx.upstream_status {
        attributes.push(("http.response.status_code", status.as_u16().into()));
    }
    let resent = ctx.tried.len().saturating_sub(1);
    if resent > 0 {
        let resent = i64::try_from(resent).unwrap_or(i64::MAX);
        attributes.push(("http.request.resend_count", Attribute::Number(resent)));
    }
    let id = request.place.forwarded;
    let mut span = request.part(id, Role::Client, "upstream", phase, attributes);
    span.failed = failed;
    Some(span)
}

fn unanswered(request: &Request, answered: &Answered<'_>, ctx: &RequestContext) -> Duration {
    let before = ctx.asked.saturating_duration_since(request.started);
    answered.elapsed.saturating_sub(before)
}

/// One of those that the conventions know: a client could make up any other.
fn method(answered: &Answered<'_>) -> &'static str {
    let method = answered.request.method.as_str();
    let known = METHODS.iter().find(|known| **known == method);
    known.copied().unwrap_or("_OTHER")
}

fn issuer(ctx: &RequestContext) -> Option<(&'static str, Attribute)> {
    Some(("vestibule.issuer", ctx.issuer()?.into()))
}

const METHODS: [&str; 9] = [
    "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "CONNECT", "TRACE",
];
