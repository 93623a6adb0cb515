//! `POST externalAuth/verify` and `POST stepUp/check`: more rights for a signed-in user.

use axum::Json;
use axum::extract::{ConnectInfo, State};
use axum::http::{HeaderMap, Method};
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use uuid::Uuid;

use super::{SdkError, body, session};
use crate::api::{ApiState, ClientAddress};
use crate::rejection::{Code, Rejection};
use crate::store::CredentialFormat;

/// The content of [`verify`].
#[derive(Debug, Deserialize)]
struct Assertion {
    jwt: String,
}

/// The content of [`check`].
#[derive(Debug, Deserialize)]
struct Wanted {
    scope: String,
}

/// By what a user may step up.
#[derive(Debug, Serialize)]
struct Way {
    id: Uuid,
    format: CredentialFormat,
}

/// An elevated token for an assertion of the session's issuer.
pub async fn verify(
    State(api): State<ApiState>,
    ConnectInfo(client): ConnectInfo<ClientAddress>,
    headers: HeaderMap,
    content: Bytes,
) -> Result<Json<Value>, SdkError> {
    let session = session::of_request(&api, client, &Method::POST, &headers).await?;
    let Assertion { jwt } = body::read(&content)?;
    api.limits.step_up(client.0, session.user())?;
    let account = api.exchange.account(&session).await?;
    let given = api.settings.places.given(&jwt);
    let given = given.map_err(|error| SdkError::invalid_external_auth(error.into()))?;
    let elevated = api
        .settings
        .step_up
        .elevate(&api.exchange, &account, given.token.expose())
        .await
        .map_err(SdkError::invalid_external_auth)?;
    Ok(Json(json!({ "elevatedAccessToken": elevated })))
}

/// Whether a scope needs an elevated token, and by which credentials it is had.
pub async fn check(
    State(api): State<ApiState>,
    ConnectInfo(client): ConnectInfo<ClientAddress>,
    headers: HeaderMap,
    content: Bytes,
) -> Result<Json<Value>, SdkError> {
    let session = session::of_request(&api, client, &Method::POST, &headers).await?;
    let Wanted { scope } = body::read(&content)?;
    if scope.is_empty() {
        return Err(Rejection::new(Code::InvalidRequest, "scope_missing").into());
    }
    let account = api.exchange.account(&session).await?;
    let own = account.user.external_credential(&account.session.iss);
    let ways: Vec<Way> = own
        .map(|own| Way {
            id: own.id,
            format: own.format,
        })
        .into_iter()
        .collect();
    Ok(Json(json!({
        "isRequired": api.settings.step_up.guards(&scope),
        "defaultCredentialId": own.map(|own| own.id),
        "credentials": ways,
    })))
}
