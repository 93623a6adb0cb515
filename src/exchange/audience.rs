//! Session tokens for the audience of one route.
//!
//! A session token names its audience. If a route has its own audience, its upstream gets a token
//! for that audience with the same session, scope and end. It is minted once for each session and
//! audience, and cached along with the usual one. Such a token is valid on that
//! route only (RFC 7519 section 4.1.3, RFC 9700 section 2.3): an upstream cannot use what it was given
//! elsewhere.

use std::sync::Arc;

use http::HeaderValue;

use super::{Exchange, Session, mint_failed};
use crate::rejection::{Code, Rejection};

/// For whom a presented session token must be.
#[derive(Clone, Copy, Debug)]
pub enum Recipient<'a> {
    /// The gateway itself, or a route without an audience of its own.
    Gateway,
    /// A route with this audience; the gateway's own tokens are taken there, too.
    Route(&'a Arc<str>),
    /// Whoever it may be: the token is asked about, not used.
    Anyone,
}

impl<'a> Recipient<'a> {
    /// A route, by its own audience if it has one.
    pub fn route(audience: Option<&'a Arc<str>>) -> Self {
        audience.map_or(Self::Gateway, Self::Route)
    }

    /// Whether a token that is fenced to this audience is for it.
    pub(super) fn is(self, fence: &str) -> bool {
        match self {
            Self::Gateway => false,
            Self::Route(audience) => **audience == *fence,
            Self::Anyone => true,
        }
    }
}

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
        let token = self.shared.minter.readdress(session.token(), audience);
        session
            .keep_for(audience, token.map_err(mint_failed)?)
            .ok_or_else(|| Rejection::new(Code::Internal, "header_unfit"))
    }

    /// Whether a token of ours with this audience may be used at the gateway's own endpoints, and
    /// on routes without an audience of their own.
    pub fn is_for_gateway(&self, audience: &str) -> bool {
        audience == self.shared.minter.audience
            || self.settings.pages.iter().any(|page| page.admits(audience))
    }

    /// The refusal of a token that is for another.
    pub fn wrong_audience() -> Rejection {
        Rejection::new(Code::TokenInvalid, "own_audience_mismatch")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::UnixTime;
    use crate::exchange::fixture::TestExchange;

    fn bearer(forwarded: &HeaderValue) -> &str {
        let text = forwarded.to_str().unwrap();
        text.strip_prefix("Bearer ").unwrap()
    }

    #[tokio::test]
    async fn each_audience_has_its_token_of_the_same_session() {
        let gateway = TestExchange::new();
        let session = gateway.present(&gateway.token("alice", "1")).await.unwrap();
        let minter = gateway.here.minter();
        let read = |forwarded: &HeaderValue| minter.read(bearer(forwarded), UnixTime::now());
        let usual = gateway.here.forwarded(&session, None).unwrap();
        let audiences: [Arc<str>; 2] = ["https://billing.example".into(), "mail".into()];
        for audience in &audiences {
            let forwarded = gateway.here.forwarded(&session, Some(audience)).unwrap();
            let again = gateway.here.forwarded(&session, Some(audience)).unwrap();
            assert_eq!(forwarded, again, "made once");
            let (own, usual) = (read(&forwarded).unwrap(), read(&usual).unwrap());
            assert_eq!(*own.aud, **audience);
            assert_eq!(usual.aud, minter.audience);
            assert_eq!((own.sid, own.sub), (usual.sid, usual.sub));
            assert_eq!((own.exp, own.iat), (usual.exp, usual.iat));
            assert_eq!(own.scope, usual.scope);
        }
        assert_eq!(gateway.here.forwarded(&session, None).unwrap(), usual);
    }

    #[tokio::test]
    async fn a_token_for_one_route_is_valid_there_only() {
        let gateway = TestExchange::new();
        let session = gateway.present(&gateway.token("alice", "1")).await.unwrap();
        let billing: Arc<str> = "https://billing.example".into();
        let mail: Arc<str> = "mail".into();
        let page: Arc<str> = "https://page".into();
        let token_for = |audience| gateway.here.forwarded(&session, Some(audience)).unwrap();
        let (for_billing, for_page) = (token_for(&billing), token_for(&page));
        for (token, recipient, passes) in [
            (&for_billing, Recipient::Route(&billing), true),
            (&for_billing, Recipient::Route(&mail), false),
            (&for_billing, Recipient::Gateway, false),
            (&for_billing, Recipient::Anyone, true),
            (&for_page, Recipient::Gateway, true),
            (&for_page, Recipient::Route(&billing), true),
        ] {
            // Twice: a hit is decided as a miss is.
            for _ in 0..2 {
                let credential = gateway.present_for(recipient, bearer(token)).await;
                let reason = credential.as_ref().err().map(|rejection| rejection.reason);
                let refused = (!passes).then_some("own_audience_mismatch");
                assert_eq!(reason, refused, "{recipient:?}");
                let Ok(credential) = credential else { continue };
                assert_eq!(credential.sid(), session.sid());
                let Recipient::Route(audience) = recipient else {
                    continue;
                };
                let forwarded = gateway.here.forwarded(&credential, Some(audience)).unwrap();
                let claims = gateway
                    .here
                    .minter()
                    .read(bearer(&forwarded), UnixTime::now());
                assert_eq!(claims.unwrap().aud, **audience);
            }
        }
    }
}
