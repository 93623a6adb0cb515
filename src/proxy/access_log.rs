//! One line of JSON for each request: no query, no header field, no token.

use std::net::IpAddr;
use std::time::{Duration, SystemTime};

use http::StatusCode;
use pingora::Error;
use pingora::http::RequestHeader;
use serde::ser::{Serialize, SerializeMap, Serializer};

use super::context::RequestContext;
use crate::telemetry::settings::AccessField;

/// What is known about a request once it is answered, in addition to its context.
pub struct Answered<'a> {
    /// The request's header.
    pub request: &'a RequestHeader,
    /// The client's address.
    pub client: IpAddr,
    /// What was answered; `None` when nothing was.
    pub status: Option<StatusCode>,
    /// How long it took.
    pub elapsed: Duration,
    /// Bytes of the answer's body.
    pub sent: usize,
    /// The error that ended the request early.
    pub error: Option<&'a Error>,
}

/// The line, with its end.
pub fn line(fields: &[AccessField], answered: &Answered<'_>, ctx: &RequestContext) -> Vec<u8> {
    let line = Line {
        fields,
        answered,
        ctx,
    };
    let mut text = Vec::with_capacity(LENGTH);
    // Nothing here can fail to be written as JSON, and a vector takes what comes.
    if serde_json::to_writer(&mut text, &line).is_err() {
        text.clear();
    }
    text.push(b'\n');
    text
}

struct Line<'a> {
    fields: &'a [AccessField],
    answered: &'a Answered<'a>,
    ctx: &'a RequestContext,
}

impl Serialize for Line<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        for field in self.fields {
            self.insert(&mut map, *field)?;
        }
        map.end()
    }
}

impl Line<'_> {
    fn insert<M: SerializeMap>(&self, map: &mut M, field: AccessField) -> Result<(), M::Error> {
        let (answered, ctx) = (self.answered, self.ctx);
        let holder = ctx.user_and_sid();
        let name = field.name();
        match field {
            AccessField::Time => {
                let time = humantime::format_rfc3339_micros(SystemTime::now());
                map.serialize_entry(name, &format_args!("{time}"))
            }
            AccessField::RequestId => map.serialize_entry(name, &format_args!("{}", ctx.id)),
            AccessField::TraceId => {
                present(map, name, ctx.trace.map(|place| place.trace.to_string()))
            }
            AccessField::Client => map.serialize_entry(name, &answered.client),
            AccessField::Method => map.serialize_entry(name, answered.request.method.as_str()),
            AccessField::Path => map.serialize_entry(name, answered.request.uri.path()),
            AccessField::Status => {
                present(map, name, answered.status.map(|status| status.as_u16()))
            }
            AccessField::Route => map.serialize_entry(name, ctx.route_name()),
            AccessField::Upstream => {
                let upstream = ctx.route.as_ref().map(|route| route.upstream.name());
                present(map, name, upstream.filter(|_| !ctx.tried.is_empty()))
            }
            AccessField::Source => map.serialize_entry(name, ctx.source),
            AccessField::Issuer => present(map, name, ctx.issuer()),
            AccessField::User => present(map, name, holder.map(|(user, _)| user)),
            AccessField::Sid => present(map, name, holder.map(|(_, sid)| sid)),
            AccessField::Code => {
                present(map, name, ctx.refused.map(|refused| refused.code.as_str()))
            }
            AccessField::Reason => present(map, name, ctx.refused.map(|refused| refused.reason)),
            AccessField::Hint => present(map, name, ctx.refused.and_then(|refused| refused.hint)),
            AccessField::Failed => present(
                map,
                name,
                answered.error.map(|error| error.etype().as_str()),
            ),
            AccessField::ReceivedBytes => map.serialize_entry(name, &ctx.body_received),
            AccessField::SentBytes => map.serialize_entry(name, &answered.sent),
            AccessField::DurationUs => map.serialize_entry(name, &micros(answered.elapsed)),
            AccessField::ExchangeUs => {
                present(map, name, ctx.exchange.map(|phase| micros(phase.took)))
            }
            AccessField::UpstreamUs => {
                present(map, name, ctx.upstream.map(|phase| micros(phase.took)))
            }
        }
    }
}

/// Writes a field only if it has a value.
fn present<M: SerializeMap>(
    map: &mut M,
    name: &'static str,
    value: Option<impl Serialize>,
) -> Result<(), M::Error> {
    match value {
        Some(value) => map.serialize_entry(name, &value),
        None => Ok(()),
    }
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

/// What most lines stay under.
const LENGTH: usize = 640;
