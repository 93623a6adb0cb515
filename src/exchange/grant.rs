//! Signing in by the API: the client gets the session itself, not a forwarded request.

use std::sync::Arc;

use super::authenticator::{Authenticated, Durable, Presented, Purpose};
use super::digest::TokenDigest;
use super::{Account, Exchange, Recipient, ScopeDemand};
use crate::clock::UnixTime;
use crate::credential::Credential;
use crate::identity::Client;
use crate::jwt::Unverified;
use crate::rejection::Rejection;
use crate::store::Once;

/// What a sign-in granted.
#[derive(Clone, Debug)]
pub struct Granted {
    /// The user that the session belongs to.
    pub account: Account,
    /// The user was created by this sign-in.
    pub user_created: bool,
    /// When tokens minted for it must expire.
    pub token_end: UnixTime,
    /// The session is bound to a device: nothing that is given for it lasts longer than what it was given for.
    pub device_bound: bool,
}

impl Exchange {
    /// Signs in with an external token for a recipient. User and session are durable when this returns.
    ///
    /// # Errors
    ///
    /// The session would not have the scopes that `demand` asks for, or a [`Rejection`] as [`Exchange::session`]
    /// has them. Nothing is left of a sign-in that is refused.
    pub async fn grant(
        &self,
        credential: &Credential<'_>,
        client: Client,
        recipient: Recipient<'_>,
        nonce: Option<Once>,
        demand: Option<ScopeDemand>,
    ) -> Result<Granted, Rejection> {
        let digest = TokenDigest::of(credential.token.expose());
        let address = client.address;
        let purpose = Purpose {
            durable: Durable::Session,
            nonce,
            recipient,
            ends_at: None,
            demand: demand.map(|demand| (demand, Arc::clone(&self.minter().scopes))),
        };
        let look = self.try_grant(credential, digest, client, purpose);
        self.tried(credential, &digest, address, UnixTime::now(), look)
            .await
    }

    async fn try_grant(
        &self,
        credential: &Credential<'_>,
        digest: TokenDigest,
        client: Client,
        purpose: Purpose<'_>,
    ) -> Result<Granted, Rejection> {
        let token = credential.token.expose();
        let now = UnixTime::now();
        if let Some(rejection) = self.shared.cache.refusal(&digest, now, self.version) {
            return Err(rejection);
        }
        let unverified = self.verifier.parse(token);
        let iss = unverified.as_ref().ok().and_then(Unverified::issuer);
        self.verifier
            .check_place(credential, iss.as_deref().unwrap_or_default())?;
        let presented = Presented {
            unverified: &unverified,
            digest,
            fetches_keys: self.fetches_keys(credential, now),
        };
        let authenticated = self
            .authenticator
            .authenticate(presented, client, now, purpose)
            .await?;
        let session = &authenticated.signed_in.session;
        let counts_until = match self.settings.alone_until(session) {
            Some(end) if end <= now => {
                Some(self.check_cookie_of(session.sid, credential, now).await?)
            }
            alone_until => alone_until,
        };
        let granted = Granted::from(authenticated);
        Ok(match counts_until {
            None => granted,
            Some(end) => Granted {
                token_end: granted.token_end.min(end),
                device_bound: true,
                ..granted
            },
        })
    }
}

impl From<Authenticated> for Granted {
    fn from(authenticated: Authenticated) -> Self {
        let signed_in = authenticated.signed_in;
        Self {
            account: Account {
                user: signed_in.user,
                session: signed_in.session,
            },
            user_created: signed_in.user_created,
            token_end: authenticated.token_end,
            device_bound: false,
        }
    }
}
