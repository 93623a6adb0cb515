//! Why a certificate was not issued.

use instant_acme::Error;

use super::certificate::IssuedError;
use super::client::ClientError;
use crate::session::keys::key_encryption::KeyEncryptionError;
use crate::store::StoreError;

/// Why an order came to nothing. Holds no secret.
#[derive(Debug, thiserror::Error)]
pub(super) enum OrderError {
    /// The authority does not issue it, or not now.
    #[error("the authority refused: {0}")]
    Refused(String),
    /// The authority has no such account any more.
    #[error("the authority does not know the account; the next attempt creates another one")]
    UnknownAccount,
    /// The authority could not be asked.
    #[error("the authority cannot be asked: {0}")]
    Failed(String),
    /// It does not check names in the way that is configured.
    #[error("the authority does not offer the challenge for `{0}`; configure the other one")]
    NotOffered(String),
    /// What it issued is something else.
    #[error("the certificate that was issued does not have all names")]
    OtherNames,
    /// It took too long.
    #[error("the order was not completed in time")]
    Timeout,
    /// Another gateway orders.
    #[error("another gateway has taken over")]
    TakenOver,
    /// What is kept of the account cannot be read.
    #[error("the account in the store cannot be read")]
    Account,
    /// `external_account.key` is not Base64url.
    #[error("`external_account.key` is not Base64url")]
    ExternalAccount,
    /// A key or a request for a certificate could not be created.
    #[error("a key could not be created: {0}")]
    Key(#[from] rcgen::Error),
    /// What it issued is of no use.
    #[error(transparent)]
    Issued(#[from] IssuedError),
    /// Its requests cannot be made.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// A key cannot be decrypted.
    #[error(transparent)]
    Sealed(#[from] KeyEncryptionError),
    /// The store does not answer.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl OrderError {
    /// Whether the authority counts it against the names or the account.
    pub(super) fn is_refusal(&self) -> bool {
        matches!(self, Self::Refused(_))
    }

    /// In one line of bounded length, for the log and the store.
    pub(super) fn text(&self) -> String {
        let text = self.to_string();
        let visible = text
            .chars()
            .map(|one| if one.is_control() { ' ' } else { one });
        visible.take(LONGEST_TEXT).collect()
    }
}

impl From<Error> for OrderError {
    fn from(error: Error) -> Self {
        match error {
            Error::Api(problem) => {
                let kind = problem.r#type.as_deref().unwrap_or_default();
                match kind.strip_prefix("urn:ietf:params:acme:error:") {
                    Some("accountDoesNotExist") => Self::UnknownAccount,
                    Some("badNonce" | "serverInternal") => Self::Failed(problem.to_string()),
                    _ => Self::Refused(problem.to_string()),
                }
            }
            Error::Timeout(_) => Self::Timeout,
            Error::Other(error) => {
                let mut text = error.to_string();
                let mut cause = error.source();
                while let Some(inner) = cause {
                    text = inner.to_string();
                    cause = inner.source();
                }
                Self::Failed(text)
            }
            error => Self::Failed(error.to_string()),
        }
    }
}

const LONGEST_TEXT: usize = 400;
