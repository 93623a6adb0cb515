//! `POST {api}/oauth/introspect`: whether a session token is good now (RFC 7662). For clients
//! with credentials.

use axum::Json;
use axum::extract::{ConnectInfo, State};
use axum::http::HeaderMap;
use bytes::Bytes;
use serde_json::{Value, json};

use super::{OAuthError, Parameters, client};
use crate::api::{ApiState, ClientAddress};
use crate::clock::UnixTime;

/// The handler. Of a token that is not good, nothing is said but that.
pub async fn introspect(
    State(api): State<ApiState>,
    ConnectInfo(address): ConnectInfo<ClientAddress>,
    headers: HeaderMap,
    content: Bytes,
) -> Result<Json<Value>, OAuthError> {
    let parameters = Parameters::read(&headers, &content)?;
    client::require(&api, address, &headers, &parameters)?;
    let token = parameters.required("token")?;
    let inactive = Json(json!({ "active": false }));
    let Ok(given) = api.settings.places.given(token) else {
        return Ok(inactive);
    };
    // An external token would open a session; asking about one must not.
    let Ok(claims) = api.exchange.minter().read(token, UnixTime::now()) else {
        return Ok(inactive);
    };
    match api.exchange.session(&given).await {
        Ok(_) => Ok(Json(json!({
            "active": true,
            "iss": api.exchange.minter().iss,
            "sub": claims.sub,
            "sid": claims.sid,
            "aud": claims.aud,
            "scope": claims.scope,
            "iat": claims.iat,
            "exp": claims.exp,
            "token_type": "Bearer",
        }))),
        Err(rejection) if rejection.status.is_server_error() => Err(rejection.into()),
        Err(_) => Ok(inactive),
    }
}
