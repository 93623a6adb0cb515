//! `POST externalAuth/signin`: an external token opens a session for the client itself.

use axum::Json;
use axum::extract::{ConnectInfo, State};
use axum::http::header::SET_COOKIE;
use axum::http::{HeaderMap, Method};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use serde::Deserialize;
use utoipa::ToSchema;

use super::device::Proof;
use super::environment::Environment;
use super::user::{SdkUser, VerifyResponse};
use super::{SdkError, body, cookie, device, example, presented, refusals};
use crate::api::device_bound;
use crate::api::{ApiState, Caller};
use crate::credential;
use crate::exchange::{Account, Granted};
use crate::rejection::{Code, Rejection};
use crate::session::Terms;

/// What a client sends: its token, or nothing when the token is in the issuer's cookie.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct SignInRequest {
    /// The external token.
    #[serde(default)]
    jwt: Option<String>,
    /// A compressed point of P-256 in hexadecimal digits, to be bound into the session token.
    #[serde(default)]
    session_public_key: Option<String>,
}

/// An external token, given here or in the issuer's cookie, opens a session for the client itself.
#[utoipa::path(
    post,
    path = "/externalAuth/signin",
    operation_id = "externalAuthSignin",
    tag = "sdk",
    params(Environment),
    request_body(content = SignInRequest, example = json!({ "jwt": "header.payload.signature" })),
    responses(
        (
            status = 200,
            description = "The user and the session token; the token is in the SDK's cookie if \
                the gateway is configured so and a page asks.",
            body = VerifyResponse<'static>,
            headers(("set-cookie" = String)),
            example = json!(example::signed_in())
        ),
        refusals::SignIn
    )
)]
pub async fn sign_in(
    State(api): State<ApiState>,
    ConnectInfo(caller): ConnectInfo<Caller>,
    headers: HeaderMap,
    content: Bytes,
) -> Result<Response, SdkError> {
    let settings = &api.settings;
    settings.check_page(&caller, &headers)?;
    let request: SignInRequest = body::read(&content)?;
    if request.jwt.is_none() || settings.keeps_in_cookie(&headers) {
        settings.check_cookie_use(&caller, &Method::POST, &headers)?;
    }
    let session_public_key = device::session_key(request.session_public_key, &headers)?;
    let sources = &settings.token_sources;
    // What the content has does not give way to them.
    let mut cookies = credential::issuers_cookies(&headers, sources);
    let first = match &request.jwt {
        Some(jwt) => sources
            .given(jwt)
            .map(|given| Some(given.with_session_cookie(&headers, sources))),
        None => cookies.next().transpose(),
    };
    let first = first
        .map_err(Rejection::from)
        .and_then(|found| found.ok_or(Rejection::new(Code::TokenMissing, "token_missing")))
        .map_err(SdkError::invalid_external_auth)?;
    api.limits.sign_in(caller.address)?;
    let proof = device::check_signature(&api, &headers)?;
    let Granted {
        account,
        user_created,
        token_end,
        device_bound,
    } = api
        .sign_in(&caller, &headers, (first, cookies), proof.map(Proof::nonce))
        .await
        .map_err(SdkError::invalid_external_auth)?;
    let terms = Terms {
        // The page that asked, if it is another than the gateway's own.
        audience: settings.page(&headers).map(str::to_owned),
        session_public_key,
        new_user: user_created,
        device_bound,
        ..Terms::until(token_end)
    };
    let mut response = answer(&api, &headers, (&account, &terms))?;
    let (sid, fields) = (account.session.sid, response.headers_mut());
    presented::forget_another(&api, &caller, &headers, sid, fields).await;
    if settings.keeps_in_cookie(&headers) {
        device_bound::add_offer(&api, &account.session, response.headers_mut()).await;
    }
    Ok(response)
}

/// The session token and the user, the token in the cookie where it belongs there. The browser of a
/// device-bound session has a cookie already, and gets no other.
pub fn answer(
    api: &ApiState,
    headers: &HeaderMap,
    granted: (&Account, &Terms),
) -> Result<Response, SdkError> {
    answer_with(api, headers, granted, None)
}

/// The answer as by [`answer`], with what is still to be done.
pub fn answer_with(
    api: &ApiState,
    headers: &HeaderMap,
    (account, terms): (&Account, &Terms),
    next_view: Option<&'static str>,
) -> Result<Response, SdkError> {
    let token = api.exchange.mint(account, terms)?;
    let environment_id = api.exchange.minter().environment_id;
    let mut response = VerifyResponse {
        user: SdkUser::new(
            account,
            environment_id,
            terms.new_user,
            token.scopes.as_str(),
        ),
        expires_at: token.expires_at,
        minified_jwt: None,
        jwt: None,
        next_view,
    };
    if api.settings.sdk.sets_cookie && api.exchange.devices().is_bound(&account.session) {
        response.expires_at = account.session.expires_at;
        return Ok(Json(response).into_response());
    }
    if api.settings.keeps_in_cookie(headers) {
        if !cookie::is_kept(&token.text) {
            return Err(Rejection::new(Code::Internal, "cookie_too_large").into());
        }
        let field = api
            .settings
            .sdk_cookie(&token.text, token.expires_at)
            .ok_or_else(|| Rejection::new(Code::Internal, "cookie_unfit"))?;
        let mut response = Json(response).into_response();
        let fields = response.headers_mut();
        // First: to some clients, that of a host and of a domain of that name are one, and the last counts.
        for gone in api.settings.sdk_cookie_elsewhere(headers) {
            fields.append(SET_COOKIE, gone);
        }
        fields.append(SET_COOKIE, field);
        return Ok(response);
    }
    response.jwt = Some(api.exchange.mint_account(account, terms)?.text);
    response.minified_jwt = Some(token.text);
    Ok(Json(response).into_response())
}
