//! The session of a presented token: from the cache, or else by an exchange.

use std::sync::Arc;

use super::audience::Audiences;
use super::authenticator::{Authenticated, Durable, Presented, Purpose};
use super::cache::Lookup;
use super::digest::TokenDigest;
use super::mint::mint_failed;
use super::session::Provenance;
use super::single_flight::Join;
use super::verifier::wrong_place;
use super::{Exchange, Recipient, Session};
use crate::clock::UnixTime;
use crate::credential::Credential;
use crate::identity::Client;
use crate::jwt::Unverified;
use crate::rejection::{Code, Rejection};
use crate::store::SignedIn;

impl Exchange {
    /// The session of a presented token.
    ///
    /// # Errors
    ///
    /// A [`Rejection`] that says why, in public and in private.
    pub async fn session(&self, credential: &Credential<'_>) -> Result<Arc<Session>, Rejection> {
        self.session_of(credential, Recipient::Gateway, Client::default)
            .await
    }

    /// The session of a token that is presented to `recipient`. Should it open a session, `client`
    /// says what is written down about the client.
    ///
    /// # Errors
    ///
    /// As [`Self::session`] has them.
    pub async fn session_of(
        &self,
        credential: &Credential<'_>,
        recipient: Recipient<'_>,
        client: impl FnOnce() -> Client + Send,
    ) -> Result<Arc<Session>, Rejection> {
        let now = UnixTime::now();
        let session = self
            .session_without_proof(credential, recipient, client, now)
            .await?;
        session.handle().touch(now);
        self.check_proof(&session, credential, now).await?;
        Ok(session)
    }

    /// The session of a token that somebody asks about, whomever it is for. Its user is not there, so it idles as
    /// before.
    ///
    /// # Errors
    ///
    /// As [`Self::session`] has them.
    pub async fn session_asked_about(
        &self,
        credential: &Credential<'_>,
    ) -> Result<Arc<Session>, Rejection> {
        let now = UnixTime::now();
        let session = self
            .session_without_proof(credential, Recipient::Anyone, Client::default, now)
            .await?;
        self.check_proof(&session, credential, now).await?;
        Ok(session)
    }

    async fn check_proof(
        &self,
        session: &Session,
        credential: &Credential<'_>,
        now: UnixTime,
    ) -> Result<(), Rejection> {
        match session.alone_until() {
            Some(end) if end <= now => {
                let checked = self.check_cookie_of(session.sid(), credential, now).await;
                checked.map(|_until| ())
            }
            _ => Ok(()),
        }
    }

    /// The same, also for an external token that came without the proof of its session's device.
    pub(super) async fn session_without_proof(
        &self,
        credential: &Credential<'_>,
        recipient: Recipient<'_>,
        client: impl FnOnce() -> Client + Send,
        now: UnixTime,
    ) -> Result<Arc<Session>, Rejection> {
        let token = credential.token.expose();
        let is_cookie = self.is_cookie(credential);
        let digest = match is_cookie {
            true => TokenDigest::of_cookie(token),
            false => TokenDigest::of(token),
        };
        self.shared.changes.check_freshness();
        let session = match self.shared.cache.session(&digest, now, self.version) {
            Some(session) => session,
            None => {
                let client = client();
                let address = client.address;
                // Few requests come here, and all would have room for it.
                let look = Box::pin(self.on_miss(credential, digest, client, now));
                self.tried(credential, &digest, address, now, look).await?
            }
        };
        // The digest says neither where the token was nor for what, so both are checked on every
        // hit, too.
        if !self.audiences.admits(&session, is_cookie, recipient) {
            return Err(Audiences::refusal());
        }
        match session.issuer() {
            Some(issuer) if !credential.admits(issuer) => return Err(wrong_place()),
            _ => {}
        }
        Ok(session)
    }

    /// Exchanges a token that the cache has no session for, or waits for the request that does.
    pub(super) async fn on_miss(
        &self,
        credential: &Credential<'_>,
        digest: TokenDigest,
        client: Client,
        now: UnixTime,
    ) -> Result<Arc<Session>, Rejection> {
        let cache = &self.shared.cache;
        if let Some(rejection) = cache.refusal(&digest, now, self.version) {
            cache.count(Lookup::Refused);
            return Err(rejection);
        }
        // Once, for all that is asked of it below.
        let unverified = self.verifier.parse(credential.token.expose());
        let iss = unverified.as_ref().ok().and_then(Unverified::issuer);
        let iss = iss.as_deref().unwrap_or_default();
        self.verifier.check_place(credential, iss)?;
        loop {
            match self.shared.single_flight.join(digest) {
                Join::Leader(leader) => {
                    // Another exchange may have completed between the look-up and this one's start.
                    if let Some(outcome) = cache.outcome(&digest, now, self.version) {
                        leader.complete(outcome.clone());
                        return outcome;
                    }
                    cache.count(Lookup::Miss);
                    let epoch = cache.epoch();
                    let timer = self.shared.metrics.exchange_duration.start_timer();
                    let outcome = if self.is_cookie(credential) {
                        let value = credential.token.expose();
                        self.exchange_cookie(value, digest, now).await
                    } else if self.is_self_issued(iss) {
                        let token = credential.token.expose();
                        self.exchange_self_issued(token, now).await
                    } else {
                        let presented = Presented {
                            unverified: &unverified,
                            digest,
                            fetches_keys: self.fetches_keys(credential, now),
                        };
                        self.exchange_token(presented, client.clone(), now).await
                    };
                    timer.observe_duration();
                    if let Ok(session) = &outcome {
                        cache.insert(digest, Arc::clone(session), epoch);
                    }
                    leader.complete(outcome.clone());
                    return outcome;
                }
                Join::Follower(follower) => {
                    cache.count(Lookup::Joined);
                    // A leader whose client went away leaves no outcome, and a session that it
                    // opened may have ended since: join again.
                    match follower.outcome().await {
                        Some(Ok(session)) if !session.is_valid(now, self.version) => {}
                        Some(outcome) => return outcome,
                        None => {}
                    }
                }
            }
        }
    }

    /// Opens or continues the session of an external token and mints what is forwarded.
    async fn exchange_token(
        &self,
        presented: Presented<'_>,
        client: Client,
        now: UnixTime,
    ) -> Result<Arc<Session>, Rejection> {
        let purpose = Purpose {
            durable: Durable::User,
            nonce: None,
            // The next recipient may be another.
            recipient: Recipient::Anyone,
            ends_at: None,
            demand: None,
        };
        let authenticated = self
            .authenticator
            .authenticate(presented, client, now, purpose)
            .await?;
        let Authenticated {
            verified,
            signed_in,
            lease,
            token_end,
            counts_until,
        } = authenticated;
        let SignedIn {
            user,
            session: record,
            ..
        } = signed_in;
        let mut minted = self
            .minter()
            .mint(&user, &record, now, token_end)
            .map_err(mint_failed)?;
        // Where the session outlives the token, the token does not.
        minted.expires_at = minted.expires_at.min(counts_until);
        let provenance = Provenance::Issuer {
            generation: verified.generations().settings,
            issuer: Arc::clone(verified.issuer()),
            key_validity: verified.key_validity().clone(),
        };
        let made_for = (&*self.settings, self.version);
        let addressees = self.audiences.addressees(&verified);
        Session::new(provenance, &user, &record, minted, lease, made_for)
            .map(|session| Arc::new(session.addressed_to(addressees)))
            .ok_or_else(|| Rejection::new(Code::Internal, "header_unfit"))
    }
}
