//! `POST {api}/oauth/introspect`: whether a session token is valid now (RFC 7662). For clients with
//! credentials.

use axum::Json;
use axum::extract::{ConnectInfo, State};
use axum::http::HeaderMap;
use bytes::Bytes;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;
use uuid::Uuid;

use super::parameters::GivenToken;
use super::{OAuthError, Parameters, client, refusals};
use crate::api::{ApiState, Caller};
use crate::clock::UnixTime;

/// The state and claims of a session token. For an invalid one, only that it is not active.
#[derive(Debug, Default, Serialize, ToSchema)]
pub struct Introspection {
    active: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    iss: Option<String>,
    /// The user's id.
    #[serde(skip_serializing_if = "Option::is_none")]
    sub: Option<Uuid>,
    /// The session's id.
    #[serde(skip_serializing_if = "Option::is_none")]
    sid: Option<Uuid>,
    #[serde(skip_serializing_if = "Option::is_none")]
    aud: Option<String>,
    /// The client that it was issued to, if that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    client_id: Option<String>,
    /// Who acts for the user (RFC 8693 section 4.1).
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    act: Option<Value>,
    /// Its scopes, separated by spaces.
    #[serde(skip_serializing_if = "Option::is_none")]
    scope: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<u64>)]
    iat: Option<UnixTime>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<u64>)]
    exp: Option<UnixTime>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    token_type: Option<&'static str>,
}

/// Whether a session token is valid now (RFC 7662). For clients with credentials.
#[utoipa::path(
    post,
    path = "/oauth/introspect",
    operation_id = "introspectToken",
    tag = "oauth",
    request_body(
        content = GivenToken,
        content_type = "application/x-www-form-urlencoded",
        example = json!({ "token": "header.payload.signature" })
    ),
    security(("client" = [])),
    responses(
        (
            status = 200,
            description = "The token's state and claims.",
            body = Introspection,
            examples(
                ("good" = (value = json!({
                    "active": true,
                    "iss": "https://app.example.com/_vestibule",
                    "sub": "0190a5e6-7c1b-7e2a-9d3f-2b6c8a1e4f51",
                    "sid": "0190a5e6-7c1b-8e2a-9d3f-2b6c8a1e4f53",
                    "aud": "https://app.example.com",
                    "scope": "user:basic",
                    "iat": 1772366400,
                    "exp": 1772373600,
                    "token_type": "Bearer",
                }))),
                ("not" = (value = json!({ "active": false })))
            )
        ),
        refusals::Known
    )
)]
pub async fn introspect(
    State(api): State<ApiState>,
    ConnectInfo(caller): ConnectInfo<Caller>,
    headers: HeaderMap,
    content: Bytes,
) -> Result<Json<Introspection>, OAuthError> {
    let parameters = Parameters::read(&headers, &content)?;
    client::require(&api, &caller, &headers, &parameters)?;
    let token = parameters.required("token")?;
    let inactive = || Ok(Json(Introspection::default()));
    let Ok(given) = api.settings.token_sources.given(token) else {
        return inactive();
    };
    // An external token would open a session; asking about one must not.
    let Ok(claims) = api.exchange.read_own(token, UnixTime::now()).await else {
        return inactive();
    };
    match api.exchange.session_asked_about(&given).await {
        Ok(session) => Ok(Json(Introspection {
            active: true,
            iss: Some(api.exchange.minter().iss.clone()),
            sub: Some(claims.sub),
            sid: Some(claims.sid),
            aud: Some(claims.aud),
            client_id: claims.client_id,
            act: claims.act,
            scope: Some(session.scopes().as_str().to_owned()),
            iat: Some(claims.iat),
            exp: Some(claims.exp.min(session.expires_at())),
            token_type: Some("Bearer"),
        })),
        Err(rejection) if rejection.status.is_server_error() => Err(rejection.into()),
        Err(_) => inactive(),
    }
}
