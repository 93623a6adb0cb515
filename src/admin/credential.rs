//! What is known of an admin token: who holds it, what it allows, until when. Tokens of the
//! configuration file and those of the store, which keeps digests for all gateways, are alike here.

use aws_lc_rs::constant_time::verify_slices_are_equal;
use serde::{Deserialize, Serialize};

use super::api_error::ApiError;
use crate::clock::UnixTime;
use crate::operator::{AdminToken, Role, is_token_name};
use crate::store::{Digest, Store};

/// What a token proves. Of the token itself only the digest is known.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AdminCredential {
    /// Its holder, as the audit names them.
    pub name: String,
    /// What its holder can do.
    pub role: Role,
    /// When it was created; `None` for a token from the configuration file.
    pub created_at: Option<UnixTime>,
    /// The operator who created it; none if it is in the configuration file.
    pub created_by: Option<String>,
    /// From when on it is refused.
    pub expires_at: Option<UnixTime>,
    pub(super) digest: Digest,
}

impl AdminCredential {
    /// A token of the configuration file.
    pub fn of_file(token: &AdminToken) -> Self {
        Self {
            name: token.name.clone(),
            role: token.role,
            created_at: None,
            created_by: None,
            expires_at: token.expires,
            digest: digest(token.token.expose()),
        }
    }

    /// Whether the credential is this token.
    pub fn is(&self, credential: &str) -> bool {
        // In constant time, so that a token cannot be found byte by byte.
        verify_slices_are_equal(&self.digest.0, &digest(credential).0).is_ok()
    }

    /// Whether the token has not expired at this time.
    pub fn is_valid_at(&self, now: UnixTime) -> bool {
        self.expires_at.is_none_or(|end| now < end)
    }
}

/// The token of that name in the store.
///
/// # Errors
///
/// 503 when the store does not answer.
pub async fn kept(store: &dyn Store, name: &str) -> Result<Option<AdminCredential>, ApiError> {
    let text = store.setting(&format!("{PREFIX}{name}")).await?;
    Ok(text.and_then(|text| read(&text)))
}

/// The name in a token that was created here.
pub fn name_in(token: &str) -> Option<&str> {
    let (name, secret) = token.strip_prefix(MARK)?.rsplit_once('_')?;
    (is_token_name(name) && secret.len() == SECRET_LENGTH).then_some(name)
}

/// What a setting of the store says of a token; `None` when it says nothing of one.
pub(super) fn read(text: &str) -> Option<AdminCredential> {
    serde_json::from_str(text).ok()
}

/// By which a token is known here.
pub(super) fn digest(token: &str) -> Digest {
    Digest::of(&["admin token", token])
}

/// What the settings' names start with.
pub(super) const PREFIX: &str = "admin.token/";
/// By which a scanner of leaked secrets knows them.
pub(super) const MARK: &str = "vestibule_";
/// 244 random bits in hexadecimal.
const SECRET_LENGTH: usize = 64;
