//! `POST {api}/oauth/revoke`: gives a session token back, which ends its session (RFC 7009). For
//! clients with credentials.

use axum::extract::{ConnectInfo, State};
use axum::http::{HeaderMap, StatusCode};
use bytes::Bytes;

use super::{OAuthError, Parameters, client};
use crate::api::{ApiState, ClientAddress};
use crate::store::EndCause;

/// The handler. Section 2.2: a token that is not ours was given back as well as can be.
pub async fn revoke(
    State(api): State<ApiState>,
    ConnectInfo(address): ConnectInfo<ClientAddress>,
    headers: HeaderMap,
    content: Bytes,
) -> Result<StatusCode, OAuthError> {
    let parameters = Parameters::read(&headers, &content)?;
    client::require(&api, address, &headers, &parameters)?;
    let token = parameters.required("token")?;
    if let Ok(claims) = api.exchange.minter().read_past(token) {
        let ended = api
            .exchange
            .end_session(claims.sid, EndCause::Revoked)
            .await;
        ended.map_err(|error| api.exchange.store_failed(&error))?;
    }
    Ok(StatusCode::OK)
}
