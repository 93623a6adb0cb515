//! `POST {api}/oauth/revoke`: gives a session token back, which ends its session (RFC 7009). For
//! clients with credentials.

use axum::extract::{ConnectInfo, State};
use axum::http::{HeaderMap, StatusCode};
use bytes::Bytes;

use super::parameters::GivenToken;
use super::{OAuthError, Parameters, client, refusals};
use crate::api::{ApiState, Caller};
use crate::clock::UnixTime;
use crate::exchange::store_failed;
use crate::store::RevocationReason;

/// Gives a session token back, which ends its session (RFC 7009). For clients with credentials.
/// A token that is not ours was given back as well as can be (section 2.2).
#[utoipa::path(
    post,
    path = "/oauth/revoke",
    operation_id = "revokeToken",
    tag = "oauth",
    request_body(
        content = GivenToken,
        content_type = "application/x-www-form-urlencoded",
        example = json!({ "token": "header.payload.signature" })
    ),
    security(("client" = [])),
    responses((status = 200, description = "The token is no longer valid."), refusals::Known)
)]
pub async fn revoke(
    State(api): State<ApiState>,
    ConnectInfo(caller): ConnectInfo<Caller>,
    headers: HeaderMap,
    content: Bytes,
) -> Result<StatusCode, OAuthError> {
    let parameters = Parameters::read(&headers, &content)?;
    client::require(&api, &caller, &headers, &parameters)?;
    let token = parameters.required("token")?;
    if let Ok(claims) = api.exchange.read_own(token, UnixTime::now()).await {
        let ended = api
            .exchange
            .sessions()
            .end_session(claims.sid, RevocationReason::Revoked)
            .await;
        ended.map_err(|error| store_failed(&error))?;
    }
    Ok(StatusCode::OK)
}
