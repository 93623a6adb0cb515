//! What counts once: assertions, nonces, challenges, elevated tokens.

use std::sync::Arc;

use super::store_failure::store_failed;
use crate::clock::UnixTime;
use crate::jwt::Verified;
use crate::rejection::{Code, Rejection};
use crate::store::{Digest, Once, Store, Use, Used};

/// Uses things up, for all gateways of the store.
pub struct OneTimeUse {
    store: Arc<dyn Store>,
}

impl OneTimeUse {
    pub(super) fn new(store: Arc<dyn Store>) -> Self {
        Self { store }
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
        let used = self.store.use_up(usage).await;
        let refused = |reason| Err(Rejection::new(Code::TokenInvalid, reason));
        match used.map_err(|error| store_failed(&error))? {
            Used::Now => Ok(()),
            Used::Before => refused("assertion_replayed"),
            Used::Otherwise => refused("assertion_signed_in"),
        }
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
        let used = self.store.use_up(usage).await;
        Ok(used.map_err(|error| store_failed(&error))? == Used::Now)
    }
}

/// What a token that could be an assertion uses up by signing in, so that it is none any more:
/// `guarded` are the scopes that assertions ask for.
pub(super) fn by_login(verified: &Verified, guarded: &[String]) -> Option<Use> {
    let scope = verified.claims().text("scope").unwrap_or_default();
    let could_be_assertion = asks_only_for(scope, guarded);
    let jti = verified.token_id().filter(|_| could_be_assertion)?;
    Some(Use {
        // A token signs in as often as its user comes.
        repeats: true,
        ..use_as(verified, jti, LOGIN, ASSERTION)
    })
}

/// Whether a token's `scope` has at least one scope, and all of them are among `guarded`.
pub fn asks_only_for(scope: &str, guarded: &[String]) -> bool {
    let mut scopes = scope.split_ascii_whitespace().peekable();
    scopes.peek().is_some() && scopes.all(|scope| guarded.iter().any(|known| known == scope))
}

/// The use of a token for one purpose, which excludes the other one.
fn use_as(verified: &Verified, jti: &str, purpose: &str, other: &str) -> Use {
    let id = id_at_issuer(verified, jti);
    Use {
        excludes: Some(Digest::of(&[other, &id])),
        ..Use::once(Once::new(purpose, &id, verified.accepted_until()))
    }
}

/// A token's `jti` together with its issuer, which keeps it apart from those of others. In a JSON list no two
/// pairs are one text, whatever characters they are of.
pub(super) fn id_at_issuer(verified: &Verified, jti: &str) -> String {
    serde_json::json!([verified.iss(), jti]).to_string()
}

const ASSERTION: &str = "assertion";
const LOGIN: &str = "assertion used to sign in";
