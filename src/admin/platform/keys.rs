//! The key that verifies session tokens, as the platform's recipes fetch it.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::admin::api_error::ApiError;
use crate::admin::body::Path;
use crate::admin::{AdminState, refusals};

/// The key that signs now.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = PlatformKeyResponse)]
pub struct KeyResponse {
    key: Key,
}

/// The public half of a signing key.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = PlatformKey)]
struct Key {
    /// The `kid` in tokens.
    id: String,
    /// The PEM in Base64, as the platform's recipes decode it.
    public_key: String,
    /// The SubjectPublicKeyInfo (RFC 5280 section 4.1.2.7) as PEM.
    pem: String,
}

/// Show the key that verifies the session tokens that are signed now.
#[utoipa::path(
    get,
    path = "/api/v0/environments/{environment}/keys",
    operation_id = "showKeyAsPlatform",
    tag = "platform",
    params(("environment" = Uuid, Path)),
    responses(
        (status = 200, description = "The key.", body = KeyResponse),
        refusals::Look, refusals::Missing,
    ),
)]
pub async fn show(
    State(state): State<AdminState>,
    Path(environment): Path<Uuid>,
) -> Result<Json<KeyResponse>, ApiError> {
    super::check(&state, environment)?;
    let exchange = state.exchange();
    let keyring = exchange.minter().keys.keyring();
    let key = keyring.current();
    let pem = key.public_pem().map_err(|error| {
        ApiError::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "internal",
            error.to_string(),
        )
    })?;
    Ok(Json(KeyResponse {
        key: Key {
            id: key.kid().to_owned(),
            public_key: BASE64.encode(&pem),
            pem,
        },
    }))
}
