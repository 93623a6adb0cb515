//! Session tokens of live sessions: for upstreams, and for clients.
//!
//! If a route has its own audience, its upstream gets a token for that audience with the same session,
//! scope and end. It is minted once for each session and audience, and cached along with the usual one.

use std::sync::Arc;

use http::HeaderValue;
use tracing::warn;

use super::{Account, Exchange, Session};
use crate::clock::UnixTime;
use crate::clock::rarely::Rarely;
use crate::rejection::{Code, Rejection};
use crate::session::signer::SignerError;
use crate::session::{SessionToken, Terms};

impl Exchange {
    /// The value of the header field by which a session's requests go upstream on a route with
    /// this audience, or with none of its own.
    ///
    /// # Errors
    ///
    /// The token cannot be signed.
    pub fn forwarded(
        &self,
        session: &Session,
        audience: Option<&Arc<str>>,
    ) -> Result<HeaderValue, Rejection> {
        let Some(audience) = audience.filter(|audience| session.fence() != Some(&***audience))
        else {
            return Ok(session.forwarded().clone());
        };
        if let Some(forwarded) = session.forwarded_to(audience) {
            return Ok(forwarded);
        }
        let token = self.minter().readdress(session.token(), audience);
        session
            .keep_for(audience, token.map_err(mint_failed)?)
            .ok_or_else(|| Rejection::new(Code::Internal, "header_unfit"))
    }

    /// A session token for the account on these terms.
    ///
    /// # Errors
    ///
    /// The key did not sign.
    pub fn mint(&self, account: &Account, terms: &Terms) -> Result<SessionToken, Rejection> {
        let Account { user, session } = account;
        self.minter()
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
        self.minter()
            .mint_account(user, session, UnixTime::now(), terms)
            .map_err(mint_failed)
    }
}

/// The refusal when no token can be signed, logged.
pub fn mint_failed(error: SignerError) -> Rejection {
    static FAILED: Rarely = Rarely::new();
    if let Some(times) = FAILED.due() {
        warn!(%error, times, "no session token");
    }
    Rejection::new(Code::Internal, "mint_failed")
}
