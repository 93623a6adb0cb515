//! The answer on a route whose requests end at the gateway.

use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_LENGTH, CONTENT_TYPE, LOCATION, SET_COOKIE};
use http::{Method, StatusCode};
use pingora::Result;
use pingora::http::ResponseHeader;
use pingora::proxy::Session;

use super::cors;
use crate::api::device_bound::REGISTRATION_FIELD;
use crate::proxy::context::RequestContext;
use crate::proxy::header_operations::{self, Sources};
use crate::proxy::no_pass;
use crate::proxy::request::id::REQUEST_ID;
use crate::proxy::request::inspect::Inspected;
use crate::route::settings::Access;
use crate::route::{Destination, Route};

/// Where a request is redirected to, if its route does that. `target` is what an upstream would see
/// in place of the request's own.
pub(in crate::proxy) fn location(
    route: &Route,
    inspected: &Inspected<'_>,
    target: Option<&[u8]>,
) -> Option<String> {
    let Destination::Redirect(redirect) = &route.destination else {
        return None;
    };
    let query = match target {
        // Without the tokens that do not leave the gateway.
        Some(target) => {
            let begin = target.iter().position(|byte| *byte == b'?');
            begin.and_then(|begin| target.get(begin + 1..))
        }
        None => inspected.query,
    };
    Some(redirect.location(inspected.path.after(route.segments), query))
}

/// Answers as the route says; `location` is that of a redirect.
pub(in crate::proxy) async fn answer(
    session: &mut Session,
    location: Option<String>,
    ctx: &mut RequestContext,
) -> Result<StatusCode> {
    let route = ctx.route.clone().ok_or_else(no_pass)?;
    let request = session.req_header();
    let (status, body) = match &route.destination {
        Destination::Upstreams(_) => return Err(no_pass()),
        Destination::Redirect(redirect) => (redirect.status.code(), Bytes::new()),
        Destination::Answer(answer) => {
            let body = answer.body.as_str().as_bytes();
            (answer.status.code(), Bytes::copy_from_slice(body))
        }
    };
    let mut response = ResponseHeader::build(status, Some(8))?;
    header_operations::apply(&route.response_headers, &mut response, Sources::of(ctx))?;
    cors::mark(&mut response, &request.headers, ctx)?;
    if let Some(location) = location {
        response.insert_header(LOCATION, location)?;
    }
    let mut has_content = true;
    if let Destination::Answer(answer) = &route.destination {
        has_content = answer.status.has_content();
        if has_content {
            response.insert_header(CONTENT_TYPE, answer.content_type.value())?;
        }
    }
    if has_content {
        response.insert_header(CONTENT_LENGTH, body.len())?;
    }
    if route.access != Access::None {
        response.insert_header(CACHE_CONTROL, "private, no-store")?;
    }
    ctx.connection.add_hsts(&mut response)?;
    response.insert_header(REQUEST_ID, ctx.id.header())?;
    for field in std::mem::take(&mut ctx.set_cookies) {
        response.append_header(SET_COOKIE, field)?;
    }
    if let Some(offer) = ctx.device_offer.take() {
        response.append_header(REGISTRATION_FIELD, offer)?;
    }
    let has_body = has_content && !body.is_empty() && request.method != Method::HEAD;
    session
        .write_response_header(Box::new(response), !has_body)
        .await?;
    if has_body {
        session.write_response_body(Some(body), true).await?;
    }
    Ok(status)
}
