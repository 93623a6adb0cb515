//! What a signed-in client asks: a fresh token, its user, whether it still is, and the end.

use std::sync::Arc;

use axum::Json;
use axum::extract::{ConnectInfo, State};
use axum::http::header::SET_COOKIE;
use axum::http::{HeaderMap, Method, StatusCode};
use axum::response::{IntoResponse, Response};

use super::environment::Environment;
use super::presented::{self, credential, of_request, signed_in};
use super::user::{SdkUser, VerifyResponse};
use super::{SdkError, device, example, refusals, sign_in};
use crate::api::caller::Holder;
use crate::api::{ApiState, Caller, logout};
use crate::credential::{self, Credential, CredentialError, Source};
use crate::exchange::{Account, Audiences, Session, store_failed};
use crate::rejection::{Code, Rejection};
use crate::session::minter::SessionTokenClaims;
use crate::session::{Terms, scope};
use crate::store::RevocationReason;

/// A new token for the same session, on the terms of the old one. The session ends when it would
/// have ended.
#[utoipa::path(
    post,
    path = "/refresh",
    operation_id = "refreshAuth",
    tag = "sdk",
    params(Environment),
    security(("session_token" = []), ("session_cookie" = []), ("sdk_cookie" = [])),
    responses(
        (
            status = 200,
            description = "The user and a new session token, as for a sign-in.",
            body = VerifyResponse<'static>,
            headers(("set-cookie" = String)),
            example = json!(example::signed_in())
        ),
        refusals::Refresh
    )
)]
pub async fn refresh(
    State(api): State<ApiState>,
    ConnectInfo(caller): ConnectInfo<Caller>,
    headers: HeaderMap,
) -> Result<Response, SdkError> {
    // Nothing is looked up for a page that may not ask.
    credential(&api, &caller, &Method::POST, &headers)?;
    if api.settings.keeps_in_cookie(&headers) {
        api.settings
            .check_cookie_use(&caller, &Method::POST, &headers)?;
    }
    let proof = device::check_signature(&api, &headers)?;
    if proof.is_some() {
        api.limits.refresh(caller.address)?;
    }
    let (credential, session) =
        presented::session_of(&api, &caller, &Method::POST, &headers).await?;
    session.require_scope(scope::BASIC)?;
    let account = api.exchange.sessions().account(&session).await?;
    let terms = terms_of(&api, &headers, &credential, (&session, &account)).await?;
    if let Some(proof) = proof {
        api.limits.refresh_of(session.user())?;
        proof.use_up(&api).await?;
    }
    sign_in::answer(&api, &headers, (&account, &terms))
}

/// The terms of the token that a request came with, for another one of the same session. One that was given for a
/// bound session lasts no longer than before, but as long as the cookie of the session that comes with it.
///
/// # Errors
///
/// An external token signs in; only a session token has terms to keep.
pub async fn terms_of(
    api: &ApiState,
    headers: &HeaderMap,
    credential: &Credential<'_>,
    (session, account): (&Session, &Account),
) -> Result<Terms, Rejection> {
    let own = Terms {
        scopes: Some(Arc::clone(session.scopes())),
        ..Terms::until(account.session.expires_at)
    };
    // Where it is in a cookie, the token of a device-bound session is in the browser no more, and that of one
    // which may yet be bound is next to the session's cookie. Elsewhere a cookie brings no token.
    let is_cookie = credential.source == Source::SessionCookie;
    let next_to_it = credential::sdk_cookie(headers, &api.settings.token_sources)?;
    let next_to_it = next_to_it.filter(|_| is_cookie);
    let token = next_to_it.as_ref().unwrap_or(credential).token.expose();
    match api.exchange.minter().read_past(token) {
        Ok(old) if old.sid == session.sid() => Ok(Terms {
            not_after: match old.device_bound {
                true => {
                    let proven = api.exchange.proven_until(credential, session.sid()).await;
                    old.exp.max(proven.unwrap_or_default())
                }
                false => own.not_after,
            },
            audience: Some(old.aud),
            session_public_key: old.session_public_key,
            client_id: old.client_id,
            act: old.act,
            device_bound: old.device_bound,
            ..own
        }),
        _ if is_cookie && api.settings.sdk.sets_cookie && session.is_device_bound() => Ok(Terms {
            audience: api.settings.page(headers).map(str::to_owned),
            ..own
        }),
        _ => Err(Rejection::new(Code::TokenInvalid, "not_a_session_token")),
    }
}

/// The signed-in user.
#[utoipa::path(
    get,
    path = "/users",
    operation_id = "getAuthenticatedUser",
    tag = "sdk",
    params(Environment),
    security(("session_token" = []), ("session_cookie" = []), ("sdk_cookie" = [])),
    responses(
        (
            status = 200,
            description = "The user.",
            body = SdkUser<'static>,
            example = json!(example::user())
        ),
        refusals::User
    )
)]
pub async fn user(
    State(api): State<ApiState>,
    ConnectInfo(caller): ConnectInfo<Caller>,
    headers: HeaderMap,
) -> Result<Response, SdkError> {
    let session = signed_in(&api, &caller, &Method::GET, &headers).await?;
    let account = api.exchange.sessions().account(&session).await?;
    let environment_id = api.exchange.minter().environment_id;
    Ok(Json(SdkUser::new(
        &account,
        environment_id,
        false,
        session.scopes().as_str(),
    ))
    .into_response())
}

/// Whether the session lives.
#[utoipa::path(
    get,
    path = "/session",
    operation_id = "checkSession",
    tag = "sdk",
    params(Environment),
    security(("session_token" = []), ("session_cookie" = []), ("sdk_cookie" = [])),
    responses((status = 204, description = "It does."), refusals::Session)
)]
pub async fn check(
    State(api): State<ApiState>,
    ConnectInfo(caller): ConnectInfo<Caller>,
    headers: HeaderMap,
) -> Result<StatusCode, SdkError> {
    of_request(&api, &caller, &Method::GET, &headers).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Signs out. A token that has just expired will do: clients sign out by it, and
/// the session that it names may have some time left. It continues where the client says that nobody asked for
/// the end (`x-dyn-logout-reason`).
#[utoipa::path(
    post,
    path = "/revoke",
    operation_id = "revokeSession",
    tag = "sdk",
    params(Environment),
    security(("session_token" = []), ("session_cookie" = []), ("sdk_cookie" = [])),
    responses(
        (
            status = 204,
            description = "The session has ended, and its cookies are deleted.",
            headers(("set-cookie" = String))
        ),
        refusals::Revoke
    )
)]
pub async fn revoke(
    State(api): State<ApiState>,
    ConnectInfo(caller): ConnectInfo<Caller>,
    headers: HeaderMap,
) -> Result<Response, SdkError> {
    let Revoked {
        credentials,
        has_more,
    } = revoked(&api, &caller, &headers)?;
    if only_forgets(&headers) {
        return Ok(forgotten(&api, &headers));
    }
    let (mut has_ended, mut failed) = (false, None);
    if has_more {
        failed = Some(CredentialError::TwinCookies.into());
    }
    for credential in &credentials {
        match end(&api, &caller, &headers, credential).await {
            Ok(()) => has_ended = true,
            // What can end ends nevertheless.
            Err(rejection) => failed = failed.or(Some(rejection)),
        }
    }
    match failed {
        // What an old cookie next to the one that counted stood for is over.
        Some(rejection) if !(has_ended && logout::is_logged_out(&rejection)) => {
            Err(rejection.into())
        }
        _ => Ok(signed_out(&api, &headers)),
    }
}

/// The credentials whose sessions end: that of a header field, and every value of the gateway's own cookies,
/// which the answer deletes.
struct Revoked<'a> {
    credentials: Vec<Credential<'a>>,
    /// There are more than these.
    has_more: bool,
}

fn revoked<'a>(
    api: &'a ApiState,
    caller: &Caller,
    headers: &'a HeaderMap,
) -> Result<Revoked<'a>, SdkError> {
    let (settings, method) = (&api.settings, &Method::POST);
    let sources = &settings.token_sources;
    let mut credentials = Vec::new();
    let found = credential::find_own(headers, sources);
    if !matches!(found, Err(CredentialError::TwinCookies)) {
        let found = credential(api, caller, method, headers)?;
        if !found.source.is_cookie() {
            credentials.push(found);
        }
    }
    if credentials.is_empty() {
        settings.check_page(caller, headers)?;
        settings.check_cookie_use(caller, method, headers)?;
    }
    let values = sources.own_values(headers);
    let has_more = values.iter().any(|values| values.has_more);
    credentials.extend(values.into_iter().flat_map(|values| values.credentials));
    Ok(Revoked {
        credentials,
        has_more,
    })
}

async fn end(
    api: &ApiState,
    caller: &Caller,
    headers: &HeaderMap,
    credential: &Credential<'_>,
) -> Result<(), Rejection> {
    let own = api.exchange.minter().read_past(credential.token.expose());
    let sid = match own {
        Ok(SessionTokenClaims { sub, sid, aud, .. })
            if api.exchange.audiences().is_for_gateway(&aud) =>
        {
            caller.presents_own(credential, Holder { user: sub, sid });
            sid
        }
        Ok(_) => return Err(Audiences::refusal()),
        Err(_) => api.session_to_end(caller, headers, credential).await?.sid,
    };
    let ended = api
        .exchange
        .sessions()
        .end_session(sid, RevocationReason::Logout)
        .await;
    ended.map_err(|error| store_failed(&error))?;
    Ok(())
}

/// Whether a client only forgets its token: since that has come to its end, or since something has failed. Its
/// user asked for nothing, and the login continues by a newer token.
fn only_forgets(headers: &HeaderMap) -> bool {
    let reason = headers.get("x-dyn-logout-reason");
    reason.is_some_and(|reason| NOBODYS_WISH.contains(&reason.as_bytes()))
}

/// The answer to a client whose session has ended: no content, and none of the gateway's cookies any more.
pub(super) fn signed_out(api: &ApiState, headers: &HeaderMap) -> Response {
    let mut response = forgotten(api, headers);
    let found = credential::session_cookie(headers, &api.settings.token_sources);
    if !matches!(found, Ok(None)) {
        for gone in api.settings.session_cookie_removal(headers) {
            response.headers_mut().append(SET_COOKIE, gone);
        }
    }
    response
}

/// The same for a client that has forgotten its token: no cookie of the SDK any more where the gateway sets it.
fn forgotten(api: &ApiState, headers: &HeaderMap) -> Response {
    let mut response = StatusCode::NO_CONTENT.into_response();
    if api.settings.sdk.sets_cookie {
        for gone in api.settings.sdk_cookie_removal(headers) {
            response.headers_mut().append(SET_COOKIE, gone);
        }
    }
    response
}

/// What the SDK says where it signs out by itself.
const NOBODYS_WISH: [&[u8]; 5] = [
    b"token-expired",
    b"session-refresh-unauthorized",
    b"user-refresh-failed",
    b"keychain-key-missing",
    b"keychain-migration-failed",
];
