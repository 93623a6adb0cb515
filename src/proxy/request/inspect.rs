//! Checks on the request itself: what has more than one reading goes no further.
//!
//! Servers disagree about duplicated lengths, missing hosts and odd targets, and a request that
//! two of them read differently is how one user's request becomes another's (RFC 9112 section
//! 11.2). Sizes come first, since everything after costs time in proportion.

use std::borrow::Cow;

use http::header::{
    CONNECTION, CONTENT_LENGTH, COOKIE, HOST, HeaderName, TRANSFER_ENCODING, UPGRADE,
};
use http::{Method, StatusCode, Version};
use memchr::{memchr, memchr3};
use pingora::http::RequestHeader;
use pingora::http::authority::{RawTargetAuthority, raw_target_authority};

use crate::canonical::{CanonicalPath, Host, HostError, PathError};
use crate::field_name::folded;
use crate::limit::Limits;
use crate::rejection::{Code, Rejection};
use crate::route::Methods;

/// A request with one reading.
#[derive(Debug)]
pub struct Inspected<'a> {
    /// The host that it is for.
    pub host: Host<'a>,
    /// The path, to be matched. An escaped slash or an empty segment in it is the route's business.
    pub path: CanonicalPath<'a>,
    /// What follows `?`, when there is one. It may have bytes beyond ASCII, of any encoding.
    pub query: Option<&'a [u8]>,
    /// Path and query, in the bytes to be forwarded.
    pub target: &'a [u8],
    /// The target came in absolute-form: [`RequestHeader::set_raw_path`] it to `target`, since
    /// upstreams expect origin-form.
    pub is_absolute: bool,
    /// The announced length of the body.
    pub content_length: Option<u64>,
}

/// Checks a request's header.
pub fn inspect<'a>(
    request: &'a RequestHeader,
    limits: &Limits,
) -> Result<Inspected<'a>, InspectError> {
    let raw_target = request.raw_path();
    check_sizes(request, raw_target, limits)?;
    if !Methods::ANY.contains(&request.method) {
        return Err(InspectError::Method);
    }
    if !matches!(
        request.version,
        Version::HTTP_10 | Version::HTTP_11 | Version::HTTP_2
    ) {
        return Err(InspectError::Version);
    }
    let content_length = check_framing(request)?;
    if request.headers.keys().any(imitates_framing) {
        return Err(InspectError::FieldName);
    }
    check_http2(request)?;

    let host = host(request)?;
    let authority = host.authority();
    let (target, is_absolute) = match raw_target_authority(raw_target) {
        RawTargetAuthority::None => (raw_target, false),
        RawTargetAuthority::Absolute {
            scheme,
            authority: named,
            path_and_query,
        } => {
            if !is_web(scheme) || !named.eq_ignore_ascii_case(authority.as_bytes()) {
                return Err(InspectError::Target);
            }
            (
                if path_and_query.is_empty() {
                    b"/"
                } else {
                    path_and_query
                },
                true,
            )
        }
        RawTargetAuthority::AmbiguousAuthority => return Err(InspectError::Target),
    };
    let (path, query) = match memchr(b'?', target).and_then(|at| target.split_at_checked(at)) {
        Some((path, query)) => (path, query.get(1..)),
        None => (target, None),
    };
    let path = std::str::from_utf8(path).map_err(|_| PathError::NotAscii)?;
    let path = CanonicalPath::parse_for_routes(path)?;
    if query.is_some_and(|query| query.iter().copied().any(is_no_query)) {
        return Err(InspectError::Query);
    }
    Ok(Inspected {
        host,
        path,
        query,
        target,
        is_absolute,
        content_length,
    })
}

/// The one host that a request names.
pub fn host(request: &RequestHeader) -> Result<Host<'_>, InspectError> {
    Ok(Host::parse(single_host(request)?)?)
}

/// Whether the request asks to become a WebSocket (RFC 6455 section 4.2.1), in the one form that is
/// forwarded as such. Decides which rules apply, never who may pass.
pub fn is_websocket(request: &RequestHeader) -> bool {
    let mut protocols = request.headers.get_all(UPGRADE).iter();
    let Some(protocol) = protocols.next() else {
        return false;
    };
    let options = request.headers.get_all(CONNECTION).iter();
    let mut options = options.flat_map(|field| field.as_bytes().split(|byte| *byte == b','));
    request.version == Version::HTTP_11
        && request.method == Method::GET
        && protocols.next().is_none()
        && protocol.as_bytes().eq_ignore_ascii_case(b"websocket")
        && options.any(|option| option.trim_ascii().eq_ignore_ascii_case(b"upgrade"))
}

/// Why a request is refused before its credential is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InspectError {
    /// A longer target than `limits.uri_size`.
    #[error("the request target is too long")]
    TargetTooLong,
    /// More fields than `limits.header_count`, in which all cookies count as one.
    #[error("too many header fields")]
    TooManyFields,
    /// A larger header than `limits.header_size`.
    #[error("the header is too large")]
    HeaderTooLarge,
    /// Not one of [`Methods::ANY`]. TRACE reflects credentials,
    /// CONNECT tunnels.
    #[error("the method is not supported")]
    Method,
    /// Not HTTP/1.0, HTTP/1.1 or HTTP/2.
    #[error("the HTTP version is not supported")]
    Version,
    /// `Content-Length` that is no single number, or together with `Transfer-Encoding`, or that
    /// with another coding than `chunked`.
    #[error("the length of the body is ambiguous")]
    Framing,
    /// A field name that some servers read as `Content-Length` or `Transfer-Encoding`.
    #[error("a field name imitates another one")]
    FieldName,
    /// A field value of HTTP/2 that begins or ends with white space (RFC 9113 section 8.2.1).
    #[error("a field value begins or ends with white space")]
    FieldValue,
    /// No `Host` (RFC 9112 section 3.2), or an empty one.
    #[error("the request names no host")]
    HostMissing,
    /// Two, or one that differs from `:authority`.
    #[error("the request names two hosts")]
    HostRepeated,
    /// Not a host name.
    #[error(transparent)]
    Host(#[from] HostError),
    /// An absolute-form target for another host or scheme, or no target of these forms.
    #[error("the request target does not belong to its host")]
    Target,
    /// Not a path with one reading.
    #[error(transparent)]
    Path(#[from] PathError),
    /// A query with white space, control characters or `#`.
    #[error("the query has characters that must be escaped")]
    Query,
}

impl From<InspectError> for Rejection {
    fn from(error: InspectError) -> Self {
        let invalid = |reason| Self::new(Code::InvalidRequest, reason);
        let too_large = |reason| Self::new(Code::TooLarge, reason);
        match error {
            InspectError::TargetTooLong => {
                too_large("target_too_long").with_status(StatusCode::URI_TOO_LONG)
            }
            InspectError::TooManyFields => too_large("too_many_header_fields")
                .with_status(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE),
            InspectError::HeaderTooLarge => too_large("header_too_large")
                .with_status(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE),
            InspectError::Method => {
                invalid("method_not_supported").with_status(StatusCode::METHOD_NOT_ALLOWED)
            }
            InspectError::Version => {
                invalid("version_not_supported").with_status(StatusCode::HTTP_VERSION_NOT_SUPPORTED)
            }
            InspectError::Framing => invalid("body_length_ambiguous"),
            InspectError::FieldName => invalid("field_name_imitates_framing"),
            InspectError::FieldValue => invalid("field_value_padded"),
            InspectError::HostMissing => invalid("host_missing"),
            InspectError::HostRepeated => invalid("host_repeated"),
            InspectError::Host(error) => error.into(),
            InspectError::Target => invalid("target_not_for_host"),
            InspectError::Path(error) => error.into(),
            InspectError::Query => invalid("query_invalid"),
        }
    }
}

/// What a parser of HTTP/1 sees to: white space around values, which is none of them there, and the scheme,
/// which only an absolute-form target has.
fn check_http2(request: &RequestHeader) -> Result<(), InspectError> {
    if request.version != Version::HTTP_2 {
        return Ok(());
    }
    let scheme = request.uri.scheme();
    if scheme.is_some_and(|scheme| !is_web(scheme.as_str().as_bytes())) {
        return Err(InspectError::Target);
    }
    let is_space = |byte: Option<&u8>| matches!(byte, Some(b' ' | b'\t'));
    let mut values = request.headers.values().map(|value| value.as_bytes());
    match values.any(|value| is_space(value.first()) || is_space(value.last())) {
        true => Err(InspectError::FieldValue),
        false => Ok(()),
    }
}

/// Whether a target or `:scheme` of this scheme is served.
fn is_web(scheme: &[u8]) -> bool {
    scheme.eq_ignore_ascii_case(b"http") || scheme.eq_ignore_ascii_case(b"https")
}

fn check_sizes(
    request: &RequestHeader,
    raw_target: &[u8],
    limits: &Limits,
) -> Result<(), InspectError> {
    if exceeds(raw_target.len(), limits.uri_size) {
        return Err(InspectError::TargetTooLong);
    }
    // Over HTTP/2 browsers send each cookie as a field of its own, of which upstreams get one (RFC 9113
    // section 8.2.3). So they are counted as one, and bounded by its size.
    let cookies = request.headers.get_all(COOKIE).iter().count();
    let more_cookies = cookies.saturating_sub(1);
    if request.headers.len() - more_cookies > limits.header_count {
        return Err(InspectError::TooManyFields);
    }
    let fields = request.headers.iter();
    let size: usize = fields
        .map(|(name, value)| name.as_str().len() + value.len() + SEPARATORS)
        .sum();
    let size = size - more_cookies * CRUMB_SAVES;
    if exceeds(
        request.method.as_str().len() + raw_target.len() + size,
        limits.header_size,
    ) {
        return Err(InspectError::HeaderTooLarge);
    }
    Ok(())
}

fn exceeds(length: usize, limit: bytesize::ByteSize) -> bool {
    u64::try_from(length).map_or(true, |length| length > limit.as_u64())
}

/// RFC 9112 sections 6.1 and 6.3. Equal duplicates of a length are refused too, since they would
/// be forwarded; so is every coding but `chunked`, and any coding of another version.
fn check_framing(request: &RequestHeader) -> Result<Option<u64>, InspectError> {
    let mut lengths = request.headers.get_all(CONTENT_LENGTH).iter();
    let mut codings = request.headers.get_all(TRANSFER_ENCODING).iter();
    let (length, coding) = (lengths.next(), codings.next());
    if lengths.next().is_some() || codings.next().is_some() {
        return Err(InspectError::Framing);
    }
    let field = match (length, coding) {
        (None, None) => return Ok(None),
        (None, Some(coding)) => {
            let is_chunked = coding
                .as_bytes()
                .trim_ascii()
                .eq_ignore_ascii_case(b"chunked");
            let may_be = is_chunked && request.version == Version::HTTP_11;
            return if may_be {
                Ok(None)
            } else {
                Err(InspectError::Framing)
            };
        }
        (Some(_), Some(_)) => return Err(InspectError::Framing),
        (Some(field), None) => field,
    };
    let digits = field.to_str().map_err(|_| InspectError::Framing)?;
    // `u64::from_str` would take a sign.
    if !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(InspectError::Framing);
    }
    digits.parse().map(Some).map_err(|_| InspectError::Framing)
}

/// Browsers escape less in a query than RFC 3986 asks for: not bytes beyond ASCII, `|` or `{`.
fn is_no_query(byte: u8) -> bool {
    byte == b'#' || byte <= b' ' || byte == 0x7f
}

/// A target with `"`, `<` and `>` percent-encoded in its query, as the URL standard has browsers do:
/// the `http` crate knows no target with them.
pub fn with_escaped_query(target: &[u8]) -> Cow<'_, [u8]> {
    let query = memchr(b'?', target).unwrap_or(target.len());
    if memchr3(b'"', b'<', b'>', target.get(query..).unwrap_or_default()).is_none() {
        return Cow::Borrowed(target);
    }
    let mut escaped = Vec::with_capacity(target.len() + 64);
    for (at, byte) in target.iter().enumerate() {
        match byte {
            b'"' if at > query => escaped.extend_from_slice(b"%22"),
            b'<' if at > query => escaped.extend_from_slice(b"%3C"),
            b'>' if at > query => escaped.extend_from_slice(b"%3E"),
            byte => escaped.push(*byte),
        }
    }
    Cow::Owned(escaped)
}

fn imitates_framing(name: &HeaderName) -> bool {
    let is_plain = name
        .as_str()
        .bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    !is_plain
        && FRAMING
            .iter()
            .any(|known| folded(name.as_str()).eq(known.bytes()))
}

fn single_host(request: &RequestHeader) -> Result<&str, InspectError> {
    let mut fields = request.headers.get_all(HOST).iter();
    let field = match fields.next() {
        Some(value) => Some(value.to_str().map_err(|_| HostError)?),
        None => None,
    };
    if fields.next().is_some() {
        return Err(InspectError::HostRepeated);
    }
    // HTTP/2's `:authority`; HTTP/1 leaves it unset.
    let authority = request.uri.authority().map(http::uri::Authority::as_str);
    match (authority, field) {
        (Some(authority), Some(field)) if !authority.eq_ignore_ascii_case(field) => {
            Err(InspectError::HostRepeated)
        }
        (Some(host), _) | (None, Some(host)) if !host.is_empty() => Ok(host),
        _ => Err(InspectError::HostMissing),
    }
}

/// Folded names of the fields whose imitation changes where a request ends or goes.
const FRAMING: &[&str] = &["content-length", "transfer-encoding"];

/// `: ` and the end of the line, which each field costs on the wire.
const SEPARATORS: usize = 4;
/// What a further cookie costs less in one field with the others: its name and separators, but for the `; `
/// before it.
const CRUMB_SAVES: usize = "cookie".len() + SEPARATORS - 2;

#[cfg(test)]
mod tests;
