//! `POST externalAuth/verify` and `POST stepUp/check`: more rights for a signed-in user.

use axum::Json;
use axum::extract::{ConnectInfo, State};
use axum::http::{HeaderMap, Method};
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::environment::Environment;
use super::{SdkError, body, presented, refusals};
use crate::api::{ApiState, Caller};
use crate::rejection::{Code, Rejection};
use crate::store::CredentialFormat;

/// The content of [`verify`].
#[derive(Debug, Deserialize, ToSchema)]
pub struct Assertion {
    /// A token of the session's issuer with `jti`, `scope`, and an `exp` at most 10 minutes away.
    jwt: String,
}

/// The content of [`check`].
#[derive(Debug, Deserialize, ToSchema)]
pub struct WantedScope {
    /// The scope to check.
    #[schema(min_length = 1)]
    scope: String,
}

/// By what a user may step up.
#[derive(Debug, Serialize, ToSchema)]
pub struct Way {
    id: Uuid,
    #[schema(value_type = String)]
    format: CredentialFormat,
}

/// More rights for a short time.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Elevation {
    /// To be shown in `X-Dyn-Elevated-Access-Token`.
    elevated_access_token: String,
}

/// Whether and how a user steps up.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct StepUpNeed {
    /// The scope needs an elevated token.
    is_required: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    default_credential_id: Option<Uuid>,
    credentials: Vec<Way>,
}

/// An elevated token for an assertion of the session's issuer. An assertion works once.
#[utoipa::path(
    post,
    path = "/externalAuth/verify",
    operation_id = "externalAuthVerify",
    tag = "sdk",
    params(Environment),
    request_body(content = Assertion, example = json!({ "jwt": "header.payload.signature" })),
    security(("session_token" = []), ("session_cookie" = []), ("sdk_cookie" = [])),
    responses(
        (
            status = 200,
            description = "The elevated token.",
            body = Elevation,
            example = json!({
                "elevatedAccessToken": "eyJhbGciOiJFUzI1NiIsInR5cCI6ImVsZXZhdGVkK2p3dCJ9.e30.c2ln"
            })
        ),
        refusals::Verify
    )
)]
pub async fn verify(
    State(api): State<ApiState>,
    ConnectInfo(caller): ConnectInfo<Caller>,
    headers: HeaderMap,
    content: Bytes,
) -> Result<Json<Elevation>, SdkError> {
    let session = presented::signed_in(&api, &caller, &Method::POST, &headers).await?;
    let Assertion { jwt } = body::read(&content)?;
    api.limits.step_up(caller.address, session.user())?;
    let account = api.exchange.sessions().account(&session).await?;
    let given = api.settings.token_sources.given(&jwt);
    let given = given.map_err(|error| SdkError::invalid_external_auth(error.into()))?;
    caller.presents(&given);
    let elevated = api
        .settings
        .step_up
        .elevate(&api.exchange, &account, given.token.expose())
        .await
        .inspect_err(|_| caller.refused(&api.exchange, &given))
        .map_err(SdkError::invalid_external_auth)?;
    Ok(Json(Elevation {
        elevated_access_token: elevated,
    }))
}

/// Whether a scope requires an elevated token, and which credentials can get one.
#[utoipa::path(
    post,
    path = "/stepUp/check",
    operation_id = "stepUpCheck",
    tag = "sdk",
    params(Environment),
    request_body(content = WantedScope, example = json!({ "scope": "wallet:export" })),
    security(("session_token" = []), ("session_cookie" = []), ("sdk_cookie" = [])),
    responses(
        (
            status = 200,
            description = "Whether the scope requires step-up.",
            body = StepUpNeed,
            example = json!({
                "isRequired": true,
                "defaultCredentialId": "0190a5e6-7c1b-7e2a-9d3f-2b6c8a1e4f52",
                "credentials": [
                    { "id": "0190a5e6-7c1b-7e2a-9d3f-2b6c8a1e4f52", "format": "externalUser" },
                ],
            })
        ),
        refusals::StepUpCheck
    )
)]
pub async fn check(
    State(api): State<ApiState>,
    ConnectInfo(caller): ConnectInfo<Caller>,
    headers: HeaderMap,
    content: Bytes,
) -> Result<Json<StepUpNeed>, SdkError> {
    let session = presented::signed_in(&api, &caller, &Method::POST, &headers).await?;
    let WantedScope { scope } = body::read(&content)?;
    if scope.is_empty() {
        return Err(Rejection::new(Code::InvalidRequest, "scope_missing").into());
    }
    let account = api.exchange.sessions().account(&session).await?;
    let own = account.user.external_credential(&account.session.iss);
    let ways: Vec<Way> = own
        .map(|own| Way {
            id: own.id,
            format: own.format,
        })
        .into_iter()
        .collect();
    Ok(Json(StepUpNeed {
        is_required: api.settings.step_up.guards(&scope),
        default_credential_id: own.map(|own| own.id),
        credentials: ways,
    }))
}
