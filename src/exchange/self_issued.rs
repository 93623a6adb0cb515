//! Sessions that already are: by one of our own tokens, or by their id.

use std::sync::Arc;

use uuid::Uuid;

use super::session::Provenance;
use super::{Exchange, Lease, RETRY_STORE, SIGN_IN_ATTEMPTS, Session};
use crate::clock::UnixTime;
use crate::jwt::Issuer;
use crate::rejection::{Code, Rejection};
use crate::session::SessionToken;
use crate::session::minter::SelfIssuedError;
use crate::store::{RevocationReason, SessionRecord, User, is_workload};

impl Exchange {
    /// The session of one of our own tokens: the same session, with the token's own end.
    pub(super) async fn exchange_self_issued(
        &self,
        token: &str,
        now: UnixTime,
    ) -> Result<Arc<Session>, Rejection> {
        // Before the token is read: a set of keys that is replaced in between is no longer trusted.
        let mut key_validity = self.shared.minter.keys.keyring().key_validity();
        let claims = match self.shared.minter.read(token, now) {
            // Another gateway may have begun to sign with a key that we have not heard of.
            Err(SelfIssuedError::UnknownKey) if self.shared.minter.keys.may_look(now) => {
                self.maintain_keys().await;
                key_validity = self.shared.minter.keys.keyring().key_validity();
                self.shared.minter.read(token, now)
            }
            decided => decided,
        };
        let claims = claims.map_err(own_refused)?;
        let (record, lease) = self.live_session(claims.sid, now).await?;
        if record.user_id != claims.sub {
            return Err(Rejection::new(Code::TokenInvalid, "session_unknown"));
        }
        let end = self.settings.own_token_until(&record, claims.iat);
        let end = end.map_or(claims.exp, |end| claims.exp.min(end));
        if end <= now {
            return Err(own_refused(SelfIssuedError::Expired));
        }
        let user = self.user_of(&record).await?;
        let token = SessionToken {
            text: token.to_owned(),
            expires_at: end.min(record.expires_at),
            scopes: self.shared.minter.scopes_of(&claims.scope, &record),
            key_validity,
        };
        let restated = self.shared.minter.restate(&token.text, &user, &record);
        let token = match restated.map_err(super::mint_failed)? {
            None => token,
            Some(SessionToken {
                text, key_validity, ..
            }) => SessionToken {
                text,
                key_validity,
                ..token
            },
        };
        let session = self.on_our_word(&user, &record, token, lease)?;
        Ok(Arc::new(match self.is_for_gateway(&claims.aud) {
            true => session,
            false => session.fenced(claims.aud.into()),
        }))
    }

    /// A session that no issuer's key vouches for any more, only we.
    pub(super) fn on_our_word(
        &self,
        user: &User,
        record: &SessionRecord,
        token: SessionToken,
        lease: Lease,
    ) -> Result<Session, Rejection> {
        let issuer = self.issuer_in_force(&record.iss)?;
        let provenance = Provenance::Own { issuer };
        let made_for = (&*self.settings, self.version);
        Session::new(provenance, user, record, token, lease, made_for)
            .ok_or_else(|| Rejection::new(Code::Internal, "header_unfit"))
    }

    /// The issuer of a session, with its generation, as long as sessions end with their issuers.
    pub(super) fn issuer_in_force(
        &self,
        iss: &str,
    ) -> Result<Option<(Arc<Issuer>, u64)>, Rejection> {
        if self.settings.outlive_issuer {
            return Ok(None);
        }
        let gone = |reason| Rejection::new(Code::LoginRequired, reason);
        let issuer = self
            .issuers
            .get(iss)
            .ok_or_else(|| gone("issuer_removed"))?;
        // Before the switch is looked at: a turn in between makes another generation.
        let generation = issuer.generation();
        match issuer.enabled() {
            true => Ok(Some((Arc::clone(issuer), generation))),
            false => Err(gone("issuer_disabled")),
        }
    }

    /// The session with an id, and its handle, which a revocation from now on ends.
    pub(super) async fn live_session(
        &self,
        sid: Uuid,
        now: UnixTime,
    ) -> Result<(SessionRecord, Lease), Rejection> {
        for _ in 0..SIGN_IN_ATTEMPTS {
            let pending = self.shared.registry.ask(sid);
            let found = self.shared.store.session(sid).await;
            let record = found
                .map_err(|e| self.store_failed(&e))?
                .ok_or_else(|| Rejection::new(Code::TokenInvalid, "session_unknown"))?;
            if record.ended.is_some() || record.expires_at <= now {
                return Err(Rejection::new(Code::LoginRequired, "session_ended"));
            }
            self.shared.registry.bind(&pending.lease.handle, &record);
            if pending.lease.handle.is_idle(now) {
                let ended = self.end_session(sid, RevocationReason::Idle).await;
                ended.map_err(|e| self.store_failed(&e))?;
                return Err(Rejection::new(Code::LoginRequired, "session_idle"));
            }
            if let Some(lease) = self.shared.registry.answered(pending, &record) {
                return Ok((record, lease));
            }
        }
        Err(Rejection::unavailable("sessions_ending", RETRY_STORE))
    }

    /// The user of a session, or what stands for one.
    pub(super) async fn user_of(&self, session: &SessionRecord) -> Result<User, Rejection> {
        if is_workload(session.user_id) {
            let (id, opened_at) = (session.user_id, session.opened_at);
            return Ok(User::of_workload(id, Vec::new(), opened_at));
        }
        let user = self.shared.store.user(session.user_id).await;
        user.map_err(|e| self.store_failed(&e))?
            .filter(|user| !user.blocked)
            .ok_or_else(|| Rejection::new(Code::Forbidden, "user_blocked"))
    }
}

fn own_refused(error: SelfIssuedError) -> Rejection {
    match error {
        SelfIssuedError::Malformed => Rejection::new(Code::TokenInvalid, "own_malformed"),
        SelfIssuedError::WrongKind => Rejection::new(Code::TokenInvalid, "own_wrong_kind"),
        SelfIssuedError::UnknownKey => Rejection::new(Code::TokenInvalid, "own_key_unknown"),
        SelfIssuedError::Signature => Rejection::new(Code::TokenInvalid, "own_signature_invalid"),
        SelfIssuedError::Expired => Rejection::new(Code::TokenExpired, "own_expired"),
    }
}
