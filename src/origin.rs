//! Whether a page may send a cookie-borne credential.
//!
//! A browser attaches cookies whichever page asks; so a request that could change something, or
//! open a WebSocket, must prove that it comes from the site itself or from a listed origin, by
//! `Origin` (RFC 6454 section 7) or Fetch Metadata's `Sec-Fetch-Site`. Both cannot be set by a
//! page's script. Without either the request is refused.

use http::header::{HeaderMap, HeaderName, ORIGIN};
use http::{HeaderValue, Method};

use crate::canonical::{AllowedOrigin, Host};
use crate::rejection::{Code, Rejection};

/// The origin that a request was sent to.
#[derive(Clone, Copy, Debug)]
pub struct OwnOrigin<'a> {
    /// Whether the client came by `https`.
    pub is_https: bool,
    /// The host that it named.
    pub host: Host<'a>,
}

impl OwnOrigin<'_> {
    fn is(&self, origin: &str) -> bool {
        let (scheme, default_port) = if self.is_https {
            ("https", 443)
        } else {
            ("http", 80)
        };
        let host = origin
            .strip_prefix(scheme)
            .and_then(|rest| rest.strip_prefix("://"));
        host.and_then(|text| Host::parse(text).ok())
            .is_some_and(|host| {
                host.name().eq_ignore_ascii_case(self.host.name())
                    && host.port().unwrap_or(default_port)
                        == self.host.port().unwrap_or(default_port)
            })
    }

    /// Whether a page of this host came by `https`, and the request counts as plaintext: TLS ended before
    /// the gateway, and nobody has said so. A browser that calls the page another site's is believed.
    fn is_taken_for_plaintext(&self, headers: &HeaderMap) -> bool {
        let origin = headers.get(ORIGIN).and_then(|origin| origin.to_str().ok());
        let site = headers.get(&SEC_FETCH_SITE);
        let encrypted = Self {
            is_https: true,
            host: self.host,
        };
        !self.is_https
            && site.is_none_or(|site| site == "same-origin")
            && origin.is_some_and(|origin| encrypted.is(origin))
    }
}

/// Who attaches a credential to the requests of a browser, whichever page sends them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AttachedBy {
    /// The browser itself, as a cookie.
    Browser,
    /// A proxy in front, for browsers that it knows by a cookie. Programs come by it as well. Every browser names
    /// the origin of a page that sends what is not safe, or opens a WebSocket, so what names neither an origin nor
    /// a site is of no page, and passes.
    Proxy,
}

/// Whether a request with such a credential may pass.
///
/// Safe methods (GET, HEAD, OPTIONS) pass unless they open a WebSocket. For the rest:
///
/// - An `Origin` must be the own one or one of `allowed`; two fields and anything else are refused.
/// - `Origin: null` is what a browser sends for a page that keeps its address to itself
///   (`Referrer-Policy: no-referrer`), and for one that has no origin, such as a sandboxed frame.
///   Only `Sec-Fetch-Site: same-origin` tells them apart.
/// - The own `Origin` with a `Sec-Fetch-Site` other than `same-origin` is refused: they disagree.
/// - Without `Origin`, only `Sec-Fetch-Site: same-origin` passes; `none`, which says that the
///   user began the request, vouches for safe methods only.
pub fn allows(
    attached_by: AttachedBy,
    method: &Method,
    is_websocket: bool,
    headers: &HeaderMap,
    own: &OwnOrigin<'_>,
    allowed: &[AllowedOrigin],
) -> Result<(), OriginRefusal> {
    if !is_websocket && matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS) {
        return Ok(());
    }
    let is_listed = |origin: &str| allowed.iter().any(|listed| listed.admits(origin));
    let found = check(headers, |origin| own.is(origin), is_listed);
    match found {
        Err(OriginRefusal::Foreign) if own.is_taken_for_plaintext(headers) => {
            Err(OriginRefusal::Scheme)
        }
        Err(OriginRefusal::Absent) if attached_by == AttachedBy::Proxy => Ok(()),
        found => found,
    }
}

/// Whether a browser says that a page of this site, or of a listed origin, sends a request: the part
/// of [`allows`] that is the same for every method, and for every listener.
pub fn check(
    headers: &HeaderMap,
    is_own: impl Fn(&str) -> bool,
    is_listed: impl Fn(&str) -> bool,
) -> Result<(), OriginRefusal> {
    let site = single(headers, &SEC_FETCH_SITE)?;
    let is_same_origin = site.is_none_or(|site| site == "same-origin");
    let Some(origin) = single(headers, &ORIGIN)? else {
        return match site {
            None => Err(OriginRefusal::Absent),
            Some(_) if is_same_origin => Ok(()),
            Some(_) => Err(OriginRefusal::Foreign),
        };
    };
    let origin = origin.to_str().map_err(|_| OriginRefusal::Foreign)?;
    if origin == OPAQUE {
        let vouched = site.is_some() && is_same_origin;
        return vouched.then_some(()).ok_or(OriginRefusal::Foreign);
    }
    if is_listed(origin) {
        return Ok(());
    }
    match is_own(origin) {
        true if is_same_origin => Ok(()),
        true => Err(OriginRefusal::Disagree),
        false => Err(OriginRefusal::Foreign),
    }
}

/// Why a request may not use a cookie.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OriginRefusal {
    /// Neither `Origin` nor `Sec-Fetch-Site`.
    #[error("the request has no origin")]
    Absent,
    /// Another origin, or one that the browser does not name.
    #[error("the request comes from another origin")]
    Foreign,
    /// The own origin by `https`, of a request that the gateway takes for `http`.
    #[error("the request comes by `https`, and the gateway takes it for `http`")]
    Scheme,
    /// `Origin` and `Sec-Fetch-Site` contradict each other.
    #[error("the request has two different origins")]
    Disagree,
    /// A field that must be unique occurs twice.
    #[error("the request has two origins")]
    Repeated,
}

impl From<OriginRefusal> for Rejection {
    fn from(refusal: OriginRefusal) -> Self {
        let reason = match refusal {
            OriginRefusal::Absent => "origin_absent",
            OriginRefusal::Foreign => "origin_foreign",
            OriginRefusal::Scheme => "origin_scheme",
            OriginRefusal::Disagree => "origin_disagrees",
            OriginRefusal::Repeated => "origin_repeated",
        };
        Self::new(Code::Forbidden, reason)
    }
}

fn single<'a>(
    headers: &'a HeaderMap,
    name: &HeaderName,
) -> Result<Option<&'a HeaderValue>, OriginRefusal> {
    let mut fields = headers.get_all(name).iter();
    let first = fields.next();
    if fields.next().is_some() {
        Err(OriginRefusal::Repeated)
    } else {
        Ok(first)
    }
}

/// An origin that is not named (RFC 6454 section 7.3).
const OPAQUE: &str = "null";
const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

#[cfg(test)]
mod tests;
