//! Redirects a browser without a login to the login page.
//!
//! Only navigations are redirected: requests from scripts and programs are refused with 401. The
//! address to return to is the requested one, on a host that the configuration names; the target of
//! the redirect never comes from the request.
//!
//! A login page that takes the browser for signed in sends it straight back. A short-lived cookie
//! counts how often that happened, so that the loop is broken by a page with a way out. Whoever brings no
//! login may as well be a person with several tabs, who gets further, and a page that claims nothing.

use std::hash::{DefaultHasher, Hash, Hasher};

use cookie::time::Duration;
use cookie::{Cookie, SameSite};
use http::header::ACCEPT;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use percent_encoding::{CONTROLS, percent_encode};
use pingora::http::RequestHeader;

use super::negotiation;
use crate::canonical::CanonicalPath;
use crate::credential::{Source, cookie as request_cookie};
use crate::proxy::context::RequestContext;
use crate::proxy::error_page::{RedirectLoop, SignIn};
use crate::proxy::request::inspect::{self, Inspected};
use crate::rejection::{Code, Rejection};
use crate::route::settings::{Access, LoginUrl};

/// Where to send the client instead of answering with `rejection`. `None`: nowhere; the context then
/// has what the page that refuses it says about signing in.
pub fn location(
    request: &RequestHeader,
    rejection: &Rejection,
    is_https: bool,
    ctx: &mut RequestContext,
) -> Option<String> {
    let is_explicit = [Source::Authorization, Source::Header]
        .iter()
        .any(|source| source.label() == ctx.source);
    if is_explicit || !(is_mended(rejection) || rejection.status == StatusCode::UNAUTHORIZED) {
        return None;
    }
    // What is wrong with a credential that is not one, no login mends by itself.
    let is_redirected = is_mended(rejection) && is_navigation(request);
    if is_redirected {
        let gone = issuers_cookies(request, rejection, ctx);
        ctx.set_cookies.extend(gone);
    }
    let (location, target) = page(request, rejection, is_https, ctx)?;
    let times = redirects(request, ctx, counted(&target, ctx));
    let most = match rejection.code {
        Code::TokenMissing => MOST_WITHOUT_LOGIN,
        _ => MOST_REDIRECTS,
    };
    let is_redirect_loop = is_redirected && times.here >= most;
    if is_redirected && !is_redirect_loop {
        let counter = times.cookie(ctx, times.here + 1);
        // First, for a proxy that relays only some of them.
        ctx.set_cookies.splice(0..0, counter);
        return Some(location);
    }
    if is_redirect_loop {
        ctx.set_cookies.extend(times.cookie(ctx, 0));
    }
    ctx.sign_in = Some(SignIn {
        location,
        target,
        redirect_loop: is_redirect_loop.then(|| redirect_loop(request, rejection, ctx)),
    });
    None
}

/// What the browser brings, and whether the gateway's logout helps with that.
fn redirect_loop(
    request: &RequestHeader,
    rejection: &Rejection,
    ctx: &RequestContext,
) -> RedirectLoop {
    if rejection.code == Code::TokenMissing {
        return RedirectLoop::WithoutLogin;
    }
    let proxy = &ctx.snapshot.proxy;
    let is_own_cookie = ctx.source == Source::SessionCookie.label();
    let is_deletable = || !proxy.token_sources.removal(&request.headers).is_empty();
    let leads_on = || {
        let verifier = ctx.snapshot.exchange.verifier();
        let issuer = ctx.credential_issuer.as_deref();
        proxy.logs_out_at_provider && issuer.is_some_and(|name| verifier.has_logout_page(name))
    };
    match is_own_cookie || is_deletable() || leads_on() {
        true => RedirectLoop::EndedLogin,
        false => RedirectLoop::StuckLogin,
    }
}

/// Why a browser that had a login has none, as the login page gets it.
pub fn reason(rejection: &Rejection) -> Option<&'static str> {
    match (rejection.code, rejection.reason) {
        (Code::LoginRequired, _) => Some("session_ended"),
        (Code::TokenExpired, _) => Some("expired"),
        (Code::Forbidden, "user_blocked") => Some("blocked"),
        _ => None,
    }
}

/// The fields that delete issuers' cookies which count no more: or a login page that looks at them sends
/// the browser back. Only a navigation's answer has them: by that of a script, or of an upstream, they could
/// delete the cookie that the login application has just set.
fn issuers_cookies(
    request: &RequestHeader,
    rejection: &Rejection,
    ctx: &RequestContext,
) -> Vec<HeaderValue> {
    let sources = &ctx.snapshot.proxy.token_sources;
    let is_over = reason(rejection).is_some()
        && ctx.source == Source::Cookie.label()
        && sources.clears_issuers_cookies();
    match is_over || are_twins(rejection) {
        true => sources.removal(&request.headers),
        false => Vec::new(),
    }
}

/// Whether a login is what is missing.
fn is_mended(rejection: &Rejection) -> bool {
    rejection.code == Code::TokenMissing || are_twins(rejection) || reason(rejection).is_some()
}

fn are_twins(rejection: &Rejection) -> bool {
    rejection.reason == "cookie_twins"
}

/// The address of the login page, and the path that it is to return to.
fn page(
    request: &RequestHeader,
    rejection: &Rejection,
    is_https: bool,
    ctx: &RequestContext,
) -> Option<(String, String)> {
    let route = ctx.route.as_ref()?;
    let login = route.login.as_ref()?;
    let inspected = inspect::inspect(request, &ctx.snapshot.proxy.limits).ok()?;
    if leads_back(login, &inspected, is_https, ctx) {
        return None;
    }
    // What was posted is not posted again. A query may have bytes beyond ASCII, which a field value
    // has not.
    let mut target = match request.method {
        Method::GET | Method::HEAD => percent_encode(inspected.target, CONTROLS).to_string(),
        _ => "/".to_owned(),
    };
    if target.starts_with("//") {
        // Browsers take two slashes for the beginning of another host.
        target.insert_str(0, "/.");
    }
    let return_to = match login.origin() {
        None => target.clone(),
        Some(_) if ctx.snapshot.proxy.names_host(&inspected.host) => {
            let origin = ctx.snapshot.proxy.origin_of(&inspected.host, is_https)?;
            format!("{origin}{target}")
        }
        Some(_) => return None,
    };
    Some((login.returning_to(&return_to, reason(rejection)), target))
}

/// What redirects are counted by. If the path is the login page's own, requests to that page came here,
/// perhaps by another port, and each has the query of the one before within its own.
fn counted<'a>(target: &'a str, ctx: &RequestContext) -> &'a str {
    let login = ctx.route.as_ref().and_then(|route| route.login.as_ref());
    match target.split_once('?') {
        Some((path, _)) if login.is_some_and(|login| login.path() == path) => path,
        _ => target,
    }
}

/// How often a browser was sent to the login page lately, by the address that it asked for.
struct Redirects {
    /// That of this request, as it stands in the cookie.
    mark: String,
    /// How often from there.
    here: u8,
    /// The cookie's other entries, the newest last.
    others: Vec<String>,
}

/// What the browser's cookie says; whoever makes one up breaks a loop of his own.
fn redirects(request: &RequestHeader, ctx: &RequestContext, target: &str) -> Redirects {
    let mut hasher = DefaultHasher::new();
    target.hash(&mut hasher);
    let mark = format!("{:08x}", hasher.finish() & 0xffff_ffff);
    let name = ctx.snapshot.proxy.token_sources.login_cookie();
    let value = request_cookie::values(&request.headers, name.as_bytes()).next();
    let value = value.and_then(|value| std::str::from_utf8(value).ok());
    let mut here = 0;
    let mut others = Vec::new();
    for entry in value.unwrap_or_default().split('.').take(MOST_ENTRIES) {
        match entry.split_once('-') {
            Some((other, count)) if other == mark => here = count.parse().unwrap_or(0),
            Some((other, count)) if other.len() == mark.len() && count.len() == 1 => {
                others.push(entry.to_owned());
            }
            _ => {}
        }
    }
    Redirects { mark, here, others }
}

impl Redirects {
    /// The field that remembers it. The cookie is gone soon after the last redirect.
    fn cookie(&self, ctx: &RequestContext, here: u8) -> Option<HeaderValue> {
        let own = (here > 0).then(|| format!("{}-{here}", self.mark));
        let kept = self.others.len().saturating_sub(MOST_ENTRIES - 1);
        let entries: Vec<String> = self.others.iter().skip(kept).cloned().chain(own).collect();
        let name = ctx.snapshot.proxy.token_sources.login_cookie();
        let age = if entries.is_empty() {
            Duration::ZERO
        } else {
            REMEMBERED
        };
        let field = Cookie::build((name, entries.join(".")))
            .path("/")
            .secure(name.starts_with("__Host-"))
            .http_only(true)
            .same_site(SameSite::Lax)
            .max_age(age);
        HeaderValue::from_str(&field.to_string()).ok()
    }
}

/// Whether the request is a navigation to a page, by which somebody gets to see it. Browsers say so
/// (Fetch Metadata); older ones are recognized by what they accept.
fn is_navigation(request: &RequestHeader) -> bool {
    let is_read = matches!(request.method, Method::GET | Method::HEAD);
    if !is_read || inspect::is_websocket(request) || is_prefetch(&request.headers) {
        return false;
    }
    match request.headers.get(SEC_FETCH_MODE) {
        Some(mode) => mode == "navigate",
        None => !request.headers.contains_key(X_REQUESTED_WITH) && accepts_html(&request.headers),
    }
}

/// Whether a browser loads a page that perhaps nobody wants to see: `prefetch`, `prefetch;prerender`. It
/// does so as often as it likes, which is no loop, and asks again once somebody wants to.
fn is_prefetch(headers: &HeaderMap) -> bool {
    let fields = headers.get_all(SEC_PURPOSE).iter();
    let mut texts = fields.filter_map(|field| field.to_str().ok());
    texts.any(|text| text.contains("prefetch"))
}

fn accepts_html(headers: &HeaderMap) -> bool {
    negotiation::prefers_html(headers.get_all(ACCEPT))
}

/// Whether the login page itself requires a login.
fn leads_back(
    login: &LoginUrl,
    inspected: &Inspected<'_>,
    is_https: bool,
    ctx: &RequestContext,
) -> bool {
    let (proxy, host) = (&ctx.snapshot.proxy, &inspected.host);
    let is_elsewhere = |origin| !proxy.is_own_origin(origin, host, is_https);
    if login.origin().is_some_and(is_elsewhere) {
        return false;
    }
    let Ok(path) = CanonicalPath::parse(login.path()) else {
        return true;
    };
    proxy
        .routes
        .find_at(&ctx.connection.listener, host, &path, &Method::GET)
        .is_ok_and(|route| route.access == Access::Required)
}

const SEC_FETCH_MODE: HeaderName = HeaderName::from_static("sec-fetch-mode");
const SEC_PURPOSE: HeaderName = HeaderName::from_static("sec-purpose");
const X_REQUESTED_WITH: HeaderName = HeaderName::from_static("x-requested-with");
/// As often as it may happen to somebody in no loop: who has just been signed in, elsewhere, twice.
const MOST_REDIRECTS: u8 = 3;
/// The same for browsers without any login. Browsers follow 16 redirects or more, and each of these takes at
/// least two with the one that leads back.
const MOST_WITHOUT_LOGIN: u8 = 5;
/// How many addresses are remembered, of as many tabs.
const MOST_ENTRIES: usize = 8;
const REMEMBERED: Duration = Duration::seconds(30);
