//! What of a client's header no upstream sees, whether the gateway forwards the request or another proxy
//! that asked about it.

use pingora::http::RequestHeader;

use super::context::{Pass, RequestContext};
use super::dashboard_route;
use super::request::headers;
use crate::route::Route;

/// Takes it out.
pub(super) fn remove(request: &mut RequestHeader, ctx: &RequestContext) {
    let (proxy, exchange) = (&ctx.snapshot.proxy, &ctx.snapshot.exchange);
    let route = ctx.route.as_deref();
    let theirs = route.map_or(&[][..], |route| &route.forwards_cookies_of);
    let is_kept = |name: &[u8]| {
        proxy.token_sources.is_cookie_of(theirs, name)
            || route.is_some_and(|route| dashboard_route::keeps_cookie(route, name))
    };
    let takes_bearer = route.is_none_or(Route::takes_bearer);
    let may_stay = |text: &str| exchange.is_only_of(theirs, text);
    proxy
        .rewrite
        .strip(request, takes_bearer, is_kept, may_stay, |text| {
            exchange.knows(text)
        });
    if matches!(ctx.pass, Some(Pass::Preflight)) {
        headers::strip_all_credentials(request);
    }
    let goes_by_method = route.is_some_and(|route| route.decides_by_method);
    if goes_by_method || request.method.is_safe() {
        headers::strip_method_overrides(request);
    }
}
