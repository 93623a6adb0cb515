//! Forward auth: another proxy asks whether a request of its own may pass.
//!
//! `{api}/check` rebuilds that request from what the other proxy says of it and decides it as if
//! it had come here: the same route, credential, rules, origin and step-up, by the same code. A
//! grant is a 200 with the fields that the upstream is to see in place of the client's; a refusal
//! is answered like any other.

use std::sync::Arc;

use http::header::{AUTHORIZATION, CACHE_CONTROL, CONTENT_LENGTH, COOKIE, SET_COOKIE};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use pingora::http::{RequestHeader, ResponseHeader};
use pingora::proxy::Session;

use super::answer;
use super::answer::login;
use super::context::RequestContext;
use super::decide::{self, Decision};
use super::numbered_cookies::number_cookies;
use super::request::forwarded::Peer;
use super::request::headers::{SESSION_FIELD, USER_FIELD};
use super::request::id::REQUEST_ID;
use super::request::inspect;
use super::snapshot::ProxySettings;
use super::{header_operations, withheld};
use crate::api::device_bound::REGISTRATION_FIELD;
use crate::metrics::Metrics;
use crate::rejection::{Code, Rejection};

mod openapi;
mod original;

pub use openapi::openapi;

/// Answers a request under `{api}/check`, and says with which status. It decides a request that
/// another proxy describes, as if it had come here. Answered are those of `trusted_proxies` only, on
/// listeners with `forward_auth: true`.
#[utoipa::path(
    method(get, head, post, put, patch, delete, options),
    path = "/check",
    operation_id = "check",
    tag = "forward auth",
    params(
        ("x-forwarded-method" = Option<String>, Header, description = "The request's method, from \
            Traefik and Caddy."),
        ("x-forwarded-host" = Option<String>, Header, description = "Its host."),
        ("x-forwarded-uri" = Option<String>, Header, description = "Its path and query."),
        ("x-original-method" = Option<String>, Header, description = "The request's method, from \
            nginx."),
        ("x-original-uri" = Option<String>, Header, description = "Its path and query."),
        ("x-original-url" = Option<String>, Header, description = "Its full address, instead."),
    ),
    security((), ("session_token" = []), ("session_cookie" = [])),
    responses(
        (
            status = 200,
            description = "The request is allowed, with these fields in place of its own.",
            headers(
                ("authorization" = String, description = "The session token; empty without one."),
                ("cookie" = String, description = "The request's cookies without credentials."),
                ("x-vestibule-user" = String, description = "The user's id, or empty."),
                ("x-vestibule-session" = String, description = "The session's id, or empty."),
            )
        ),
        (
            status = 302,
            description = "A browser without a session, redirected to the route's `login_url`.",
            headers(("location" = String))
        ),
        openapi::Refusals
    )
)]
pub async fn serve(
    metrics: &Metrics,
    session: &mut Session,
    ctx: &mut RequestContext,
) -> pingora::Result<StatusCode> {
    let snapshot = Arc::clone(&ctx.snapshot);
    let peer = snapshot.proxy.peer(session.client_addr(), &ctx.connection);
    let peer = peer.asking();
    let asked = session.req_header();
    let outcome = decide(metrics, asked, peer, ctx).await;
    match outcome {
        Ok(granted) => {
            let cookies = std::mem::take(&mut ctx.set_cookies).into_iter();
            let cookies = cookies.map(|field| (SET_COOKIE, field));
            let offer = ctx.device_offer.take();
            let offer = offer.map(|field| (REGISTRATION_FIELD, field));
            grant(session, granted, ctx, cookies.chain(offer)).await?;
            Ok(StatusCode::OK)
        }
        Err(Denied {
            rejection,
            login: Some(location),
        }) => {
            ctx.refused = Some(rejection);
            answer::redirect(session, &location, ctx).await?;
            Ok(StatusCode::FOUND)
        }
        Err(Denied { rejection, .. }) => {
            ctx.refused = Some(rejection);
            answer::refuse_proxied(session, &rejection, ctx).await?;
            Ok(rejection.status)
        }
    }
}

/// A refusal, and where the browser is redirected instead of getting it.
struct Denied {
    rejection: Rejection,
    login: Option<String>,
}

impl From<Rejection> for Denied {
    fn from(rejection: Rejection) -> Self {
        Self {
            rejection,
            login: None,
        }
    }
}

async fn decide(
    metrics: &Metrics,
    asked: &RequestHeader,
    peer: Peer<'_>,
    ctx: &mut RequestContext,
) -> Result<Granted, Denied> {
    // To be believed about where a request comes from is not to be given sessions: most proxies pass on
    // whatever path their clients ask for.
    if !ctx.connection.answers_forward_auth {
        return Err(Rejection::new(Code::Forbidden, "forward_auth_off").into());
    }
    if !peer.is_trusted_proxy() {
        return Err(Rejection::new(Code::Forbidden, "check_peer_untrusted").into());
    }
    let original = original::of(asked, &ctx.snapshot.proxy)?;
    ctx.numbers_cookies = original.only_401_and_403;
    let request = &original.request;
    match decide::decide(metrics, request, peer, ctx).await {
        Ok(decision) => {
            is_for_another_proxy(&decision)?;
            granted(request, peer, ctx)
                .map_err(|_| Rejection::new(Code::Internal, "check_fields_unfit").into())
        }
        Err(rejection) => {
            let is_https = peer.client(&request.headers).is_https;
            let login = login::location(request, &rejection, is_https, ctx);
            let mut login = login.map(|location| in_full(location, request, is_https, ctx));
            let mut rejection = original.answerable(rejection);
            if original.only_401_and_403 && login.is_some() {
                // nginx takes a redirect for a failure, and may redirect by itself after a 401.
                ctx.login_for_proxy = login.take();
                rejection = rejection.with_status(StatusCode::UNAUTHORIZED);
            }
            Err(Denied { rejection, login })
        }
    }
}

/// The address with scheme and host where these are the request's. Proxies complete a path by what they know
/// themselves: Traefik by the gateway's address, nginx by its own port.
fn in_full(
    location: String,
    request: &RequestHeader,
    is_https: bool,
    ctx: &RequestContext,
) -> String {
    let proxy = &ctx.snapshot.proxy;
    let host = inspect::host(request).ok();
    let named = host.filter(|host| proxy.names_host(host));
    match named.and_then(|host| proxy.origin_of(&host, is_https)) {
        Some(origin) if location.starts_with('/') => format!("{origin}{location}"),
        _ => location,
    }
}

/// Whether another proxy may forward what was decided, by whichever protocol it asks.
///
/// # Errors
///
/// The gateway would answer it, or look at its content first.
pub(super) fn is_for_another_proxy(decision: &Decision) -> Result<(), Rejection> {
    match decision {
        Decision::Forward => Ok(()),
        // The content, which another proxy keeps, may name another call.
        Decision::ForwardCall => Err(Rejection::new(Code::Forbidden, "mcp_content_unseen")),
        // Another proxy would forward what this route keeps from all servers.
        Decision::Fixed(_) => Err(Rejection::new(Code::Forbidden, "check_of_fixed_answer")),
        // The gateway's own paths go to the gateway, and are not asked about; nor is there anything
        // to grant at a listener that sends everybody elsewhere.
        Decision::Own
        | Decision::Health
        | Decision::Metadata(_)
        | Decision::AcmeChallenge(_)
        | Decision::Redirect(_) => Err(Rejection::new(Code::Forbidden, "check_of_own_path")),
    }
}

/// The request that another proxy asks about.
///
/// # Errors
///
/// The question says too little, too much, or what is no request.
pub fn asked_about(
    asked: &RequestHeader,
    settings: &ProxySettings,
) -> Result<RequestHeader, Rejection> {
    original::of(asked, settings).map(|original| original.request)
}

/// What a proxy does to the fields of a request that it may forward.
pub struct Granted {
    /// What the upstream would see if the request came here, edits by the route among them. Those that
    /// the gateway may set are always there, if only empty: a proxy that copies them by name then
    /// takes the client's away.
    pub fields: HeaderMap,
    /// Fields of the client that the upstream is not to see: credentials, and what only a proxy may say.
    pub gone: Vec<HeaderName>,
}

/// What a grant to this peer does to the fields of a request.
pub fn granted(
    original: &RequestHeader,
    peer: Peer<'_>,
    ctx: &RequestContext,
) -> pingora::Result<Granted> {
    let rewrite = &ctx.snapshot.proxy.rewrite;
    let route = ctx.route.as_deref();
    let mut upstream = original.clone();
    withheld::remove(&mut upstream, ctx);
    let host = inspect::host(original).map_err(|error| answer::as_error(&error.into()))?;
    peer.clear(&mut upstream, host.authority(), host.port());
    header_operations::inject(&mut upstream, route, ctx)?;

    let mut fields = HeaderMap::new();
    let edited = route.map_or(&[][..], |route| route.request_headers.incoming());
    let added = rewrite.identity().iter().chain(edited);
    let added = added.filter_map(|field| HeaderName::from_bytes(&field.name).ok());
    let own = [AUTHORIZATION, COOKIE, rewrite.field().clone()];
    for name in own.into_iter().chain(added) {
        fields.remove(&name);
        for value in upstream.headers.get_all(&name) {
            fields.append(&name, value.clone());
        }
        fields.entry(name).or_insert(EMPTY);
    }
    let session = ctx.session();
    let text = |id: Option<uuid::Uuid>| {
        id.and_then(|id| HeaderValue::from_str(&id.to_string()).ok())
            .unwrap_or(EMPTY)
    };
    fields.insert(USER_FIELD, text(session.map(|session| session.user())));
    fields.insert(SESSION_FIELD, text(session.map(|session| session.sid())));
    // What the upstream gets in part, such as `Sec-WebSocket-Protocol` without a token in it.
    for name in original.headers.keys() {
        let (was, is) = (
            original.headers.get_all(name),
            upstream.headers.get_all(name),
        );
        if fields.contains_key(name) || was == is {
            continue;
        }
        for value in is {
            fields.append(name, value.clone());
        }
    }
    let gone = original
        .headers
        .keys()
        .filter(|name| !upstream.headers.contains_key(*name) && !fields.contains_key(*name))
        .cloned()
        .collect();
    Ok(Granted { fields, gone })
}

async fn grant(
    session: &mut Session,
    Granted { fields, gone }: Granted,
    ctx: &RequestContext,
    for_browser: impl Iterator<Item = (HeaderName, HeaderValue)>,
) -> pingora::Result<()> {
    let mut response = ResponseHeader::build(StatusCode::OK, Some(fields.len() + 5))?;
    for (name, value) in &fields {
        response.append_header(name, value)?;
    }
    let gone: Vec<&str> = gone.iter().map(HeaderName::as_str).collect();
    if !gone.is_empty() {
        response.insert_header(ENVOY_REMOVES, gone.join(","))?;
    }
    for (name, value) in for_browser {
        response.append_header(name, value)?;
    }
    number_cookies(&mut response)?;
    response.insert_header(CACHE_CONTROL, "no-store")?;
    response.insert_header(CONTENT_LENGTH, 0)?;
    response.insert_header(REQUEST_ID, ctx.id.header())?;
    session
        .write_response_header(Box::new(response), true)
        .await
}

const EMPTY: HeaderValue = HeaderValue::from_static("");
/// Envoy takes the fields that it lists out of the request.
const ENVOY_REMOVES: HeaderName = HeaderName::from_static("x-envoy-auth-headers-to-remove");
