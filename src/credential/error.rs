//! Why the credentials of a request are refused before any is verified.

use super::Source;
use crate::rejection::{Code, Rejection};

/// Why the credentials of a request are refused before any is verified.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CredentialError {
    /// Two values where one is possible.
    #[error("two different credentials in the same place")]
    Conflict,
    /// Two cookies of one name with different values: a browser sends both when one is of the host and
    /// the other of its domain, and nobody but a server can free it of them.
    #[error("two different cookies of the same name")]
    TwinCookies,
    /// Not of the characters of a token, or none after `Bearer`.
    #[error("the value is not a token")]
    Malformed(Source),
    /// Longer than `limits.token_size`.
    #[error("the token is too long")]
    TooLong(Source),
}

impl From<CredentialError> for Rejection {
    fn from(error: CredentialError) -> Self {
        match error {
            CredentialError::Conflict => Self::new(Code::Conflict, "credential_conflict"),
            CredentialError::TwinCookies => Self::new(Code::Conflict, "cookie_twins"),
            CredentialError::Malformed(_) => Self::new(Code::TokenInvalid, "token_malformed"),
            CredentialError::TooLong(_) => Self::new(Code::TokenInvalid, "token_too_large"),
        }
    }
}
