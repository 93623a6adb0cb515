//! Requests that are refused before there is a request: what cannot be read has no header to look
//! at, and yet an answer with an id, a count, a line in the log and a place among the latest refusals.

use std::sync::Arc;
use std::time::Instant;

use arc_swap::ArcSwap;
use http::header::{ALLOW, CACHE_CONTROL, CONNECTION, CONTENT_LENGTH, CONTENT_TYPE};
use http::{HeaderMap, Method, StatusCode};
use pingora::Result;
use pingora::http::{RequestHeader, ResponseHeader};
use pingora::protocols::l4::socket::SocketAddr;

use super::connection::Connection;
use super::context::RequestContext;
use super::request::id::{REQUEST_ID, RequestIds};
use super::request_log::access_log::{self, Answered};
use super::request_log::recent_refusals::RecentRefusals;
use super::snapshot::Snapshot;
use crate::api::refusal_form::RefusalForm;
use crate::clock::UnixTime;
use crate::metrics::Metrics;
use crate::rejection::Rejection;
use crate::route::Methods;
use crate::telemetry::NonBlockingWriter;

/// Answers them, counts them and logs them.
pub struct Unread {
    snapshot: Arc<ArcSwap<Snapshot>>,
    metrics: Arc<Metrics>,
    access_log: Arc<NonBlockingWriter>,
    refusals: Arc<RecentRefusals>,
    ids: RequestIds,
}

/// What is known of such a request.
#[derive(Clone, Copy, Debug)]
pub struct Known<'a> {
    /// What it came on.
    pub connection: &'a Arc<Connection>,
    /// The far end of that.
    pub peer: Option<&'a SocketAddr>,
    /// Its request line, as far as it came.
    pub line: &'a [u8],
}

impl Unread {
    /// Under the configuration in `snapshot`; `access_log` gets a line for each, where that says so, and
    /// `refusals` gets each.
    pub fn new(
        snapshot: Arc<ArcSwap<Snapshot>>,
        metrics: Arc<Metrics>,
        access_log: Arc<NonBlockingWriter>,
        refusals: Arc<RecentRefusals>,
    ) -> Self {
        Self {
            snapshot,
            metrics,
            access_log,
            refusals,
            ids: RequestIds::new(),
        }
    }

    /// The answer to such a request.
    ///
    /// # Errors
    ///
    /// None but those of the framework's types, whose fields these are.
    pub fn refuse(
        &self,
        rejection: &Rejection,
        known: &Known<'_>,
    ) -> Result<(ResponseHeader, String)> {
        let begun = Instant::now();
        let mut ctx = RequestContext::new(self.snapshot.load_full(), self.ids.next());
        ctx.connection = Arc::clone(known.connection);
        ctx.refused = Some(*rejection);
        let request = request(known.line);
        let path = request.as_ref().map_or("", |request| request.uri.path());
        let form = RefusalForm::of(path, ctx.snapshot.proxy.api_prefix());
        let (media_type, body) = form.content(rejection, &ctx.id.to_string());
        let mut response = ResponseHeader::build(rejection.status, Some(8))?;
        response.insert_header(CONTENT_TYPE, media_type)?;
        response.insert_header(CONTENT_LENGTH, body.len())?;
        response.insert_header(CACHE_CONTROL, "no-store")?;
        response.insert_header(REQUEST_ID, ctx.id.header())?;
        known.connection.add_hsts(&mut response)?;
        if rejection.status == StatusCode::METHOD_NOT_ALLOWED {
            response.insert_header(ALLOW, Methods::ALL.to_string())?;
        }
        if let Some(request) = request {
            self.record(known, (&request, rejection), body.len(), begun, &ctx);
        }
        Ok((response, body))
    }

    /// The same as bytes of HTTP/1; they end the connection.
    pub fn refuse_on_http1(&self, rejection: &Rejection, known: &Known<'_>) -> Vec<u8> {
        let Ok((mut response, body)) = self.refuse(rejection, known) else {
            return Vec::new();
        };
        // A value that is none leaves out what the closing itself says.
        let _ = response.insert_header(CONNECTION, "close");
        let status = rejection.status.as_u16();
        let mut answer = format!("HTTP/1.1 {status} {}\r\n", rejection.title()).into_bytes();
        for (name, value) in &response.headers {
            answer.extend_from_slice(name.as_str().as_bytes());
            answer.extend_from_slice(b": ");
            answer.extend_from_slice(value.as_bytes());
            answer.extend_from_slice(b"\r\n");
        }
        answer.extend_from_slice(b"\r\n");
        answer.extend_from_slice(body.as_bytes());
        answer
    }

    fn record(
        &self,
        known: &Known<'_>,
        (request, rejection): (&RequestHeader, &Rejection),
        sent: usize,
        begun: Instant,
        ctx: &RequestContext,
    ) {
        let elapsed = begun.elapsed();
        let status = Some(rejection.status);
        let counters = ctx.snapshot.proxy.route_counters(ctx.route_name());
        counters.count(
            &self.metrics,
            &request.method,
            status,
            elapsed.as_secs_f64(),
        );
        let peer = ctx.snapshot.proxy.peer(known.peer, known.connection);
        let client = peer.client(&HeaderMap::new()).address;
        self.refusals.record(ctx, client, UnixTime::now());
        let Some(fields) = &ctx.snapshot.proxy.access_log else {
            return;
        };
        let answered = Answered {
            request,
            client,
            status,
            elapsed,
            sent,
            error: None,
            cut: None,
        };
        self.access_log
            .write(access_log::line(fields, &answered, ctx));
    }
}

/// The method and the path, where they are any; `-` and `*` else.
fn request(line: &[u8]) -> Option<RequestHeader> {
    let mut parts = line.trim_ascii().split(|byte| *byte == b' ');
    let method = parts.next().unwrap_or_default();
    let method = Method::from_bytes(method).or_else(|_| Method::from_bytes(b"-"));
    let method = method.ok()?;
    let target = parts.next().filter(|target| target.starts_with(b"/"));
    let built = |target: &[u8]| RequestHeader::build(method.clone(), target, None).ok();
    target.and_then(built).or_else(|| built(b"*"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_request_has_no_path() {
        for (line, method, path) in [
            ("GET /a?b HTTP/1.1", "GET", "/a"),
            ("GET /a b HTTP/1.1", "GET", "/a"),
            ("GET http://a/ HTTP/1.1", "GET", "*"),
            ("GET /a<b HTTP/1.1", "GET", "*"),
            ("", "-", "*"),
            ("\u{16}\u{3}\u{1}", "-", "*"),
        ] {
            let request = request(line.as_bytes()).unwrap();
            assert_eq!(request.method.as_str(), method, "{line:?}");
            assert_eq!(request.uri.path(), path, "{line:?}");
        }
    }
}
