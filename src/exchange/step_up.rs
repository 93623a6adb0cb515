//! What step-up needs of an exchange.

use super::Exchange;
use crate::clock::UnixTime;
use crate::jwt::{self, Verified};
use crate::rejection::{Code, Rejection};

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
        let refused = |reason| Err(Rejection::new(Code::TokenInvalid, reason));
        let (id, until) = (use_id(verified, jti), accepted_until(verified));
        if self.is_consumed(LOGIN, &id).await? {
            return refused("assertion_signed_in");
        }
        if !self.consume_once(ASSERTION, &id, until).await? {
            return refused("assertion_replayed");
        }
        // Both uses write first and then look at the other: of two at once, one at most succeeds.
        match self.is_consumed(LOGIN, &id).await? {
            true => refused("assertion_signed_in"),
            false => Ok(()),
        }
    }

    /// Notes that a token that could be an assertion signs in, so that it is none any more.
    ///
    /// # Errors
    ///
    /// It was used as an assertion, or the store did not answer.
    pub(super) async fn consume_login(&self, verified: &Verified) -> Result<(), Rejection> {
        let scope = verified.claims().text("scope").unwrap_or_default();
        let is_guarded = |scope: &str| {
            self.settings
                .step_up_scopes
                .iter()
                .any(|known| known == scope)
        };
        let mut scopes = scope.split_ascii_whitespace().peekable();
        let could_be_assertion = scopes.peek().is_some() && scopes.all(is_guarded);
        let Some(jti) = verified.token_id().filter(|_| could_be_assertion) else {
            return Ok(());
        };
        let (id, until) = (use_id(verified, jti), accepted_until(verified));
        self.consume_once(LOGIN, &id, until).await?;
        match self.is_consumed(ASSERTION, &id).await? {
            true => Err(Rejection::new(Code::TokenInvalid, "assertion_is_no_login")),
            false => Ok(()),
        }
    }

    async fn is_consumed(&self, scope: &str, id: &str) -> Result<bool, Rejection> {
        let consumed = self.shared.store.is_consumed(scope, id).await;
        consumed.map_err(|error| self.store_failed(&error))
    }

    /// Uses up `id` within `scope`; false when it was used before, at any gateway.
    ///
    /// # Errors
    ///
    /// The store did not answer.
    pub async fn consume_once(
        &self,
        scope: &str,
        id: &str,
        until: UnixTime,
    ) -> Result<bool, Rejection> {
        let spent = self.shared.store.consume_once(scope, id, until).await;
        spent.map_err(|error| self.store_failed(&error))
    }
}

/// The name of a token among those of its issuer. A JSON list keeps the two apart, whatever characters
/// they are of.
fn use_id(verified: &Verified, jti: &str) -> String {
    serde_json::json!([verified.iss(), jti]).to_string()
}

fn accepted_until(verified: &Verified) -> UnixTime {
    let leeway = verified.issuer().settings().leeway;
    verified.expires_at().plus(leeway)
}

const ASSERTION: &str = "assertion";
const LOGIN: &str = "assertion used to sign in";
