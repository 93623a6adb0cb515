//! Logout: by the browser, and by the issuer behind its back.

use axum::Form;
use axum::extract::{ConnectInfo, State};
use axum::http::header::{CACHE_CONTROL, SET_COOKIE};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::{ApiState, Caller, Refused, refusals, sdk};
use crate::credential::{self, Credential};
use crate::rejection::{Code, Rejection};
use crate::session::cookie;
use crate::store::RevocationReason;

/// The endpoints below the API prefix.
pub fn router() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new()
        .routes(routes!(logout))
        .routes(routes!(backchannel))
}

/// Ends the session of the request's credential and takes the gateway's cookie away. 204 also when
/// there was no session any more, so that a page can always call it.
#[utoipa::path(
    post,
    path = "/logout",
    operation_id = "logout",
    tag = "logout",
    security((), ("session_token" = []), ("session_cookie" = [])),
    responses(
        (
            status = 204,
            description = "The session has ended.",
            headers(("set-cookie" = String))
        ),
        refusals::Logout
    )
)]
pub async fn logout(
    State(state): State<ApiState>,
    ConnectInfo(caller): ConnectInfo<Caller>,
    method: Method,
    headers: HeaderMap,
) -> Response {
    let ended = end_sessions(&state, &caller, &method, &headers).await;
    match ended {
        Ok(()) => {
            let gone = cookie::clear(state.settings.token_sources.session_cookie());
            let fields = [
                (SET_COOKIE, gone),
                (CACHE_CONTROL, HeaderValue::from_static("no-store")),
            ];
            let mut response = (StatusCode::NO_CONTENT, fields).into_response();
            if has_sdk_cookie(&state, &headers)
                && let Some(gone) = sdk::cookie::removal(state.settings.is_https)
            {
                response.headers_mut().append(SET_COOKIE, gone);
            }
            response
        }
        Err(rejection) => Refused(rejection).into_response(),
    }
}

/// Whether the request came with the SDK's cookie, or may have it where scripts see none.
fn has_sdk_cookie(state: &ApiState, headers: &HeaderMap) -> bool {
    let found = credential::sdk_cookie(headers, &state.settings.token_sources);
    state.settings.sdk.sets_cookie || !matches!(found, Ok(None))
}

/// The content of a back-channel logout request (section 2.5).
#[derive(Deserialize, ToSchema)]
pub struct BackchannelRequest {
    /// A logout token of the issuer (section 2.4).
    logout_token: String,
}

/// The issuer ends sessions (OpenID Connect Back-Channel Logout 1.0).
#[utoipa::path(
    post,
    path = "/backchannel-logout",
    operation_id = "backchannelLogout",
    tag = "logout",
    request_body(
        content = BackchannelRequest,
        content_type = "application/x-www-form-urlencoded",
        example = json!({ "logout_token": "header.payload.signature" })
    ),
    responses((status = 200, description = "The sessions have ended."), refusals::Backchannel)
)]
pub async fn backchannel(
    State(state): State<ApiState>,
    ConnectInfo(caller): ConnectInfo<Caller>,
    request: Result<Form<BackchannelRequest>, axum::extract::rejection::FormRejection>,
) -> Response {
    let Ok(Form(request)) = request else {
        let malformed = Rejection::new(Code::InvalidRequest, "logout_token_missing");
        return Refused(malformed).into_response();
    };
    let token = &request.logout_token;
    let given = state.settings.token_sources.given(token).ok();
    given.iter().for_each(|given| caller.presents(given));
    match state
        .exchange
        .backchannel_logout(token, caller.address)
        .await
    {
        Ok(()) => (StatusCode::OK, [(CACHE_CONTROL, "no-store")]).into_response(),
        Err(rejection) => {
            let exchange = &state.exchange;
            given
                .iter()
                .for_each(|given| caller.refused(exchange, given));
            Refused(rejection).into_response()
        }
    }
}

async fn end_sessions(
    state: &ApiState,
    caller: &Caller,
    method: &Method,
    headers: &HeaderMap,
) -> Result<(), Rejection> {
    let settings = &state.settings;
    let end_session =
        async |credential: &Credential<'_>| end_session(state, (caller, headers), credential).await;
    let credential = credential::find(headers, &settings.token_sources)?;
    let is_explicit = credential
        .as_ref()
        .is_some_and(|credential| !credential.source.is_cookie());
    if !is_explicit {
        // The response deletes a cookie, even if a page of another site sent the request.
        settings.check_origin(method, headers)?;
    }
    if let Some(credential) = credential {
        end_session(&credential).await?;
    }
    // Another credential may have stood before the gateway's own cookies, with another session.
    let own = credential::session_cookie(headers, &settings.token_sources)?;
    let of_sdk = credential::sdk_cookie(headers, &settings.token_sources)?;
    for cookie in own.into_iter().chain(of_sdk) {
        end_session(&cookie).await?;
    }
    Ok(())
}

async fn end_session(
    state: &ApiState,
    (caller, headers): (&Caller, &HeaderMap),
    credential: &Credential<'_>,
) -> Result<(), Rejection> {
    let session = match state.session_of(caller, headers, credential).await {
        Ok(session) => session,
        // A cookie that a browser kept for too long counts as logged out.
        Err(rejection) if credential.source.is_cookie() && is_over(&rejection) => return Ok(()),
        Err(rejection) => return Err(rejection),
    };
    let exchange = &state.exchange;
    exchange
        .end_session(session.sid(), RevocationReason::Logout)
        .await
        .map(drop)
        .map_err(|error| exchange.store_failed(&error))
}

fn is_over(rejection: &Rejection) -> bool {
    matches!(
        rejection.code,
        Code::TokenInvalid | Code::TokenExpired | Code::LoginRequired | Code::Forbidden
    )
}
