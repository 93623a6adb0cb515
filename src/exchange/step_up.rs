//! What step-up needs of an exchange.

use uuid::Uuid;

use super::Exchange;
use crate::clock::UnixTime;
use crate::jwt::{self, Verified};
use crate::rejection::Rejection;

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

    /// Whether the token, taken for a login, is the one of this session.
    pub fn opens(&self, verified: &Verified, sid: Uuid) -> bool {
        self.sid_of(verified) == sid
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
        let spent = self.store.consume_once(scope, id, until).await;
        spent.map_err(|error| self.store_failed(&error))
    }
}
