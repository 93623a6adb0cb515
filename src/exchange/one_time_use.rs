//! What step-up needs of an exchange.

use super::Exchange;
use crate::clock::UnixTime;
use crate::jwt::{self, Verified};
use crate::rejection::{Code, Rejection};
use crate::store::{Digest, Once, Use, Used};

impl Exchange {
    /// Verifies an assertion for a session that was opened by a token with this `iss`.
    ///
    /// # Errors
    ///
    /// As for a login token, but that `iss` and audience may be left out.
    pub async fn verify_assertion(&self, token: &str, iss: &str) -> Result<Verified, Rejection> {
        let now = UnixTime::now();
        self.with_keys(token, |issuers| {
            jwt::verify_assertion(token, issuers, now, iss)
        })
        .await
        .map_err(|refusal| Rejection::from(&refusal))
    }

    /// Uses an assertion up, which is then no login any more.
    ///
    /// # Errors
    ///
    /// It was used before, as an assertion or to sign in, or the store did not answer.
    pub async fn consume_assertion(&self, verified: &Verified, jti: &str) -> Result<(), Rejection> {
        let usage = Use {
            repeats: false,
            ..use_as(verified, jti, ASSERTION, LOGIN)
        };
        let used = self.shared.store.use_up(usage).await;
        let refused = |reason| Err(Rejection::new(Code::TokenInvalid, reason));
        match used.map_err(|error| self.store_failed(&error))? {
            Used::Now => Ok(()),
            Used::Before => refused("assertion_replayed"),
            Used::Otherwise => refused("assertion_signed_in"),
        }
    }

    /// What a token that could be an assertion uses up by signing in, so that it is none any more.
    pub(super) fn login_use(&self, verified: &Verified) -> Option<Use> {
        let scope = verified.claims().text("scope").unwrap_or_default();
        let is_guarded = |scope: &str| {
            self.settings
                .step_up_scopes
                .iter()
                .any(|known| known == scope)
        };
        let mut scopes = scope.split_ascii_whitespace().peekable();
        let could_be_assertion = scopes.peek().is_some() && scopes.all(is_guarded);
        let jti = verified.token_id().filter(|_| could_be_assertion)?;
        Some(Use {
            // A token signs in as often as its user comes.
            repeats: true,
            ..use_as(verified, jti, LOGIN, ASSERTION)
        })
    }

    /// Uses up `id` within `scope`; false when it was used before, at any gateway.
    ///
    /// # Errors
    ///
    /// The store did not answer.
    pub async fn use_once(
        &self,
        scope: &str,
        id: &str,
        until: UnixTime,
    ) -> Result<bool, Rejection> {
        let usage = Use::once(Once::new(scope, id, until));
        let used = self.shared.store.use_up(usage).await;
        Ok(used.map_err(|error| self.store_failed(&error))? == Used::Now)
    }
}

/// The use of a token for one purpose, which excludes the other one.
fn use_as(verified: &Verified, jti: &str, purpose: &str, other: &str) -> Use {
    // A token's name among those of its issuer. A JSON list keeps the two apart, whatever characters
    // they are of.
    let id = serde_json::json!([verified.iss(), jti]).to_string();
    let until = verified
        .expires_at()
        .plus(verified.issuer().settings().leeway);
    Use {
        excludes: Some(Digest::of(&[other, &id])),
        ..Use::once(Once::new(purpose, &id, until))
    }
}

const ASSERTION: &str = "assertion";
const LOGIN: &str = "assertion used to sign in";
