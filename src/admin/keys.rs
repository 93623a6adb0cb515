//! The gateway's signing keys as operators see them. Private halves stay where they are.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::{Map, json};
use tracing::warn;
use utoipa::ToSchema;

use super::AdminState;
use super::access::Operator;
use super::api_error::ApiError;
use super::audit;
use super::body::{Body, Path};
use super::refusals;
use crate::clock::UnixTime;
use crate::session::keys::KeysError;
use crate::store::{KeyState, SigningAlgorithm, SigningKeyRecord};

/// The response of `GET /admin/api/keys`.
#[derive(Debug, Serialize, ToSchema)]
pub struct KeyList {
    /// The signing keys, oldest first.
    pub keys: Vec<KeyRow>,
}

/// A signing key without its private part, as the API shows it.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = SigningKey)]
pub struct KeyRow {
    /// The `kid` in tokens.
    pub kid: String,
    /// Its algorithm.
    pub algorithm: SigningAlgorithm,
    /// Its state in the lifecycle.
    pub state: KeyState,
    /// Whether this gateway signs with it. Of two current keys, the one of the former `session.algorithm` does not.
    pub signs: bool,
    /// When it was created.
    pub created_at: UnixTime,
    /// When it starts to sign.
    pub activates_at: UnixTime,
    /// When it stopped or will stop to sign.
    pub retires_at: Option<UnixTime>,
    /// Until when a retired key stays published.
    pub published_until: Option<UnixTime>,
}

impl KeyRow {
    fn of(record: SigningKeyRecord, signer: &str) -> Self {
        Self {
            signs: record.kid == signer,
            kid: record.kid,
            algorithm: record.algorithm,
            state: record.state,
            created_at: record.created_at,
            activates_at: record.activates_at,
            retires_at: record.retires_at,
            published_until: record.published_until,
        }
    }
}

/// List the signing keys, oldest first.
#[utoipa::path(
    get,
    path = "/admin/api/keys",
    operation_id = "listKeys",
    tag = "keys",
    responses(
        (status = 200, description = "The keys, without their private parts.", body = KeyList),
        refusals::Look, refusals::Unavailable,
    ),
)]
pub async fn list(State(state): State<AdminState>) -> Result<Json<KeyList>, ApiError> {
    rows(&state).await.map(|keys| Json(KeyList { keys }))
}

/// The body of a rotation.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Rotate {
    /// Before verifiers that cache the key set can have the next key.
    #[serde(default)]
    at_once: bool,
}

/// Create the next signing key, which signs after it has been published for long enough, or immediately.
#[utoipa::path(
    post,
    path = "/admin/api/keys/rotate",
    operation_id = "rotateKeys",
    tag = "keys",
    request_body = Rotate,
    responses(
        (status = 200, description = "The keys afterwards.", body = KeyList),
        refusals::Change, refusals::Invalid, refusals::Unavailable,
    ),
)]
pub async fn rotate(
    State(state): State<AdminState>,
    operator: Operator,
    Body(Rotate { at_once }): Body<Rotate>,
) -> Result<Json<KeyList>, ApiError> {
    rotate_now(&state, &operator, at_once).await?;
    list(State(state)).await
}

/// Delete a leaked signing key and end every session that may have a token signed with it.
#[utoipa::path(
    post,
    path = "/admin/api/keys/{kid}/revoke",
    operation_id = "revokeKey",
    tag = "keys",
    params(("kid" = String, Path)),
    responses(
        (status = 200, description = "The keys afterwards.", body = KeyList),
        refusals::Change, refusals::Missing, refusals::Unavailable,
    ),
)]
pub async fn revoke(
    State(state): State<AdminState>,
    operator: Operator,
    Path(kid): Path<String>,
) -> Result<Json<KeyList>, ApiError> {
    revoke_one(&state, &operator, &kid).await?;
    list(State(state)).await
}

/// Lets the next key sign once it has been published for long enough, or at once.
pub async fn rotate_now(
    state: &AdminState,
    operator: &Operator,
    at_once: bool,
) -> Result<(), ApiError> {
    let rotated = state.exchange().signing_keys().rotate(at_once).await;
    rotated.map_err(keys_failed)?;
    let detail = Map::from_iter([("at_once".to_owned(), json!(at_once))]);
    audit::record(
        &*state.store,
        operator,
        "key.rotate",
        "signing keys",
        detail,
    )
    .await;
    Ok(())
}

/// Deletes a leaked key and ends every session that may have a token signed with it.
pub async fn revoke_one(
    state: &AdminState,
    operator: &Operator,
    kid: &str,
) -> Result<(), ApiError> {
    if !rows(state).await?.iter().any(|key| key.kid == kid) {
        return Err(ApiError::not_found("signing key"));
    }
    let revoked = state.exchange().signing_keys().revoke(kid).await;
    revoked.map_err(keys_failed)?;
    audit::record(&*state.store, operator, "key.revoke", kid, Map::new()).await;
    Ok(())
}

/// All keys that are known, the oldest first.
pub async fn rows(state: &AdminState) -> Result<Vec<KeyRow>, ApiError> {
    let exchange = state.exchange();
    let records = exchange.signing_keys().records().await;
    let records = records.map_err(keys_failed)?;
    let keyring = exchange.minter().keys.keyring();
    let signer = keyring.current().kid();
    let row = |record| KeyRow::of(record, signer);
    Ok(records.into_iter().map(row).collect())
}

fn keys_failed(error: KeysError) -> ApiError {
    match error {
        KeysError::Store(error) => error.into(),
        error @ KeysError::InFiles => {
            ApiError::new(StatusCode::CONFLICT, "conflict", error.to_string())
        }
        error => {
            warn!(%error, "the signing keys could not be changed");
            let message = "the signing keys could not be changed; the log says why";
            ApiError::new(StatusCode::SERVICE_UNAVAILABLE, "unavailable", message)
        }
    }
}
