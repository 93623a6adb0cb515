//! Device Bound Session Credentials: the two endpoints that a browser asks by itself.
//!
//! A browser that got an offer ([`offer`]) registers a key for its session, and from then on renews
//! the session's cookie by a proof. After W3C's editor's draft of 2026-02-17. What it says with 403
//! and a challenge is "sign this"; any other 4xx ends its bound session. So a refusal that passes is 503,
//! here and wherever such a request is refused before it gets here.

use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::PathRejection;
use axum::extract::{ConnectInfo, Path, State};
use axum::http::header::{CACHE_CONTROL, SET_COOKIE};
use axum::http::{HeaderMap, HeaderName, HeaderValue};
use axum::response::{IntoResponse, Response};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use super::{ApiSettings, ApiState, Caller, Refused, refusals};
use crate::clock::UnixTime;
use crate::credential;
use crate::device_bound::{Proof, Purpose};
use crate::exchange::{BoundCookie, Recipient, RefreshRefusal, Session};
use crate::identity::Client;
use crate::rejection::{Code, Rejection};
use crate::session::cookie::{self, CookiePlace};

mod instructions;
mod registration;

use instructions::{Instructions, identifier};
pub use registration::{REGISTRATION_FIELD, add_offer, offer};

/// The endpoints below the API prefix.
pub fn router() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new()
        .routes(routes!(register))
        .routes(routes!(refresh))
}

/// Binds the session of the request's cookie to a key of the browser's device, and sets the first
/// cookie of the bound session. Browsers ask this after an offer in `Secure-Session-Registration`.
#[utoipa::path(
    post,
    path = "/device-bound/register",
    operation_id = "registerDevice",
    tag = "device-bound sessions",
    params(("secure-session-response" = String, Header, description = "The proof, a JWT of the type \
        `dbsc+jwt` with the key.")),
    security(("session_cookie" = [])),
    responses(
        (
            status = 200,
            description = "The session is bound.",
            body = Instructions,
            headers(("set-cookie" = String)),
            example = json!(instructions::example())
        ),
        refusals::DeviceRegistration
    )
)]
pub async fn register(
    State(api): State<ApiState>,
    ConnectInfo(caller): ConnectInfo<Caller>,
    headers: HeaderMap,
) -> Result<Response, Refused> {
    is_offered(&api)?;
    api.settings.check_page(&caller, &headers)?;
    let rates = api.exchange.rates();
    rates.may_try(Some(caller.address))?;
    let registered = try_register(&api, &caller, &headers).await;
    let (session, bound) =
        registered.inspect_err(|rejection| count_failure(&api, caller.address, rejection))?;
    let instructions = Instructions::new(&api.settings, &headers, session)?;
    let mut response = (fields(&api, &bound), Json(instructions)).into_response();
    // From here on, the session is in the bound cookie alone.
    if api.settings.sdk.sets_cookie {
        for gone in api.settings.sdk_cookie_removal(&headers) {
            response.headers_mut().append(SET_COOKIE, gone);
        }
    }
    Ok(response)
}

/// Renews the cookie of a bound session. Without a proof, or with one over a challenge that counts no
/// more, the answer is 403 with a challenge to sign.
#[utoipa::path(
    post,
    path = "/device-bound/{sid}/refresh",
    operation_id = "refreshDevice",
    tag = "device-bound sessions",
    params(
        ("sid" = Uuid, Path, description = "The session's id."),
        ("secure-session-response" = Option<String>, Header, description = "The proof, a JWT of the \
            type `dbsc+jwt` over a challenge."),
    ),
    responses(
        (
            status = 200,
            description = "The cookie is renewed.",
            body = Instructions,
            headers(("set-cookie" = String)),
            example = json!(instructions::example())
        ),
        refusals::DeviceRefresh
    )
)]
pub async fn refresh(
    State(api): State<ApiState>,
    ConnectInfo(caller): ConnectInfo<Caller>,
    sid: Result<Path<Uuid>, PathRejection>,
    headers: HeaderMap,
) -> Result<Response, Refused> {
    is_offered(&api)?;
    let Ok(Path(sid)) = sid else {
        return Err(Rejection::new(Code::NotFound, "endpoint_unknown").into());
    };
    api.settings.check_page(&caller, &headers)?;
    if !headers.contains_key(RESPONSE) {
        return challenge(&api, &headers, sid, "device_challenged");
    }
    let may_try = api.exchange.rates().may_try(Some(caller.address));
    // Whoever shares an address with it must not be able to end it.
    may_try.map_err(Rejection::as_transient)?;
    let refreshed = match proof(&headers) {
        Ok(proof) => api.exchange.devices().refresh(&proof, sid).await,
        Err(rejection) => Err(rejection.into()),
    };
    match refreshed {
        Ok(bound) => {
            let instructions = Instructions::new(&api.settings, &headers, sid)?;
            Ok((fields(&api, &bound), Json(instructions)).into_response())
        }
        Err(RefreshRefusal::Challenge(reason)) => challenge(&api, &headers, sid, reason),
        Err(RefreshRefusal::Refused(rejection)) => {
            count_failure(&api, caller.address, &rejection);
            let mut response = Refused(rejection).into_response();
            if rejection.code == Code::LoginRequired {
                let gone = cookie::clear(place(&api.settings));
                response.headers_mut().insert(SET_COOKIE, gone);
            }
            Ok(response)
        }
    }
}

/// Whether there are bound sessions at all.
fn is_offered(api: &ApiState) -> Result<(), Rejection> {
    match api.exchange.devices().is_on() {
        true => Ok(()),
        false => Err(Rejection::new(Code::NotFound, "endpoint_unknown")),
    }
}

/// A failed proof counts like a token that does not verify.
fn count_failure(api: &ApiState, client: std::net::IpAddr, rejection: &Rejection) {
    if rejection.code == Code::Forbidden {
        let failed = Rejection::new(Code::TokenInvalid, rejection.reason);
        api.exchange.rates().count(Some(client), &failed);
    }
}

async fn try_register(
    api: &ApiState,
    caller: &Caller,
    headers: &HeaderMap,
) -> Result<(Uuid, BoundCookie), Rejection> {
    let proof = proof(headers)?;
    let session = session_of(api, caller, headers, &proof).await?;
    let bound = api.exchange.devices().register(&proof, &session).await?;
    Ok((session.sid(), bound))
}

/// The session of the request's cookie that the challenge is for: of the gateway's cookie, or of the
/// issuers' that decides on routes, since the browser was offered to bind that one's.
async fn session_of(
    api: &ApiState,
    caller: &Caller,
    headers: &HeaderMap,
    proof: &Proof,
) -> Result<Arc<Session>, Rejection> {
    let sources = &api.settings.token_sources;
    let own = credential::session_cookie(headers, sources)?;
    let mut issuers = credential::issuers_cookies(headers, sources);
    let first = issuers.next().transpose()?;
    let mut refused = Rejection::new(Code::TokenMissing, "token_missing");
    // Several may be looked up here, so that what is made up counts as on routes.
    let client = || Client::new(caller.address, headers);
    if let Some(own) = own {
        let session = api.exchange.session_of(&own, Recipient::Gateway, client);
        match registering(api, proof, session.await) {
            Ok(session) => return Ok(session),
            Err(rejection) => refused = rejection,
        }
    }
    let first = first.ok_or(refused)?;
    let decisive = api
        .exchange
        .decisive_session((first, issuers), Recipient::Gateway, client);
    let (_, session) = decisive.await;
    registering(api, proof, session)
}

/// A session, if the challenge is for it.
fn registering(
    api: &ApiState,
    proof: &Proof,
    session: Result<Arc<Session>, Rejection>,
) -> Result<Arc<Session>, Rejection> {
    let session = session?;
    match api.exchange.devices().registers(proof, session.sid()) {
        true => Ok(session),
        false => Err(Rejection::new(Code::Forbidden, "device_challenge_invalid")),
    }
}

fn proof(headers: &HeaderMap) -> Result<Proof, Rejection> {
    let mut fields = headers.get_all(RESPONSE).iter();
    let field = fields.next().filter(|_| fields.next().is_none());
    let text = field.and_then(|field| field.to_str().ok());
    let text = text.ok_or_else(|| Rejection::new(Code::Forbidden, "device_proof_malformed"))?;
    Ok(Proof::read(text)?)
}

/// "Sign this": 403 with a fresh challenge.
fn challenge(
    api: &ApiState,
    headers: &HeaderMap,
    sid: Uuid,
    reason: &'static str,
) -> Result<Response, Refused> {
    let challenge = api.exchange.devices().challenge(Purpose::Refresh, sid)?;
    let id = identifier(&api.settings, headers)?;
    // Base64url and an origin: neither needs an escape (RFC 9651 section 3.3.3).
    let field = HeaderValue::from_str(&format!("\"{challenge}\";id=\"{id}\""));
    let field = field.map_err(|_| Rejection::new(Code::Internal, "challenge_unfit"))?;
    let mut response = Refused(Rejection::new(Code::Forbidden, reason)).into_response();
    response.headers_mut().insert(CHALLENGE, field);
    Ok(response)
}

fn fields(api: &ApiState, bound: &BoundCookie) -> [(HeaderName, HeaderValue); 2] {
    let place = place(&api.settings);
    let set = cookie::set(place, &bound.value, UnixTime::now(), bound.until);
    let no_store = HeaderValue::from_static("no-store");
    [(SET_COOKIE, set), (CACHE_CONTROL, no_store)]
}

/// Where the session cookie is.
fn place(settings: &ApiSettings) -> CookiePlace<'_> {
    CookiePlace {
        name: settings.token_sources.session_cookie(),
        domain: settings.token_sources.session_cookie_domain(),
    }
}

const RESPONSE: HeaderName = HeaderName::from_static("secure-session-response");
const CHALLENGE: HeaderName = HeaderName::from_static("secure-session-challenge");
