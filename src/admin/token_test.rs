//! Why a token is accepted or refused, according to the proxy's own checks.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;
use uuid::Uuid;

use super::AdminState;
use super::access::Operator;
use super::api_error::ApiError;
use super::body::{Body, Path};
use super::platform;
use super::{reason, refusals};
use crate::clock::UnixTime;
use crate::exchange::Standing;
use crate::issuer::IssuerSettings;
use crate::jwks::KeysStatus;
use crate::jwt::{self, Explanation, Issuer, Issuers};
use crate::live_config::Document;
use crate::operator::Role;

/// The body of a test. Never logged and never kept.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Test {
    token: String,
    /// Settings of an issuer that are not in force: the token is tested as if they were, in place
    /// of those of the same name.
    #[serde(default)]
    #[schema(value_type = Option<Object>)]
    issuer: Option<Document>,
}

/// The answer to it.
#[derive(Debug, Serialize, ToSchema)]
pub struct Tested {
    /// The verdict of every check.
    #[serde(flatten)]
    pub explanation: Explanation,
    /// The keys of the settings that came with the token; null without.
    pub keys: Option<KeysStatus>,
}

/// The body of the platform's check (`ExternalJwtCheckRequest`).
#[derive(Deserialize, ToSchema)]
#[schema(as = ExternalJwtCheckRequest)]
pub struct Check {
    #[serde(rename = "encodedJwt")]
    encoded_jwt: String,
}

/// The answer to it.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ExternalJwtCheck)]
pub struct Checked {
    /// Whether the token is accepted.
    pub valid: bool,
    /// One sentence for each failed check.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<String>,
}

/// Test a token step by step and say whether it is accepted.
///
/// Settings that are not in force may have the gateway fetch keys from wherever they say: only
/// admins send them.
#[utoipa::path(
    post,
    path = "/admin/api/token/test",
    operation_id = "testToken",
    tag = "token",
    request_body = Test,
    responses(
        (status = 200, description = "All checks.", body = Tested),
        refusals::Change, refusals::Invalid, refusals::Unavailable,
    ),
)]
pub async fn test(
    State(state): State<AdminState>,
    operator: Operator,
    Body(Test { token, issuer }): Body<Test>,
) -> Result<Json<Tested>, ApiError> {
    match issuer {
        Some(_) if operator.role < Role::Admin => Err(ApiError::forbidden(
            "role_insufficient",
            "this token can only test the settings in force",
        )),
        Some(settings) => explain_unsaved(&state, &token, settings).await.map(Json),
        None => Ok(Json(Tested {
            explanation: explain(&state, &token).await,
            keys: None,
        })),
    }
}

/// The platform's own operation to verify a JWT.
#[utoipa::path(
    post,
    path = "/api/v0/environments/{environment}/externalJwt/check",
    operation_id = "checkExternalJwt",
    tag = "platform",
    params(("environment" = Uuid, Path)),
    request_body = Check,
    responses(
        (status = 200, description = "The result.", body = Checked),
        refusals::Change, refusals::Missing, refusals::Invalid,
    ),
)]
pub async fn check(
    State(state): State<AdminState>,
    Path(environment): Path<Uuid>,
    Body(Check { encoded_jwt }): Body<Check>,
) -> Result<Json<Checked>, ApiError> {
    platform::check(&state, environment)?;
    let explanation = explain(&state, &encoded_jwt).await;
    Ok(Json(Checked {
        valid: explanation.valid,
        errors: explanation.errors(),
    }))
}

/// Explains a token as it was pasted. As for a request, a key that is unknown or does not verify is
/// worth one more fetch.
pub async fn explain(state: &AdminState, text: &str) -> Explanation {
    let issuers = state.issuers();
    let pasted = jwt::pasted(text, &issuers);
    let explanation = explain_token(state, &pasted.token).await;
    let explanation = explanation.of_pasted(&pasted, &issuers);
    if !explanation.valid {
        return explanation;
    }
    stand(state, &pasted.token, explanation).await
}

/// Adds what this gateway knows of a token that holds: whether its user and its session still do.
async fn stand(state: &AdminState, token: &str, explanation: Explanation) -> Explanation {
    match state.exchange().standing(token, UnixTime::now()).await {
        Ok(None) => explanation,
        Ok(Some(Standing { user, session, .. })) => {
            let advised = |code| (code, reason::explained(code).advice.to_owned());
            explanation
                .and("user", user.map(advised))
                .and("session", session.map(advised))
        }
        Err(error) => {
            let hint = format!("the store does not answer: {error}");
            explanation.and("user", Some(("store_unavailable", hint)))
        }
    }
}

async fn explain_token(state: &AdminState, token: &str) -> Explanation {
    let issuers = state.issuers();
    let explanation = jwt::explain(token, &issuers, UnixTime::now());
    let named = explanation.issuer.as_deref();
    let issuer = named.and_then(|name| issuers.by_name(name));
    let wanted = explanation
        .reason()
        .zip(issuer)
        .and_then(|(reason, issuer)| reason.wanted_key(token, issuer.keys().generation()));
    if let Some((issuer, wanted)) = issuer.zip(wanted)
        && issuer.keys().refetch_for(&wanted).await
    {
        return jwt::explain(token, &issuers, UnixTime::now());
    }
    explanation
}

/// Explains a token as if an issuer had these settings. Its keys are those in force where they
/// come from the same place, else they are fetched once; nothing is kept.
///
/// # Errors
///
/// The settings are invalid, or conflict with another issuer.
pub async fn explain_unsaved(
    state: &AdminState,
    token: &str,
    mut settings: Document,
) -> Result<Tested, ApiError> {
    settings
        .entry("name")
        .or_insert_with(|| Value::from(UNNAMED));
    let tried = state.live_config.try_issuer(&settings)?;
    let in_force = state.issuers();
    let running = in_force.by_name(&tried.name);
    let wanted = tried.key_settings();
    let keys = match running.filter(|running| *running.keys().key_settings() == wanted) {
        Some(running) => Arc::clone(running.keys()),
        None => state
            .live_config
            .jwks()
            .try_out(wanted)
            .await
            .map_err(|error| {
                ApiError::new(
                    StatusCode::SERVICE_UNAVAILABLE,
                    "unavailable",
                    error.to_string(),
                )
            })?,
    };
    // What is tried is tried as if it were on.
    let tried = Arc::new(Issuer::new(
        IssuerSettings {
            enabled: true,
            ..tried
        },
        Arc::clone(&keys),
    ));
    let mut all: Vec<_> = in_force
        .iter()
        .filter(|issuer| issuer.name() != tried.name())
        .cloned()
        .collect();
    all.push(tried);
    let issuers = Issuers::from_issuers(all)
        .map_err(|error| ApiError::bad_request(error.to_string()))?
        .with_max_token_size(in_force.max_token_size());
    let pasted = jwt::pasted(token, &issuers);
    let explanation = jwt::explain(&pasted.token, &issuers, UnixTime::now());
    Ok(Tested {
        explanation: explanation.of_pasted(&pasted, &issuers),
        keys: Some(keys.status()),
    })
}

/// The name of settings that came without one.
const UNNAMED: &str = "unsaved";
