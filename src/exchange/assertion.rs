//! Signing in by an assertion, which opens a session of its own and is used up by that.

use std::sync::Arc;

use super::authenticator::{Durable, Purpose};
use super::one_time_use::id_at_issuer;
use super::{Exchange, Granted, Recipient, ScopeDemand};
use crate::clock::UnixTime;
use crate::identity::{Client, NONCE_SPENT};
use crate::jwt::{AssertionForm, Verified};
use crate::rejection::Rejection;
use crate::store::Once;

/// A verified assertion, and what it gives.
#[derive(Debug)]
pub struct Assertion {
    /// The assertion.
    pub verified: Verified,
    /// When the session ends at the latest.
    pub ends_at: UnixTime,
    /// What the session's scopes are to be enough for.
    pub demand: ScopeDemand,
}

impl Exchange {
    /// Verifies an assertion that is for the gateway as an authorization server.
    ///
    /// # Errors
    ///
    /// As for a login token.
    pub async fn verify_grant(
        &self,
        token: &str,
        form: AssertionForm,
    ) -> Result<Verified, Rejection> {
        let own = &self.minter().iss;
        self.verifier.verify_grant(token, form, own).await
    }

    /// Opens the session of an assertion, which is then used up. User and session are durable when this
    /// returns.
    ///
    /// # Errors
    ///
    /// It was used before, the session would not have the scopes that it is to have, or as
    /// [`Exchange::session`] has them. One that is refused is not used up.
    pub async fn grant_by_assertion(
        &self,
        assertion: Assertion,
        client: Client,
    ) -> Result<Granted, Rejection> {
        let now = UnixTime::now();
        let Assertion {
            verified,
            ends_at,
            demand,
        } = assertion;
        let id = id_at_issuer(&verified, verified.token_id().unwrap_or_default());
        let once = Once::new("grant", &id, verified.accepted_until());
        let purpose = Purpose {
            durable: Durable::Session,
            nonce: Some(once),
            recipient: Recipient::Anyone,
            ends_at: Some(ends_at),
            demand: Some((demand, Arc::clone(&self.minter().scopes))),
        };
        let opened = self.authenticator.open(verified, client, now, purpose);
        let opened = opened.await.map_err(|rejection| match rejection.reason {
            NONCE_SPENT => Rejection {
                reason: "assertion_replayed",
                ..rejection
            },
            _ => rejection,
        })?;
        Ok(opened.into())
    }
}
