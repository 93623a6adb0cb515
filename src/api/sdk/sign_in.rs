//! `POST externalAuth/signin`: an external token opens a session for the client itself.

use axum::Json;
use axum::extract::{ConnectInfo, State};
use axum::http::header::{ORIGIN, SET_COOKIE};
use axum::http::{HeaderMap, Method};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use serde::Deserialize;

use super::user::{SdkUser, VerifyResponse};
use super::{SdkError, body, cookie, device};
use crate::api::{ApiState, ClientAddress};
use crate::credential;
use crate::exchange::{Account, Granted};
use crate::identity::Client;
use crate::rejection::{Code, Rejection};
use crate::session::Terms;

/// What a client sends: its token, or nothing when the token is in the issuer's cookie.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Request {
    #[serde(default)]
    jwt: Option<String>,
    #[serde(default)]
    session_public_key: Option<String>,
}

/// The handler.
pub async fn sign_in(
    State(api): State<ApiState>,
    ConnectInfo(ClientAddress(address)): ConnectInfo<ClientAddress>,
    headers: HeaderMap,
    content: Bytes,
) -> Result<Response, SdkError> {
    let settings = &api.settings;
    settings.check_page(&headers)?;
    let request: Request = body::read(&content)?;
    if request.jwt.is_none() || settings.sdk.sets_cookie {
        settings.check_cookie_use(&Method::POST, &headers)?;
    }
    let session_public_key = device::session_key(request.session_public_key, &headers)?;
    let presented = match &request.jwt {
        Some(jwt) => settings.places.given(jwt).map(Some),
        None => credential::find_in_issuers_cookies(&headers, &settings.places),
    };
    let presented = presented
        .map_err(Rejection::from)
        .and_then(|found| found.ok_or(Rejection::new(Code::TokenMissing, "token_missing")))
        .map_err(SdkError::invalid_external_auth)?;
    api.limits.sign_in(address)?;
    device::check_signature(&api, &headers).await?;
    let Granted {
        account,
        user_created,
        token_end,
    } = api
        .exchange
        .grant(&presented, Client::new(address, &headers))
        .await
        .map_err(SdkError::invalid_external_auth)?;
    let terms = Terms {
        // The page that asked; `check_page` has passed it.
        audience: headers
            .get(ORIGIN)
            .and_then(|origin| origin.to_str().ok())
            .map(str::to_owned),
        session_public_key,
        new_user: user_created,
        not_after: token_end,
    };
    answer(&api, &account, &terms)
}

/// The session token and the user, the token in the cookie where it belongs there.
pub fn answer(api: &ApiState, account: &Account, terms: &Terms) -> Result<Response, SdkError> {
    let token = api.exchange.mint(account, terms)?;
    let environment_id = api.exchange.minter().environment_id;
    let mut response = VerifyResponse {
        user: SdkUser::new(account, environment_id, terms.new_user),
        expires_at: token.expires_at,
        minified_jwt: None,
        jwt: None,
    };
    if api.settings.sdk.sets_cookie {
        let field = cookie::holding(&token.text, token.expires_at, api.settings.is_https)
            .ok_or_else(|| Rejection::new(Code::Internal, "cookie_unfit"))?;
        return Ok(([(SET_COOKIE, field)], Json(response)).into_response());
    }
    response.jwt = Some(api.exchange.mint_account(account, terms)?.text);
    response.minified_jwt = Some(token.text);
    Ok(Json(response).into_response())
}
