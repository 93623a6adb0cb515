//! What the other proxy says of the request that it asks about.
//!
//! Three ways of saying it, and never two at once, since one of them would be the client's:
//!
//! - Envoy appends the path to `{api}/check` and asks by the method and `Host` of the request;
//! - Traefik and Caddy send `X-Forwarded-Method`, `-Host` and `-Uri`;
//! - nginx sends `X-Original-Method` and `X-Original-URI`, or `X-Original-URL` with the host.

use http::header::{
    CONNECTION, CONTENT_LENGTH, EXPECT, HOST, HeaderName, HeaderValue, TRANSFER_ENCODING, UPGRADE,
};
use http::{Method, StatusCode};
use memchr::{memchr, memmem};
use pingora::http::RequestHeader;

use crate::proxy::request::inspect;
use crate::proxy::snapshot::ProxySettings;
use crate::rejection::{Code, Rejection};

/// A request at another proxy.
pub(super) struct Original {
    /// As it would have come here.
    pub(super) request: RequestHeader,
    /// nginx takes every answer but 2xx, 401 and 403 for a failure of the gateway.
    pub(super) only_401_and_403: bool,
}

impl Original {
    /// The rejection with a status that the other proxy understands.
    pub(super) fn answerable(&self, rejection: Rejection) -> Rejection {
        let is_other = rejection.status.is_client_error()
            && ![StatusCode::UNAUTHORIZED, StatusCode::FORBIDDEN].contains(&rejection.status);
        if self.only_401_and_403 && is_other {
            rejection.with_status(StatusCode::FORBIDDEN)
        } else {
            rejection
        }
    }
}

/// The request that `asked` is about.
///
/// # Errors
///
/// It says too little, too much, or what is no request.
pub(super) fn of(asked: &RequestHeader, settings: &ProxySettings) -> Result<Original, Rejection> {
    let inspected = inspect::inspect(asked, &settings.limits)?;
    let appended = settings.asked_path(inspected.target);
    let uri = single(asked, &FORWARDED_URI)?;
    let original_uri = single(asked, &ORIGINAL_URI)?;
    let original_url = single(asked, &ORIGINAL_URL)?;
    let required = |name| {
        let field = single(asked, name)?.ok_or(refused("check_original_missing"))?;
        std::str::from_utf8(field).map_err(|_| refused("check_original_invalid"))
    };
    let (method, host, target, only_401_and_403) = match (appended, uri, original_uri, original_url)
    {
        (Some(target), None, None, None) => {
            let host = inspected.host.authority();
            (asked.method.as_str(), host, target, false)
        }
        (None, Some(target), None, None) => (
            required(&FORWARDED_METHOD)?,
            required(&FORWARDED_HOST)?,
            target,
            false,
        ),
        (None, None, Some(target), None) => (
            required(&ORIGINAL_METHOD)?,
            inspected.host.authority(),
            target,
            true,
        ),
        (None, None, None, Some(url)) => {
            let (host, target) = split(url).ok_or(refused("check_original_invalid"))?;
            (required(&ORIGINAL_METHOD)?, host, target, true)
        }
        (None, None, None, None) => return Err(refused("check_original_missing")),
        _ => return Err(refused("check_original_ambiguous")),
    };
    let request = rebuilt(asked, method, host, target);
    Ok(Original {
        request: request.ok_or(refused("check_original_invalid"))?,
        only_401_and_403,
    })
}

fn rebuilt(
    asked: &RequestHeader,
    method: &str,
    host: &str,
    target: &[u8],
) -> Option<RequestHeader> {
    // A fragment is no part of a target, and would be dropped here.
    if !target.starts_with(b"/") || target.contains(&b'#') {
        return None;
    }
    let target = inspect::with_escaped_query(target);
    let method = Method::from_bytes(method.as_bytes()).ok()?;
    let size = asked.headers.len();
    let mut request = RequestHeader::build(method, &target, Some(size)).ok()?;
    for (name, value) in &asked.headers {
        if !OF_THE_QUESTION.contains(name) {
            request.append_header(name, value).ok()?;
        }
    }
    request.insert_header(HOST, host).ok()?;
    // `Upgrade` does not get past the other proxy, which asks by a request of its own; what may be
    // a WebSocket there is taken for one.
    if request.headers.contains_key(WEBSOCKET_KEY) || request.headers.contains_key(UPGRADE) {
        let websocket = HeaderValue::from_static("websocket");
        request.insert_header(UPGRADE, websocket).ok()?;
        request.insert_header(CONNECTION, UPGRADE.as_str()).ok()?;
    }
    Some(request)
}

/// Host and path of an absolute URL.
fn split(url: &[u8]) -> Option<(&str, &[u8])> {
    let colon = memmem::find(url, b"://")?;
    let (scheme, rest) = url.split_at_checked(colon)?;
    let rest = rest.get(3..)?;
    let (host, target) = rest.split_at_checked(memchr(b'/', rest)?)?;
    let is_web = scheme.eq_ignore_ascii_case(b"http") || scheme.eq_ignore_ascii_case(b"https");
    is_web.then_some((std::str::from_utf8(host).ok()?, target))
}

fn single<'a>(asked: &'a RequestHeader, name: &HeaderName) -> Result<Option<&'a [u8]>, Rejection> {
    let mut fields = asked.headers.get_all(name).iter();
    let Some(field) = fields.next() else {
        return Ok(None);
    };
    if fields.next().is_some() {
        return Err(refused("check_original_ambiguous"));
    }
    Ok(Some(field.as_bytes()))
}

/// 403, since nginx takes 400 for a failure of the gateway.
fn refused(reason: &'static str) -> Rejection {
    Rejection::new(Code::Forbidden, reason)
}

const FORWARDED_METHOD: HeaderName = HeaderName::from_static("x-forwarded-method");
const FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
const FORWARDED_URI: HeaderName = HeaderName::from_static("x-forwarded-uri");
const ORIGINAL_METHOD: HeaderName = HeaderName::from_static("x-original-method");
const ORIGINAL_URI: HeaderName = HeaderName::from_static("x-original-uri");
const ORIGINAL_URL: HeaderName = HeaderName::from_static("x-original-url");
const WEBSOCKET_KEY: HeaderName = HeaderName::from_static("sec-websocket-key");

/// Fields of the question itself, which the request that it is about does not have.
const OF_THE_QUESTION: [HeaderName; 10] = [
    CONNECTION,
    CONTENT_LENGTH,
    EXPECT,
    HOST,
    TRANSFER_ENCODING,
    FORWARDED_METHOD,
    FORWARDED_URI,
    ORIGINAL_METHOD,
    ORIGINAL_URI,
    ORIGINAL_URL,
];
