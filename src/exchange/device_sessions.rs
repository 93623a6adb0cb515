//! Sessions that are bound to a key of the browser's device.
//!
//! The first key that is proven for a session binds it; no other replaces it. From then on the
//! session's cookie lasts minutes and is renewed by a proof. What was a credential before counts for
//! as long as that first cookie, and an external token of the login only with a cookie that counts.
//! A proof that fails takes nothing away from whoever has the key.

use std::sync::Arc;
use std::time::Duration;

use tracing::info;
use uuid::Uuid;

use super::one_time_use::OneTimeUse;
use super::session::Session;
use super::session_directory::SessionDirectory;
use super::settings::Settings;
use super::store_failure::store_failed;
use super::verifier::TokenVerifier;
use crate::clock::UnixTime;
use crate::device_bound::{Challenges, Proof, ProofError, Purpose};
use crate::metrics::Metrics;
use crate::rejection::{Code, Rejection};
use crate::session::cookie::CookieValue;
use crate::store::{DeviceBinding, SessionRecord};

/// The short-lived cookie that stands for a bound session until the next proof.
#[derive(Clone, Debug)]
pub struct BoundCookie {
    /// What the browser sends back.
    pub value: CookieValue,
    /// Until when the browser keeps it; requests on their way then still count.
    pub until: UnixTime,
}

/// Why a bound session's cookie is not renewed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RefreshRefusal {
    /// The challenge is unknown, used up or too old, and another one may be signed.
    Challenge(&'static str),
    /// The key is another one, the session is over or not bound, or the store did not answer.
    Refused(Rejection),
}

impl From<Rejection> for RefreshRefusal {
    fn from(rejection: Rejection) -> Self {
        Self::Refused(rejection)
    }
}

impl RefreshRefusal {
    fn reason(&self) -> &'static str {
        match self {
            Self::Challenge(reason) => reason,
            Self::Refused(rejection) => rejection.reason,
        }
    }
}

/// Binds sessions to devices and renews the cookies of bound ones, under one configuration.
pub struct DeviceSessions {
    pub(super) challenges: Arc<Challenges>,
    pub(super) verifier: Arc<TokenVerifier>,
    pub(super) sessions: Arc<SessionDirectory>,
    pub(super) one_time_use: Arc<OneTimeUse>,
    pub(super) settings: Arc<Settings>,
    pub(super) metrics: Arc<Metrics>,
}

impl DeviceSessions {
    /// Whether sessions are bound to devices.
    pub fn is_on(&self) -> bool {
        self.settings.device_bound.is_on()
    }

    /// Whether a session is bound to a device.
    pub fn is_bound(&self, record: &SessionRecord) -> bool {
        self.settings.alone_until(record).is_some()
    }

    /// Until when a session token counts that was minted at `issued_at`, if that is before its `exp` because the session
    /// was bound since.
    pub fn own_token_until(&self, record: &SessionRecord, issued_at: UnixTime) -> Option<UnixTime> {
        self.settings.own_token_until(record, issued_at)
    }

    /// What a browser signs to prove that it holds a key now.
    ///
    /// # Errors
    ///
    /// There is no randomness.
    pub fn challenge(&self, purpose: Purpose, sid: Uuid) -> Result<String, Rejection> {
        let challenge = self.challenges.issue(purpose, sid, UnixTime::now());
        challenge.map_err(|_| Rejection::new(Code::Internal, "random_failed"))
    }

    /// Whether a proof is for the registration of a key for this session, and in time.
    pub fn registers(&self, proof: &Proof, sid: Uuid) -> bool {
        self.challenge_end(proof, Purpose::Registration, sid)
            .is_some()
    }

    /// Binds a session to the key of a proof, and opens the first cookie of the bound session.
    ///
    /// # Errors
    ///
    /// The challenge is not for this, the key did not sign, the session is bound already or over, or
    /// the store did not answer.
    pub async fn register(
        &self,
        proof: &Proof,
        session: &Session,
    ) -> Result<BoundCookie, Rejection> {
        let outcome = self.try_register(proof, session).await;
        let refused = outcome.as_ref().err().map(|rejection| rejection.reason);
        self.count_proof(refused.unwrap_or("registered"));
        outcome
    }

    /// Renews the cookie of a bound session by a proof.
    ///
    /// # Errors
    ///
    /// See [`RefreshRefusal`].
    pub async fn refresh(&self, proof: &Proof, sid: Uuid) -> Result<BoundCookie, RefreshRefusal> {
        let outcome = self.try_refresh(proof, sid).await;
        let refused = outcome.as_ref().err().map(RefreshRefusal::reason);
        self.count_proof(refused.unwrap_or("refreshed"));
        outcome
    }

    async fn try_register(
        &self,
        proof: &Proof,
        session: &Session,
    ) -> Result<BoundCookie, Rejection> {
        if !self.registers(proof, session.sid()) {
            return Err(Rejection::new(Code::Forbidden, "device_challenge_invalid"));
        }
        let key = proof.introduced_key()?.clone();
        let now = UnixTime::now();
        let thumbprint = key.thumbprint();
        // Before the binding, which cannot be taken back.
        let cookie = self.bound_cookie(session.sid(), session.expires_at(), now);
        let cookie = cookie.await?;
        let device = DeviceBinding { key, bound_at: now };
        let bound = self
            .sessions
            .store()
            .bind_session(session.sid(), device)
            .await;
        if !bound.map_err(|error| store_failed(&error))? {
            return Err(Rejection::new(Code::Forbidden, "device_bound_already"));
        }
        // Here at once; other gateways hear of it by the store's changes.
        self.sessions.revise_user(session.user());
        info!(sid = %session.sid(), key = thumbprint, "session bound to a device");
        Ok(cookie)
    }

    async fn try_refresh(&self, proof: &Proof, sid: Uuid) -> Result<BoundCookie, RefreshRefusal> {
        let now = UnixTime::now();
        let end = self.challenge_end(proof, Purpose::Refresh, sid);
        let end = end.ok_or(RefreshRefusal::Challenge("device_challenge_invalid"))?;
        let (record, _) = self.sessions.live_session(sid, now).await?;
        self.check_device(proof, &record)?;
        // What refuses every request of the session ends it for the browser, too.
        let over = |rejection: Rejection| match rejection.code {
            Code::Forbidden => Rejection::new(Code::LoginRequired, rejection.reason),
            _ => rejection,
        };
        self.sessions.user_of(&record).await.map_err(over)?;
        self.verifier.issuer_in_force(&record.iss)?;
        let scope = "device challenge";
        if !self
            .one_time_use
            .use_once(scope, proof.challenge(), end)
            .await?
        {
            return Err(RefreshRefusal::Challenge("device_challenge_spent"));
        }
        Ok(self.bound_cookie(sid, record.expires_at, now).await?)
    }

    fn check_device(&self, proof: &Proof, record: &SessionRecord) -> Result<(), Rejection> {
        match &record.device {
            Some(DeviceBinding { key, .. }) => Ok(proof.check(key)?),
            None => Err(Rejection::new(Code::LoginRequired, "device_not_bound")),
        }
    }

    async fn bound_cookie(
        &self,
        sid: Uuid,
        session_end: UnixTime,
        now: UnixTime,
    ) -> Result<BoundCookie, Rejection> {
        let until = now.plus(self.settings.device_bound_ttl).min(session_end);
        let counts_until = until.plus(ON_ITS_WAY);
        let value = self.sessions.new_bound_cookie(sid, counts_until).await?;
        Ok(BoundCookie { value, until })
    }

    fn challenge_end(&self, proof: &Proof, purpose: Purpose, sid: Uuid) -> Option<UnixTime> {
        let challenges = &self.challenges;
        challenges.end_of(proof.challenge(), purpose, sid, UnixTime::now())
    }

    fn count_proof(&self, result: &'static str) {
        let proofs = &self.metrics.device_proofs;
        proofs.with_label_values(&[result]).inc();
    }
}

impl From<ProofError> for Rejection {
    fn from(error: ProofError) -> Self {
        let reason = match error {
            ProofError::Malformed | ProofError::WrongKind => "device_proof_malformed",
            ProofError::Key(_) => "device_key_unfit",
            ProofError::KeyMissing => "device_key_missing",
            ProofError::Signature => "device_key_other",
        };
        Self::new(Code::Forbidden, reason)
    }
}

/// For how long a cookie counts after the browser has let go of it. Its time here is in whole seconds
/// and begins earlier than the browser's: without this, the last requests with each cookie would be
/// refused, and the browser asked nobody for another.
const ON_ITS_WAY: Duration = Duration::from_secs(5);
