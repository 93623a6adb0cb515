//! The cookie by which a client's requests return to the server that answered the first one: read from
//! requests, and set on answers.

use cookie::{Cookie, SameSite, time};
use http::{HeaderMap, HeaderValue};

use crate::clock::UnixTime;
use crate::credential::cookie as request_cookie;
use crate::proxy::context::{Pass, RequestContext};
use crate::upstream::sticky_settings;
use crate::upstream::{Address, Sticky, StickySeen, Upstream};

/// What a request's cookie says, where the upstream has one.
pub(super) fn seen(headers: &HeaderMap, upstream: &Upstream) -> Option<StickySeen> {
    let sticky = upstream.sticky()?;
    let now = UnixTime::now().0;
    let values = request_cookie::values(headers, sticky.name().as_bytes());
    // Of several, set with other paths, the first that is ours counts.
    values
        .take(MOST_VALUES)
        .find_map(|value| sticky.read(value, now))
}

/// The `Set-Cookie` field of an answer by a server, unless the client has a cookie for it.
pub(super) fn to_set(server: &Address, ctx: &RequestContext) -> Option<HeaderValue> {
    let upstream = ctx.destination.as_ref()?;
    let sticky = upstream.sticky()?;
    // Browsers take no cookie from an answer to a preflight request.
    if matches!(ctx.pass, Some(Pass::Preflight)) {
        return None;
    }
    let tag = upstream.tag_of(server)?;
    let is_there = |seen: StickySeen| seen.server == tag && seen.is_fresh;
    if ctx.sticky.is_some_and(is_there) {
        return None;
    }
    field(sticky, &sticky.value(tag, UnixTime::now().0))
}

fn field(sticky: &Sticky, value: &str) -> Option<HeaderValue> {
    let settings = sticky.settings();
    let seconds = i64::try_from(settings.max_age.as_secs()).unwrap_or(i64::MAX);
    let cookie = Cookie::build((sticky.name(), value))
        .path(settings.path.as_str())
        .secure(sticky.is_secure())
        .http_only(true)
        .same_site(match settings.same_site {
            sticky_settings::SameSite::Strict => SameSite::Strict,
            sticky_settings::SameSite::Lax => SameSite::Lax,
            sticky_settings::SameSite::None => SameSite::None,
        })
        .max_age(time::Duration::seconds(seconds));
    // Name, value and attributes are visible ASCII.
    HeaderValue::from_str(&cookie.to_string()).ok()
}

/// A client that sends more makes work.
const MOST_VALUES: usize = 4;
