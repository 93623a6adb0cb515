//! Why a token is accepted or refused, told by the proxy's own checks.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::AdminState;
use super::body::Body;
use super::fault::Fault;
use crate::clock::UnixTime;
use crate::jwt::{self, Explanation};

/// The body of a test. Never logged and never kept.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Test {
    token: String,
}

/// The body of the platform's check (`ExternalJwtCheckRequest`).
#[derive(Deserialize)]
pub struct Check {
    #[serde(rename = "encodedJwt")]
    encoded_jwt: String,
}

/// The answer to it.
#[derive(Debug, Serialize)]
pub struct Checked {
    /// Whether the token is accepted.
    pub valid: bool,
    /// One sentence for each failed check.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<String>,
}

/// `POST /admin/api/token/test`.
pub async fn test(
    State(state): State<AdminState>,
    Body(Test { token }): Body<Test>,
) -> Json<Explanation> {
    Json(explain(&state, &token).await)
}

/// `POST /api/v0/environments/{env}/externalJwt/check`.
pub async fn check(
    State(state): State<AdminState>,
    Path(environment): Path<Uuid>,
    Body(Check { encoded_jwt }): Body<Check>,
) -> Result<Json<Checked>, Fault> {
    if environment != state.exchange.minter().environment_id {
        return Err(Fault::new(
            StatusCode::NOT_FOUND,
            "environment_not_found",
            "there is no such environment",
        ));
    }
    let explanation = explain(&state, &encoded_jwt).await;
    Ok(Json(Checked {
        valid: explanation.valid,
        errors: explanation.errors(),
    }))
}

/// Explains a token, pasted with or without white space around it. As for a request, an unknown
/// key is worth one more fetch.
pub async fn explain(state: &AdminState, token: &str) -> Explanation {
    let token = token.trim();
    let issuers = state.exchange.issuers().clone();
    let explanation = jwt::explain(token, &issuers, UnixTime::now());
    let lacks_key = explanation
        .code()
        .is_some_and(|code| KEY_MISSING.contains(&code));
    let named = explanation.issuer.as_deref();
    let issuer = named.and_then(|name| issuers.by_name(name));
    if let Some(issuer) = issuer.filter(|_| lacks_key) {
        let kid = jwt::unverified_kid(token);
        if issuer.keys().refetch_for(kid.as_deref()).await {
            return jwt::explain(token, &issuers, UnixTime::now());
        }
    }
    explanation
}

/// Codes of refusals that a fetch may mend.
const KEY_MISSING: [&str; 2] = ["kid_unknown", "no_keys"];
