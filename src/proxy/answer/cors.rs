//! Which pages may read the gateway's own refusals (Fetch standard, "CORS protocol").
//!
//! An upstream says of its answers who may read them. Of a refusal, or of a failure to reach the
//! upstream, nobody else can; without a word a page sees "Failed to fetch", and neither the status nor
//! the code. The pages are those that may send credentials here.

use http::header::{
    ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_EXPOSE_HEADERS,
    HeaderMap, HeaderValue, ORIGIN, VARY,
};
use pingora::Result;
use pingora::http::ResponseHeader;

use crate::proxy::context::RequestContext;
use crate::proxy::list_field::lists;

/// Lets a page of an allowed origin read the response, and tells caches that it depends on that.
pub(super) fn mark(
    response: &mut ResponseHeader,
    request: &HeaderMap,
    ctx: &RequestContext,
) -> Result<()> {
    if !lists(response, &VARY, "origin") && !lists(response, &VARY, "*") {
        response.append_header(VARY, HeaderValue::from_static("Origin"))?;
    }
    let Some(page) = page(request, ctx) else {
        return Ok(());
    };
    response.insert_header(ACCESS_CONTROL_ALLOW_ORIGIN, page)?;
    response.insert_header(ACCESS_CONTROL_ALLOW_CREDENTIALS, "true")?;
    response.insert_header(ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSED)
}

/// The request's origin, if the route allows it; before a route is known, if the gateway does.
fn page(request: &HeaderMap, ctx: &RequestContext) -> Option<HeaderValue> {
    let mut fields = request.get_all(ORIGIN).iter();
    let page = fields.next().filter(|_| fields.next().is_none())?;
    let origin = page.to_str().ok()?;
    let allowed = match &ctx.route {
        Some(route) => &route.allowed_origins,
        None => &ctx.snapshot.proxy.own_origins,
    };
    let is_allowed = allowed.iter().any(|listed| listed.admits(origin));
    is_allowed.then(|| page.clone())
}

/// What a page needs of a refusal beyond its status and content.
const EXPOSED: HeaderValue =
    HeaderValue::from_static("x-request-id, retry-after, www-authenticate");
