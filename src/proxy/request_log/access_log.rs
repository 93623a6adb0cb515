//! One line of JSON for each request: no query, no token, and no header field but the host and the
//! name of the client's program.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::net::IpAddr;
use std::time::{Duration, SystemTime};

use http::header::{HOST, USER_AGENT};
use http::uri::Authority;
use http::{StatusCode, Version};
use pingora::Error;
use pingora::http::RequestHeader;
use serde::Serialize;
use serde::ser::{SerializeMap, Serializer};

use crate::proxy::connection::TlsParameters;
use crate::proxy::context::RequestContext;
use crate::proxy::request::copies;
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
    /// Why the gateway cut the request, whose answer may have begun.
    pub cut: Option<&'static str>,
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
    if !text.is_ascii() {
        text = escaped(&text);
    }
    text.push(b'\n');
    text
}

/// JSON with what is not ASCII escaped (RFC 8259 section 7): among it are characters that move a
/// terminal's cursor or turn the writing direction.
fn escaped(json: &[u8]) -> Vec<u8> {
    let mut text = String::with_capacity(json.len() + 64);
    for character in String::from_utf8_lossy(json).chars() {
        if character.is_ascii() {
            text.push(character);
            continue;
        }
        for unit in character.encode_utf16(&mut [0; 2]) {
            // Writing to a string does not fail.
            let _ = write!(text, "\\u{unit:04x}");
        }
    }
    text.into_bytes()
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
            AccessField::Path => {
                let path = answered.request.uri.path();
                map.serialize_entry(name, &without_tokens(path, '/', ctx))
            }
            AccessField::Host => present(map, name, host(answered.request)),
            AccessField::Protocol => present(map, name, protocol(answered.request.version)),
            AccessField::Tls => {
                let shown = |tls: &TlsParameters| format!("{} {}", tls.version, tls.cipher);
                present(map, name, ctx.connection.tls.as_ref().map(shown))
            }
            AccessField::UserAgent => {
                let agent = answered.request.headers.get(USER_AGENT);
                let agent = agent.map(|agent| String::from_utf8_lossy(agent.as_bytes()));
                let agent = agent.as_deref().map(|it| without_tokens(it, ' ', ctx));
                present(map, name, agent.as_deref().map(beginning))
            }
            AccessField::Status => {
                present(map, name, answered.status.map(|status| status.as_u16()))
            }
            AccessField::Route => map.serialize_entry(name, ctx.route_name()),
            AccessField::Upstream => {
                let upstream = ctx.destination.as_ref().map(|upstream| upstream.name());
                present(map, name, upstream.filter(|_| !ctx.tried.is_empty()))
            }
            AccessField::Server => {
                let server = ctx.tried.last();
                present(map, name, server.map(ToString::to_string))
            }
            AccessField::Source => map.serialize_entry(name, ctx.source),
            AccessField::Issuer => present(map, name, ctx.issuer()),
            AccessField::User => present(map, name, holder.map(|(user, _)| user)),
            AccessField::Sid => present(map, name, holder.map(|(_, sid)| sid)),
            AccessField::Code => {
                present(map, name, ctx.refused.map(|refused| refused.code.as_str()))
            }
            AccessField::Reason => {
                let reason = ctx.refused.map(|refused| refused.reason);
                present(map, name, reason.or(answered.cut))
            }
            AccessField::Hint => {
                let advice = ctx.refused.and_then(|refused| refused.advice());
                present(map, name, advice)
            }
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
            AccessField::Attempts => {
                let is_one = ctx.failed_attempts.is_empty();
                present(map, name, (!is_one).then_some(Attempts(ctx)))
            }
        }
    }
}

/// Every attempt to get an answer of a server, in order.
struct Attempts<'a>(&'a RequestContext);

impl Serialize for Attempts<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self(ctx) = self;
        let last = ctx
            .upstream
            .map_or_else(|| ctx.asked.elapsed(), |phase| phase.took);
        let times = ctx.failed_attempts.iter().chain(std::iter::once(&last));
        serializer.collect_seq(ctx.tried.iter().zip(times).map(|(server, took)| Attempt {
            server: server.to_string(),
            us: micros(*took),
        }))
    }
}

#[derive(Serialize)]
struct Attempt {
    server: String,
    us: u64,
}

/// As the request has it: `:authority` over HTTP/2, `Host` else.
fn host(request: &RequestHeader) -> Option<&str> {
    let authority = request.uri.authority().map(Authority::as_str);
    authority.or_else(|| request.headers.get(HOST)?.to_str().ok())
}

fn protocol(version: Version) -> Option<&'static str> {
    match version {
        Version::HTTP_10 => Some("HTTP/1.0"),
        Version::HTTP_11 => Some("HTTP/1.1"),
        Version::HTTP_2 => Some("HTTP/2"),
        _ => None,
    }
}

/// The beginning of what the client's program calls itself.
fn beginning(agent: &str) -> &str {
    let mut ends = (0..=LONGEST_AGENT.min(agent.len())).rev();
    ends.find_map(|end| agent.get(..end)).unwrap_or_default()
}

/// What is written down of a path or the like: clients put tokens anywhere.
pub(super) fn without_tokens<'a>(
    text: &'a str,
    separator: char,
    ctx: &RequestContext,
) -> Cow<'a, str> {
    let exchange = &ctx.snapshot.exchange;
    copies::without_token_parts(text, separator, |text| exchange.knows(text))
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
const LENGTH: usize = 1024;
/// Bytes of `User-Agent` in a line: more than browsers send.
const LONGEST_AGENT: usize = 256;
