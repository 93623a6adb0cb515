//! Sessions that already are, by one of our own tokens.

use std::sync::Arc;
use std::time::Duration;

use super::mint::mint_failed;
use super::session::Provenance;
use super::session_handle::Lease;
use super::{Exchange, Session};
use crate::clock::UnixTime;
use crate::rejection::{Code, Rejection};
use crate::session::SessionToken;
use crate::session::minter::{SelfIssuedError, SessionTokenClaims};
use crate::store::{SessionRecord, User};

impl Exchange {
    /// The session of one of our own tokens: the same session, with the token's own end.
    pub(super) async fn exchange_self_issued(
        &self,
        token: &str,
        now: UnixTime,
    ) -> Result<Arc<Session>, Rejection> {
        let minter = self.minter();
        // Before the token is read: a set of keys that is replaced in between is no longer trusted.
        let mut key_validity = minter.keys.keyring().key_validity();
        let claims = match minter.read(token, now) {
            Err(SelfIssuedError::UnknownKey) if self.has_looked_for_keys(now).await => {
                key_validity = minter.keys.keyring().key_validity();
                minter.read(token, now)
            }
            decided => decided,
        };
        let claims = claims.map_err(own_refused)?;
        let sessions = self.sessions();
        // Another gateway may have answered a moment ago and still be writing the session.
        let (record, lease) = match self.settings.shares_store && now < claims.iat.plus(NEW_FOR) {
            true => sessions.session_of_new_token(claims.sid, now).await?,
            false => sessions.live_session(claims.sid, now).await?,
        };
        if record.user_id != claims.sub {
            return Err(Rejection::new(Code::TokenInvalid, "session_unknown"));
        }
        let end = self.settings.own_token_until(&record, claims.iat);
        let end = end.map_or(claims.exp, |end| claims.exp.min(end));
        if end <= now {
            return Err(own_refused(SelfIssuedError::Expired));
        }
        let user = self.sessions().user_of(&record).await?;
        let token = SessionToken {
            text: token.to_owned(),
            expires_at: end.min(record.expires_at),
            // Nobody but its client can bring another.
            fresh_until: end.min(record.expires_at),
            scopes: minter.scopes_of(&claims.scope, &record),
            key_validity,
        };
        // A page's token is for its origin, which its upstream does not know.
        let is_ours = self.audiences.is_for_gateway(&claims.aud);
        let audience = is_ours.then_some(&*minter.audience);
        let restated = minter.restate(&token.text, (&user, &record), audience);
        let token = match restated.map_err(mint_failed)? {
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
        Ok(Arc::new(match is_ours {
            true => session,
            false => session.fenced(claims.aud.into()),
        }))
    }

    /// The claims of one of our own tokens, whether or not its time is over.
    ///
    /// # Errors
    ///
    /// It is none.
    pub async fn read_own(
        &self,
        token: &str,
        now: UnixTime,
    ) -> Result<SessionTokenClaims, SelfIssuedError> {
        let minter = self.minter();
        match minter.read_past(token) {
            Err(SelfIssuedError::UnknownKey) if self.has_looked_for_keys(now).await => {
                minter.read_past(token)
            }
            decided => decided,
        }
    }

    /// Looks for keys that another gateway may have begun to sign with. False: that was a moment ago.
    async fn has_looked_for_keys(&self, now: UnixTime) -> bool {
        let may_look = self.minter().keys.may_look(now);
        if may_look {
            self.signing_keys().maintain().await;
        }
        may_look
    }

    /// A session that no issuer's key vouches for any more, only we.
    pub(super) fn on_our_word(
        &self,
        user: &User,
        record: &SessionRecord,
        token: SessionToken,
        lease: Lease,
    ) -> Result<Session, Rejection> {
        let issuer = self.verifier.issuer_in_force(&record.iss)?;
        let provenance = Provenance::Own { issuer };
        let made_for = (&*self.settings, self.version);
        Session::new(provenance, user, record, token, lease, made_for)
            .ok_or_else(|| Rejection::new(Code::Internal, "header_unfit"))
    }
}

/// Why one of our own tokens does not hold.
pub(super) fn own_refused(error: SelfIssuedError) -> Rejection {
    match error {
        SelfIssuedError::Malformed => Rejection::new(Code::TokenInvalid, "own_malformed"),
        SelfIssuedError::WrongKind => Rejection::new(Code::TokenInvalid, "own_wrong_kind"),
        SelfIssuedError::UnknownKey => Rejection::new(Code::TokenInvalid, "own_key_unknown"),
        SelfIssuedError::Signature => Rejection::new(Code::TokenInvalid, OWN_SIGNATURE_INVALID),
        SelfIssuedError::Expired => Rejection::new(Code::TokenExpired, OWN_EXPIRED),
    }
}

/// How long after its minting a token may come before its session's row; gateways' clocks differ.
const NEW_FOR: Duration = Duration::from_secs(10);

/// The reason of a refusal of one of our own tokens whose signature does not hold.
pub(super) const OWN_SIGNATURE_INVALID: &str = "own_signature_invalid";
/// That of one whose time is over.
pub(super) const OWN_EXPIRED: &str = "own_expired";
