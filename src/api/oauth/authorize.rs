//! `GET {api}/oauth/authorize`: says that there is no login page here.

use super::{OAuthError, refusals};

/// There is no login page here: people sign in at their provider. Clients of the identity assertion grant
/// demand the address all the same, and never ask it.
#[utoipa::path(
    get,
    path = "/oauth/authorize",
    operation_id = "authorize",
    tag = "oauth",
    responses(refusals::Authorize)
)]
pub async fn authorize() -> OAuthError {
    OAuthError::unsupported_response_type()
}
