//! Edits an upstream's response: hop-by-hop fields are removed, and a response for one user is not
//! cached for others.

use http::header::{
    CONNECTION, CONTENT_LENGTH, HeaderName, PROXY_AUTHENTICATE, TE, TRAILER, TRANSFER_ENCODING,
    UPGRADE,
};
use http::{Method, StatusCode, Version};
use pingora::http::{RequestHeader, ResponseHeader};
use pingora::proxy::Session;
use pingora::{Error, ErrorType, Result};

use super::{preflight, set_cookie, sticky, streams};
use crate::api::device_bound::REGISTRATION_FIELD;
use crate::proxy::context::{Phase, RequestContext};
use crate::proxy::dashboard_route;
use crate::proxy::header_operations::{self, Sources};
use crate::proxy::request::id::REQUEST_ID;
use crate::route::settings::Access;

/// Changes what the request holds and awaits, now that its answer begins.
pub(in crate::proxy) fn begins(
    session: &mut Session,
    response: &ResponseHeader,
    ctx: &mut RequestContext,
) {
    // What comes before the answer is no reason to close the connection after it.
    let is_answer = !is_interim(response.status);
    session
        .as_mut()
        .set_close_on_response_before_downstream_finish(is_answer);
    if response.status == StatusCode::SWITCHING_PROTOCOLS {
        // Its client may be silent as long as its server, and both for longer than any request.
        session.set_read_timeout(None);
        if ctx.time.take().is_some() {
            ctx.guard.lasts();
        }
    } else if ctx.guard.is_last() || ctx.connection.is_followed() {
        // Said before the connection is closed, so that no request is sent on it in vain.
        session.set_keepalive(None);
    }
    if ends_with_connection(session.req_header(), response) {
        // The framework finds out only after it has written the opposite.
        session.set_keepalive(None);
    }
    if is_answer {
        // All of it is on its way, and the response may take hours.
        ctx.held_content = None;
        ctx.held_memory = None;
    }
    if streams::is_one(response) {
        let idle = ctx
            .route
            .as_ref()
            .and_then(|route| route.timeouts.stream_idle);
        if let Some(flow) = ctx.guard.flow() {
            flow.stream_begins(idle);
        }
    }
}

/// Whether the end of an answer to a client of HTTP/1 is that of its connection: it has no length, and no
/// chunks, which HTTP/1.0 does not know.
fn ends_with_connection(request: &RequestHeader, response: &ResponseHeader) -> bool {
    let has_content = request.method != Method::HEAD
        && !response.status.is_informational()
        && !matches!(
            response.status,
            StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED
        );
    has_content
        && request.version == Version::HTTP_10
        && !response.headers.contains_key(CONTENT_LENGTH)
}

/// Removes the fields that end at the gateway, and adds those for the client.
pub(in crate::proxy) fn rewrite(
    request: &RequestHeader,
    response: &mut ResponseHeader,
    ctx: &mut RequestContext,
) -> Result<()> {
    if is_interim(response.status) {
        ctx.interim += 1;
        if ctx.interim > MOST_INTERIM {
            let message = "too many answers before the answer";
            return Err(Error::explain(ErrorType::InvalidHTTPHeader, message).into_up());
        }
        end_hop(response);
        preflight::empty_head(response, ctx)?;
        set_cookie::keep_ours(response, ctx.snapshot.proxy.own_cookies(false), Vec::new())?;
        return response.insert_header(REQUEST_ID, ctx.id.header());
    }
    if let Some(flow) = ctx.guard.flow() {
        match flow.is_stream() {
            true => flow.taken(),
            false => flow.answer_begins(ctx.server_silence),
        }
    }
    if let Some(time) = &ctx.time {
        time.answered(&ctx.guard);
    }
    if let Some(route) = &ctx.route {
        if ctx.upstream_status.is_none() {
            ctx.upstream_status = Some(response.status);
            let phase = Phase::since(ctx.asked);
            if let (Some(upstream), Some(server)) = (&ctx.destination, ctx.tried.last()) {
                upstream.answered_after(server, phase.took);
            }
            ctx.upstream = Some(phase);
            let sticky = ctx
                .tried
                .last()
                .and_then(|server| sticky::to_set(server, ctx));
            ctx.set_cookies.extend(sticky);
        }
        end_hop(response);
        preflight::empty_head(response, ctx)?;
        header_operations::apply(&route.response_headers, response, Sources::of(ctx))?;
        if route.access != Access::None {
            let method = &request.method;
            let is_for_user = ctx.session().is_some();
            ctx.snapshot
                .proxy
                .varying
                .mark(response, method, is_for_user)?;
        }
    }
    if request.version == Version::HTTP_10 {
        // It knows no chunks (RFC 9112 section 6.1): the end of the connection is the answer's.
        response.remove_header(&TRANSFER_ENCODING);
    }
    let is_dashboard = ctx
        .route
        .as_deref()
        .is_some_and(dashboard_route::leads_there);
    let ours = std::mem::take(&mut ctx.set_cookies);
    set_cookie::keep_ours(response, ctx.snapshot.proxy.own_cookies(is_dashboard), ours)?;
    if let Some(offer) = ctx.device_offer.take() {
        response.append_header(REGISTRATION_FIELD, offer)?;
    }
    ctx.connection.add_hsts(response)?;
    response.insert_header(REQUEST_ID, ctx.id.header())
}

/// An answer before the answer (RFC 9110 section 15.2); a switch of protocols is final.
pub(super) fn is_interim(status: StatusCode) -> bool {
    status.is_informational() && status != StatusCode::SWITCHING_PROTOCOLS
}

/// Takes out the fields that are about the connection to the upstream (RFC 9110 section 7.6.1),
/// those that `Connection` nominates among them. Framing is the proxy's own.
fn end_hop(response: &mut ResponseHeader) {
    if response.status == StatusCode::SWITCHING_PROTOCOLS {
        return;
    }
    // One look at each name costs less than a search for each of these.
    if !response
        .headers
        .keys()
        .any(|name| OF_ONE_HOP.contains(name))
    {
        return;
    }
    if response.headers.contains_key(CONNECTION) {
        let nominated: Vec<HeaderName> = response
            .headers
            .get_all(CONNECTION)
            .iter()
            .flat_map(|field| field.as_bytes().split(|byte| *byte == b','))
            .filter_map(|name| HeaderName::from_bytes(name.trim_ascii()).ok())
            .filter(|name| ![CONTENT_LENGTH, TRANSFER_ENCODING, TRAILER].contains(name))
            .collect();
        for name in &nominated {
            response.remove_header(name);
        }
        response.remove_header(&CONNECTION);
    }
    // In a 426 it says what is asked for (RFC 9110 section 15.5.22).
    let upgrade = (response.status != StatusCode::UPGRADE_REQUIRED).then_some(UPGRADE);
    let others = [KEEP_ALIVE, PROXY_CONNECTION, PROXY_AUTHENTICATE, TE];
    for name in others.into_iter().chain(upgrade) {
        response.remove_header(&name);
    }
}

/// A server has few things to say before its answer (RFC 9110 section 15.2).
const MOST_INTERIM: u32 = 16;
/// What may be taken out.
static OF_ONE_HOP: [HeaderName; 6] = [
    CONNECTION,
    KEEP_ALIVE,
    PROXY_CONNECTION,
    PROXY_AUTHENTICATE,
    TE,
    UPGRADE,
];
const KEEP_ALIVE: HeaderName = HeaderName::from_static("keep-alive");
const PROXY_CONNECTION: HeaderName = HeaderName::from_static("proxy-connection");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_no_length_ends_with_a_connection_of_http_1_0() {
        let ends = |method: &str, version, status, fields: &[(&'static str, &str)]| {
            let mut request = RequestHeader::build(method, b"/", None).unwrap();
            request.set_version(version);
            ends_with_connection(&request, &response(status, fields))
        };
        let (length, chunks) = (
            [("Content-Length", "0")],
            [("Transfer-Encoding", "chunked")],
        );
        let old = Version::HTTP_10;
        assert!(ends("GET", old, 200, &[]));
        assert!(ends("GET", old, 200, &chunks));
        assert!(!ends("GET", old, 200, &length));
        assert!(!ends("GET", Version::HTTP_11, 200, &chunks));
        assert!(!ends("HEAD", old, 200, &chunks));
        for status in [103, 204, 304] {
            assert!(!ends("GET", old, status, &[]), "{status}");
        }
    }

    fn response(status: u16, fields: &[(&'static str, &str)]) -> ResponseHeader {
        let mut response = ResponseHeader::build(status, None).unwrap();
        for (name, value) in fields {
            response.append_header(*name, *value).unwrap();
        }
        response
    }

    #[test]
    fn fields_of_one_connection_end() {
        let fields = [
            ("Connection", "close, X-Hop, Content-Length"),
            ("X-Hop", "1"),
            ("Keep-Alive", "timeout=5"),
            ("Upgrade", "h2c"),
            ("Content-Length", "0"),
            ("X-Stays", "1"),
        ];
        let mut ended = response(200, &fields);
        end_hop(&mut ended);
        let left: Vec<_> = ended.headers.keys().map(HeaderName::as_str).collect();
        assert_eq!(left, ["content-length", "x-stays"]);

        let mut switching = response(101, &fields);
        end_hop(&mut switching);
        assert_eq!(switching.headers.len(), 6);
        let mut required = response(426, &fields);
        end_hop(&mut required);
        assert_eq!(required.headers["upgrade"], "h2c");
    }
}
