//! From a token that holds to a live session: its user found or created, its session opened or
//! continued.

use std::sync::Arc;

use uuid::Uuid;

use super::audience::Audiences;
use super::cache::TokenCache;
use super::digest::TokenDigest;
use super::rates::Rates;
use super::recipient::Recipient;
use super::scope_demand::ScopeDemand;
use super::session_directory::SessionDirectory;
use super::session_handle::Lease;
use super::settings::Settings;
use super::store_failure::store_failed;
use super::verifier::TokenVerifier;
use super::version::ConfigVersion;
use super::{login_index, one_time_use};
use crate::clock::UnixTime;
use crate::identity::{self, Client};
use crate::jwt::{Refusal, Unverified, Verified};
use crate::rejection::{Code, Rejection};
use crate::session::login::Mark;
use crate::session::{Login, Scopes, SidKey};
use crate::store::{Once, RevocationReason, SessionRecord, SignIn, SignedIn, Use};

/// An external token whose user has a live session.
pub(super) struct Authenticated {
    pub(super) verified: Verified,
    pub(super) signed_in: SignedIn,
    pub(super) lease: Lease,
    /// When a session token minted for it must expire.
    pub(super) token_end: UnixTime,
    /// Until when the external token itself counts.
    pub(super) counts_until: UnixTime,
}

/// An external token as it came.
pub(super) struct Presented<'a> {
    /// As far as it could be read.
    pub(super) unverified: &'a Result<Unverified<'a>, Refusal>,
    pub(super) digest: TokenDigest,
    /// Whether the issuer's keys are fetched, should none of them verify it.
    pub(super) fetches_keys: bool,
}

/// What is durable before a sign-in is answered.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Durable {
    /// The user only; the same token recreates a lost session row.
    User,
    /// The session's row, too.
    Session,
}

/// What a sign-in is for.
pub(super) struct Purpose<'a> {
    pub(super) durable: Durable,
    /// Used up by it.
    pub(super) nonce: Option<Once>,
    /// Whom the session is opened for.
    pub(super) recipient: Recipient<'a>,
    /// Of an assertion, which opens a session of its own and not that of a login: when that ends at the
    /// latest.
    pub(super) ends_at: Option<UnixTime>,
    /// What the session's scopes are to be enough for, and those that every session has.
    pub(super) demand: Option<(ScopeDemand, Arc<Scopes>)>,
}

/// Signs users in, under one configuration.
pub(super) struct Authenticator {
    pub(super) verifier: Arc<TokenVerifier>,
    pub(super) audiences: Arc<Audiences>,
    pub(super) cache: Arc<TokenCache>,
    pub(super) sessions: Arc<SessionDirectory>,
    pub(super) rates: Arc<Rates>,
    pub(super) sid_key: Arc<SidKey>,
    pub(super) settings: Arc<Settings>,
    pub(super) version: ConfigVersion,
}

impl Authenticator {
    /// Verifies an external token, counts a sign-in by the API, finds or creates its user, opens or
    /// continues its session. All that the store has to write is one transaction, in which the nonce is
    /// used up as well.
    pub(super) async fn authenticate(
        &self,
        presented: Presented<'_>,
        client: Client,
        now: UnixTime,
        purpose: Purpose<'_>,
    ) -> Result<Authenticated, Rejection> {
        let Presented {
            unverified,
            digest,
            fetches_keys,
        } = presented;
        let verified = match fetches_keys {
            true => self.verifier.verify(unverified, now).await,
            false => self.verifier.verify_by_known_keys(unverified, now),
        };
        let verified = match verified {
            Ok(verified) => verified,
            Err(refusal) => {
                let rejection = Rejection::from(&refusal);
                if refusal.is_permanent() {
                    let decided = (now, self.version);
                    self.cache
                        .refuse(digest, rejection, Some(&refusal), decided);
                }
                return Err(rejection);
            }
        };
        let opened = self.open(verified, client, now, purpose).await;
        if let Err(rejection) = &opened
            && rejection.code == Code::NoAccess
        {
            // Whoever is kept out may ask often, and the store is asked each time.
            let decided = (now, self.version);
            self.cache.refuse_briefly(digest, *rejection, decided);
        }
        opened
    }

    /// Finds or creates the user of a verified token, and opens or continues the session.
    pub(super) async fn open(
        &self,
        verified: Verified,
        client: Client,
        now: UnixTime,
        purpose: Purpose<'_>,
    ) -> Result<Authenticated, Rejection> {
        let Purpose {
            durable,
            nonce,
            recipient,
            ends_at,
            demand,
        } = purpose;
        if !self.audiences.may_open(&verified, recipient) {
            return Err(Audiences::refusal());
        }
        if durable == Durable::Session {
            self.rates.sign_in(&verified)?;
        }
        let login = verified.login_claim().filter(|_| ends_at.is_none());
        let login = login.as_deref();
        let sid = self.sid_of_login(&verified, login, 0);
        let counts_until = end_of(&verified, now);
        let longest = now.plus(self.settings.policy.max_age);
        let token_end = match (ends_at, verified.issuer().settings().session_outlives_token) {
            (Some(end), _) => end.min(longest),
            (None, true) => longest,
            (None, false) => counts_until,
        };
        let asked = identity::sign_in(&verified, sid, &self.settings.policy, token_end, now);
        let lists = asked.access;
        let request = SignIn {
            access: match demand {
                Some((demand, usual)) => Some(demand.rule(lists, usual)),
                None => lists,
            },
            client_address: client.address,
            user_agent: client.user_agent,
            durable_session: asked.durable_session || durable == Durable::Session,
            uses: nonce
                .map(Use::once)
                .into_iter()
                .chain(one_time_use::by_login(
                    &verified,
                    &self.settings.step_up_scopes,
                ))
                .collect(),
            ..asked
        };
        let settings = verified.issuer().settings();
        let index = login_index::of(settings, verified.iss(), login);
        let reopen = |epoch| self.sid_of_login(&verified, login, epoch);
        let (signed_in, lease) = self.sessions.sign_in(request, index, reopen).await?;
        self.check_key(&verified, &signed_in.session).await?;
        Ok(Authenticated {
            verified,
            signed_in,
            lease,
            token_end,
            counts_until,
        })
    }

    /// Whether the token's key is still its issuer's, once the session's record names the key: what
    /// takes the key back either finds the record or is seen here.
    async fn check_key(
        &self,
        verified: &Verified,
        session: &SessionRecord,
    ) -> Result<(), Rejection> {
        let key = verified.key_validity();
        if key.is_valid() {
            return Ok(());
        }
        if verified.issuer().settings().revoke_on_key_removal && session.key() == Some(key.key()) {
            let ended = self
                .sessions
                .end_session(session.sid, RevocationReason::IssuerKeyRemoved)
                .await;
            ended.map_err(|error| store_failed(&error))?;
        }
        Err(Rejection::new(Code::TokenInvalid, "key_removed"))
    }

    /// The session of a login token, in an epoch of its issuer (see [`Login::epoch`]).
    pub(super) fn sid_of(&self, verified: &Verified, epoch: u64) -> Uuid {
        self.sid_of_login(verified, verified.login_claim().as_deref(), epoch)
    }

    /// The session of the login with this name; `None`: of the one that is this very token.
    fn sid_of_login(&self, verified: &Verified, login: Option<&str>, epoch: u64) -> Uuid {
        let signed_part = verified.signed_part_digest();
        self.sid_key.sid(&Login {
            iss: verified.iss(),
            sub: verified.subject(),
            mark: match login {
                Some(claim) => Mark::Claim(claim),
                None => Mark::SignedPart(&signed_part),
            },
            epoch,
        })
    }
}

/// Until when an external token counts: to its `exp`, or, if it is past its `exp` and only valid within
/// the leeway, to the end of the leeway.
fn end_of(verified: &Verified, now: UnixTime) -> UnixTime {
    match now < verified.expires_at() {
        true => verified.expires_at(),
        false => verified.accepted_until(),
    }
}
