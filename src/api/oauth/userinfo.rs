//! `GET` and `POST {api}/userinfo`: the user of a session token (OpenID Connect Core section 5.3).

use axum::Json;
use axum::extract::{ConnectInfo, State};
use axum::http::HeaderMap;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::{OAuthError, refusals};
use crate::api::{ApiState, Caller};
use crate::credential::{self, Source};
use crate::rejection::{Code, Rejection};
use crate::session::scope;

/// The user of a session token.
#[derive(Debug, Serialize, ToSchema)]
pub struct UserInfo {
    sub: Uuid,
    /// The address of the user's own verified email credential.
    #[serde(skip_serializing_if = "Option::is_none")]
    email: Option<String>,
    /// True when there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    email_verified: Option<bool>,
}

/// The user of a session token (OpenID Connect Core section 5.3). Takes a bearer token only: no
/// page reads it by a cookie.
#[utoipa::path(
    get,
    path = "/userinfo",
    operation_id = "userinfo",
    tag = "oauth",
    security(("session_token" = [])),
    responses(
        (
            status = 200,
            description = "The user.",
            body = UserInfo,
            example = json!({
                "sub": "0190a5e6-7c1b-7e2a-9d3f-2b6c8a1e4f51",
                "email": "alice@example.com",
                "email_verified": true,
            })
        ),
        refusals::UserInfo
    )
)]
pub async fn userinfo(
    State(api): State<ApiState>,
    ConnectInfo(caller): ConnectInfo<Caller>,
    headers: HeaderMap,
) -> Result<Json<UserInfo>, OAuthError> {
    let missing = Rejection::new(Code::TokenMissing, "token_missing");
    let session = async {
        let credential = credential::find_own(&headers, &api.settings.token_sources)?
            .filter(|credential| credential.source == Source::Authorization)
            .ok_or(missing)?;
        let session = api.session_of(&caller, &headers, &credential).await?;
        session.require_scope(scope::BASIC)?;
        Ok(session)
    };
    let session = session.await.map_err(OAuthError::bearer_refused)?;
    let account = api.exchange.sessions().account(&session).await;
    let account = account.map_err(OAuthError::bearer_refused)?;
    let email = account.user.email(&account.session.iss);
    Ok(Json(UserInfo {
        sub: account.user.id,
        email: email.map(str::to_owned),
        email_verified: email.map(|_| true),
    }))
}

/// The same by POST, which OpenID Connect demands as well (Core section 5.3.1).
#[utoipa::path(
    post,
    path = "/userinfo",
    operation_id = "userinfoByPost",
    tag = "oauth",
    security(("session_token" = [])),
    responses(
        (
            status = 200,
            description = "The user.",
            body = UserInfo,
            example = json!({ "sub": "0190a5e6-7c1b-7e2a-9d3f-2b6c8a1e4f51" })
        ),
        refusals::UserInfo
    )
)]
pub async fn userinfo_by_post(
    state: State<ApiState>,
    caller: ConnectInfo<Caller>,
    headers: HeaderMap,
) -> Result<Json<UserInfo>, OAuthError> {
    userinfo(state, caller, headers).await
}
