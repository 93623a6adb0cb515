//! What an upstream's answer loses and gains on its way: fields of one connection end here, and
//! what was made for one user is not kept for others.

use http::header::{
    CACHE_CONTROL, CONNECTION, CONTENT_LENGTH, HeaderName, HeaderValue, PROXY_AUTHENTICATE, TE,
    TRAILER, TRANSFER_ENCODING, UPGRADE, VARY,
};
use http::{Method, StatusCode, Version};
use pingora::Result;
use pingora::http::{RequestHeader, ResponseHeader};

use super::context::{Phase, RequestContext};
use super::edits::{self, Sources};
use super::{answer, connection, set_cookie};
use crate::config::Access;

/// Takes out what ends here, and puts in what the client is told.
pub(super) fn rewrite(
    request: &RequestHeader,
    response: &mut ResponseHeader,
    ctx: &mut RequestContext,
) -> Result<()> {
    if is_interim(response.status) {
        return response.insert_header(answer::REQUEST_ID, ctx.id.header());
    }
    if let Some(time) = &ctx.time {
        time.answered();
    }
    if let Some(route) = &ctx.route {
        if ctx.upstream_status.is_none() {
            ctx.upstream_status = Some(response.status);
            let phase = Phase::since(ctx.asked);
            route.upstream.answered_after(phase.took);
            ctx.upstream = Some(phase);
        }
        end_hop(response);
        edits::apply(&route.response_headers, response, Sources::of(ctx))?;
        if route.access != Access::None {
            let method = &request.method;
            let is_for_user = ctx.session().is_some();
            ctx.site.varying.mark(response, method, is_for_user)?;
        }
    }
    if request.version == Version::HTTP_10 {
        // It knows no chunks (RFC 9112 section 6.1): the end of the connection is the answer's.
        response.remove_header(&TRANSFER_ENCODING);
    }
    let own_cookies = ctx.site.places.own_cookies();
    set_cookie::keep_ours(response, own_cookies, ctx.set_cookie.take())?;
    connection::stamp(response)?;
    response.insert_header(answer::REQUEST_ID, ctx.id.header())
}

/// An answer before the answer (RFC 9110 section 15.2); a switch of protocols is final.
fn is_interim(status: StatusCode) -> bool {
    status.is_informational() && status != StatusCode::SWITCHING_PROTOCOLS
}

/// Takes out the fields that are about the connection to the upstream (RFC 9110 section 7.6.1),
/// those that `Connection` nominates among them. Framing is the proxy's own.
fn end_hop(response: &mut ResponseHeader) {
    if response.status == StatusCode::SWITCHING_PROTOCOLS {
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
    for name in [KEEP_ALIVE, PROXY_CONNECTION, PROXY_AUTHENTICATE, TE] {
        response.remove_header(&name);
    }
    // In a 426 it says what is asked for (RFC 9110 section 15.5.22).
    if response.status != StatusCode::UPGRADE_REQUIRED {
        response.remove_header(&UPGRADE);
    }
}

/// The fields by which requests present credentials.
#[derive(Debug)]
pub struct Varying {
    names: Vec<HeaderName>,
    value: HeaderValue,
}

impl Varying {
    /// Of these fields.
    pub fn new(names: Vec<HeaderName>) -> Self {
        let listed: Vec<&str> = names.iter().map(HeaderName::as_str).collect();
        // Field names with commas between are a field value.
        let value = HeaderValue::from_str(&listed.join(", "));
        Self {
            value: value.unwrap_or(HeaderValue::from_static("*")),
            names,
        }
    }

    /// Tells caches that the answer to a request depends on its credential: one that says nothing
    /// of caching is kept by the client alone when it was made for a user, and whatever is kept
    /// is for those who present the same.
    fn mark(
        &self,
        response: &mut ResponseHeader,
        method: &Method,
        is_for_user: bool,
    ) -> Result<()> {
        if is_for_user && !response.headers.contains_key(CACHE_CONTROL) {
            response.insert_header(CACHE_CONTROL, "private")?;
        }
        if !matches!(*method, Method::GET | Method::HEAD) || is_never_stored(response) {
            return Ok(());
        }
        if !response.headers.contains_key(VARY) {
            return response.insert_header(VARY, self.value.clone());
        }
        let missing: Vec<&str> = self
            .names
            .iter()
            .map(HeaderName::as_str)
            .filter(|name| !names(response, name))
            .collect();
        if missing.is_empty() || names(response, "*") {
            return Ok(());
        }
        response.append_header(VARY, missing.join(", ")).map(|_| ())
    }
}

fn is_never_stored(response: &ResponseHeader) -> bool {
    let fields = response.headers.get_all(CACHE_CONTROL).iter();
    fields
        .flat_map(|field| field.as_bytes().split(|byte| *byte == b','))
        .any(|directive| directive.trim_ascii().eq_ignore_ascii_case(b"no-store"))
}

/// Whether `Vary` has this name.
fn names(response: &ResponseHeader, name: &str) -> bool {
    let fields = response.headers.get_all(VARY).iter();
    fields
        .flat_map(|field| field.as_bytes().split(|byte| *byte == b','))
        .any(|listed| listed.trim_ascii().eq_ignore_ascii_case(name.as_bytes()))
}

const KEEP_ALIVE: HeaderName = HeaderName::from_static("keep-alive");
const PROXY_CONNECTION: HeaderName = HeaderName::from_static("proxy-connection");

#[cfg(test)]
mod tests {
    use http::header::{AUTHORIZATION, COOKIE};

    use super::*;

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

    #[test]
    fn answers_vary_by_what_presents_a_credential() {
        let varying = Varying::new(vec![AUTHORIZATION, COOKIE]);
        for (has, told) in [
            (&[][..], "authorization, cookie"),
            (
                &[("Vary", "Cookie, Origin")],
                "Cookie, Origin|authorization",
            ),
            (&[("Vary", "authorization,cookie")], "authorization,cookie"),
            (&[("Vary", "*")], "*"),
            (&[("Cache-Control", "no-store")], ""),
        ] {
            let mut response = response(200, has);
            varying.mark(&mut response, &Method::GET, false).unwrap();
            let fields = response.headers.get_all(VARY).iter();
            let fields: Vec<_> = fields.map(|field| field.to_str().unwrap()).collect();
            assert_eq!(fields.join("|"), told, "{has:?}");
        }
        let mut posted = response(200, &[]);
        varying.mark(&mut posted, &Method::POST, true).unwrap();
        assert!(!posted.headers.contains_key(VARY));
    }

    #[test]
    fn what_was_made_for_a_user_is_private_unless_it_says() {
        let varying = Varying::new(vec![COOKIE]);
        for (has, for_user, told) in [
            (None, true, Some("private")),
            (None, false, None),
            (Some("public, max-age=60"), true, Some("public, max-age=60")),
        ] {
            let field = has.map(|value| ("Cache-Control", value));
            let mut response = response(200, field.as_slice());
            varying.mark(&mut response, &Method::GET, for_user).unwrap();
            let found = response.headers.get(CACHE_CONTROL);
            assert_eq!(found.map(|field| field.to_str().unwrap()), told, "{has:?}");
        }
    }
}
