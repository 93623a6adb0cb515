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
use crate::session::minter::SelfIssuedError;
use crate::store::{SessionRecord, User};

impl Exchange {
    /// The session of one of our own tokens: the same session, with the token's own end.
    pub(super) async fn exchange_self_issued(
        &self,
        token: &str,
        now: UnixTime,
    ) -> Result<Arc<Session>, Rejection> {
        // Before the token is read: a set of keys that is replaced in between is no longer trusted.
        let minter = self.minter();
        let mut key_validity = minter.keys.keyring().key_validity();
        let claims = match minter.read(token, now) {
            // Another gateway may have begun to sign with a key that we have not heard of.
            Err(SelfIssuedError::UnknownKey) if minter.keys.may_look(now) => {
                self.signing_keys().maintain().await;
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
        let restated = minter.restate(&token.text, &user, &record);
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
        Ok(Arc::new(match self.audiences.is_for_gateway(&claims.aud) {
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
