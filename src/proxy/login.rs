//! Redirects a browser without a login to the login page.
//!
//! Only navigations are redirected: requests from scripts and programs are refused with 401. The
//! address to return to is the requested one, on a host that the configuration names; the target of
//! the redirect never comes from the request.

use http::header::ACCEPT;
use http::{HeaderMap, HeaderName, Method};
use percent_encoding::{CONTROLS, percent_encode};
use pingora::http::RequestHeader;

use super::context::RequestContext;
use super::inspect::{self, Inspected};
use super::negotiation;
use crate::canonical::{CanonicalPath, Host};
use crate::config::{Access, LoginUrl};
use crate::credential::Source;
use crate::rejection::{Code, Rejection};
use crate::route::Route;

/// Where to send the client instead of answering with `rejection`. `None`: nowhere.
pub fn location(
    request: &RequestHeader,
    rejection: &Rejection,
    is_https: bool,
    ctx: &RequestContext,
) -> Option<String> {
    let route = ctx.route.as_ref()?;
    let login = route.login.as_ref()?;
    // What is wrong with a credential that is not one, no login mends.
    let mends = matches!(
        rejection.code,
        Code::TokenMissing | Code::TokenExpired | Code::LoginRequired
    );
    let is_explicit = [Source::Authorization, Source::Header]
        .iter()
        .any(|source| source.label() == ctx.source);
    if !mends || is_explicit || !is_navigation(request) {
        return None;
    }
    let inspected = inspect::inspect(request, &ctx.snapshot.proxy.limits).ok()?;
    if leads_back(login, &inspected, ctx) {
        return None;
    }
    // A query may have bytes beyond ASCII, which a field value has not.
    let target = percent_encode(inspected.target, CONTROLS);
    let return_to = match login.authority() {
        // The path is canonical: one slash, so no host.
        None => target.to_string(),
        Some(_) if knows(&inspected.host, route, ctx) => {
            let scheme = if is_https { "https" } else { "http" };
            format!("{scheme}://{}{target}", inspected.host.authority())
        }
        Some(_) => return None,
    };
    Some(login.returning_to(&return_to))
}

/// Whether the request is a navigation to a page. Browsers say so (Fetch Metadata); older ones are
/// recognized by what they accept.
fn is_navigation(request: &RequestHeader) -> bool {
    if !matches!(request.method, Method::GET | Method::HEAD) || inspect::is_websocket(request) {
        return false;
    }
    match request.headers.get(SEC_FETCH_MODE) {
        Some(mode) => mode == "navigate",
        None => !request.headers.contains_key(X_REQUESTED_WITH) && accepts_html(&request.headers),
    }
}

fn accepts_html(headers: &HeaderMap) -> bool {
    negotiation::prefers_html(headers.get_all(ACCEPT))
}

/// Whether the login page itself requires a login.
fn leads_back(login: &LoginUrl, inspected: &Inspected<'_>, ctx: &RequestContext) -> bool {
    let host = match login.authority().map(Host::parse) {
        None => inspected.host,
        Some(Ok(host)) => host,
        Some(Err(_)) => return true,
    };
    if !host.name().eq_ignore_ascii_case(inspected.host.name()) {
        return false;
    }
    let Ok(path) = CanonicalPath::parse(login.path()) else {
        return true;
    };
    ctx.snapshot
        .proxy
        .routes
        .find(&host, &path, &Method::GET)
        .is_ok_and(|route| route.access == Access::Required)
}

/// Whether the configuration names the host, so that a login page may send people there.
fn knows(host: &Host<'_>, route: &Route, ctx: &RequestContext) -> bool {
    route.names_host || ctx.snapshot.proxy.is_public_host(host)
}

const SEC_FETCH_MODE: HeaderName = HeaderName::from_static("sec-fetch-mode");
const X_REQUESTED_WITH: HeaderName = HeaderName::from_static("x-requested-with");
