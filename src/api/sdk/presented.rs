//! The credential of a request to the SDK's endpoints, and its session.
//!
//! A browser may have two: the gateway's, by its own cookie, and that of the SDK. They are of one login as a rule, and of two once somebody else signs in by the SDK, or the site's token
//! changes. The page that calls the SDK means the latter; whoever signs in by it is who uses the browser now.

use std::sync::Arc;

use axum::http::header::SET_COOKIE;
use axum::http::{HeaderMap, Method};
use uuid::Uuid;

use super::SdkError;
use crate::api::{ApiState, Caller, logout};
use crate::credential::{self, Credential, Source};
use crate::exchange::{Recipient, Session};
use crate::identity::Client;
use crate::rejection::{Code, Rejection};
use crate::session::scope;

/// The session of a request that may read and change what is the user's: not by a token that was
/// narrowed to less.
pub async fn signed_in(
    api: &ApiState,
    caller: &Caller,
    method: &Method,
    headers: &HeaderMap,
) -> Result<Arc<Session>, SdkError> {
    let session = of_request(api, caller, method, headers).await?;
    session.require_scope(scope::BASIC)?;
    Ok(session)
}

/// The session of a request, by whatever credential of ours it has.
pub(super) async fn of_request(
    api: &ApiState,
    caller: &Caller,
    method: &Method,
    headers: &HeaderMap,
) -> Result<Arc<Session>, SdkError> {
    let (_, session) = session_of(api, caller, method, headers).await?;
    Ok(session)
}

/// The credential of a request: preferably our own, because an issuer's cookie stays in the browser
/// as well.
pub fn credential<'a>(
    api: &'a ApiState,
    caller: &Caller,
    method: &Method,
    headers: &'a HeaderMap,
) -> Result<Credential<'a>, SdkError> {
    let settings = &api.settings;
    if *method != Method::GET {
        settings.check_page(caller, headers)?;
    }
    let own = credential::find_own(headers, &settings.token_sources)?;
    let credential = own.ok_or_else(|| Rejection::new(Code::TokenMissing, "token_missing"))?;
    if credential.source.is_cookie() {
        settings.check_cookie_use(caller, method, headers)?;
    }
    Ok(credential)
}

/// The credential of a request and its session: that of the SDK's cookie where the gateway's cookie is of another
/// session, or of one that is over.
pub(super) async fn session_of<'a>(
    api: &'a ApiState,
    caller: &Caller,
    method: &Method,
    headers: &'a HeaderMap,
) -> Result<(Credential<'a>, Arc<Session>), SdkError> {
    let credential = credential(api, caller, method, headers)?;
    let opened = api.session_of(caller, headers, &credential).await;
    let client = || Client::new(caller.address, headers);
    if credential.source == Source::SessionCookie
        && let Some(sdk) = credential::sdk_cookie(headers, &api.settings.token_sources)?
        && is_of_another(api, &sdk, &opened)
        && api
            .exchange
            .session_of(&sdk, Recipient::Gateway, client)
            .await
            .is_ok()
    {
        // The one that decides is the one that is logged.
        let session = api.session_of(caller, headers, &sdk).await?;
        return Ok((sdk, session));
    }
    Ok((credential, opened?))
}

/// Whether the SDK's token names another session than the gateway's cookie opened. Whether that one lives is
/// another question.
fn is_of_another(
    api: &ApiState,
    sdk: &Credential<'_>,
    opened: &Result<Arc<Session>, Rejection>,
) -> bool {
    let Ok(named) = api.exchange.minter().read_past(sdk.token.expose()) else {
        return false;
    };
    match opened {
        Ok(session) => session.sid() != named.sid,
        Err(refused) => logout::is_logged_out(refused),
    }
}

/// Has the browser forget the gateway's cookie of another session than this one: it would be taken before what the
/// page has just been given.
pub(super) async fn forget_another(
    api: &ApiState,
    caller: &Caller,
    headers: &HeaderMap,
    sid: Uuid,
    answer: &mut HeaderMap,
) {
    let sources = &api.settings.token_sources;
    let is_another = match credential::session_cookie(headers, sources) {
        Ok(None) => false,
        Ok(Some(cookie)) => !may_be_of(api, caller, headers, &cookie, sid).await,
        // Several values, or none that could be ours.
        Err(_) => true,
    };
    if is_another {
        for gone in api.settings.session_cookie_removal(headers) {
            answer.append(SET_COOKIE, gone);
        }
    }
}

/// Whether the gateway's cookie may be of this session. That its device's proof is missing does not matter.
async fn may_be_of(
    api: &ApiState,
    caller: &Caller,
    headers: &HeaderMap,
    cookie: &Credential<'_>,
    sid: Uuid,
) -> bool {
    let client = || Client::new(caller.address, headers);
    let exchange = &api.exchange;
    let opened = exchange
        .session_of(cookie, Recipient::Gateway, client)
        .await;
    let refused = match opened {
        Ok(session) => return session.sid() == sid,
        Err(refused) => refused,
    };
    match exchange.named_session(cookie, &refused, client).await {
        Ok(Some(named)) => named.sid == sid,
        Ok(None) => !logout::is_logged_out(&refused),
        Err(_) => true,
    }
}
