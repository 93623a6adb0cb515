//! Signing in by the API: the client gets the session itself, not a forwarded request.

use super::digest::TokenDigest;
use super::{Durable, Exchange, Purpose, Recipient, Session, mint_failed};
use crate::clock::UnixTime;
use crate::credential::Credential;
use crate::identity::Client;
use crate::jwt::Unverified;
use crate::rejection::{Code, Rejection};
use crate::session::{SessionToken, Terms};
use crate::store::{Once, SessionRecord, User};

/// A user with a live session.
#[derive(Clone, Debug)]
pub struct Account {
    /// The user, not blocked.
    pub user: User,
    /// The session, not ended.
    pub session: SessionRecord,
}

/// What a sign-in granted.
#[derive(Clone, Debug)]
pub struct Granted {
    /// The user that the session belongs to.
    pub account: Account,
    /// The user was created by this sign-in.
    pub user_created: bool,
    /// When tokens minted for it must expire.
    pub token_end: UnixTime,
}

impl Exchange {
    /// Signs in with an external token for a recipient. User and session are durable when this returns.
    ///
    /// # Errors
    ///
    /// A [`Rejection`] as [`Exchange::session`] has them.
    pub async fn grant(
        &self,
        credential: &Credential<'_>,
        client: Client,
        recipient: Recipient<'_>,
        nonce: Option<Once>,
    ) -> Result<Granted, Rejection> {
        let digest = TokenDigest::of(credential.token.expose());
        let attempt = client.address.filter(|_| credential.is_attempt());
        self.shared.rates.may_try(attempt)?;
        let purpose = Purpose {
            durable: Durable::Session,
            nonce,
            recipient,
            ends_at: None,
        };
        self.try_grant(credential, digest, client, purpose)
            .await
            .inspect_err(|rejection| self.shared.rates.count(attempt, rejection))
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
        if let Some(rejection) = self.shared.refused.get(&digest, now, self.version) {
            return Err(rejection);
        }
        let unverified = Unverified::parse(token, self.issuers.max_token_size());
        let iss = unverified.as_ref().ok().and_then(Unverified::issuer);
        self.check_place(credential, iss.as_deref().unwrap_or_default())?;
        let authenticated = self
            .authenticate(&unverified, digest, client, now, purpose)
            .await?;
        let signed_in = authenticated.signed_in;
        let alone_until = self.settings.alone_until(&signed_in.session);
        if alone_until.is_some_and(|end| end <= now) {
            self.check_cookie_of(signed_in.session.sid, credential, now)
                .await?;
        }
        Ok(Granted {
            account: Account {
                user: signed_in.user,
                session: signed_in.session,
            },
            user_created: signed_in.user_created,
            token_end: authenticated.token_end,
        })
    }

    /// The records of a session, as they are now.
    ///
    /// # Errors
    ///
    /// The session or its user is gone, or the store did not answer.
    pub async fn account(&self, session: &Session) -> Result<Account, Rejection> {
        let record = self.shared.store.session(session.sid()).await;
        let record = record.map_err(|error| self.store_failed(&error))?;
        let record = record
            .filter(|record| record.ended.is_none() && record.user_id == session.user())
            .ok_or_else(|| Rejection::new(Code::LoginRequired, "session_ended"))?;
        Ok(Account {
            user: self.user_of(&record).await?,
            session: record,
        })
    }

    /// A session token for the account on these terms.
    ///
    /// # Errors
    ///
    /// The key did not sign.
    pub fn mint(&self, account: &Account, terms: &Terms) -> Result<SessionToken, Rejection> {
        let Account { user, session } = account;
        self.shared
            .minter
            .mint_as(user, session, UnixTime::now(), terms)
            .map_err(mint_failed)
    }

    /// The full account of a sign-in on these terms, for the client alone.
    ///
    /// # Errors
    ///
    /// The key did not sign.
    pub fn mint_account(
        &self,
        account: &Account,
        terms: &Terms,
    ) -> Result<SessionToken, Rejection> {
        let Account { user, session } = account;
        self.shared
            .minter
            .mint_account(user, session, UnixTime::now(), terms)
            .map_err(mint_failed)
    }
}
