//! Session tokens for the audience of one route.
//!
//! A session token names its audience. If a route has its own audience, its upstream gets a token
//! for that audience with the same session, scope and end. It is minted once for each session and
//! audience, and cached along with the usual one.

use std::sync::Arc;

use http::HeaderValue;

use super::{Exchange, Session, mint_failed};
use crate::rejection::{Code, Rejection};
use crate::session::SessionToken;
use crate::session::signer::SignerError;
use crate::store::{SessionRecord, User};

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
        let Some(audience) = audience else {
            return Ok(session.forwarded().clone());
        };
        if let Some(forwarded) = session.forwarded_to(audience) {
            return Ok(forwarded);
        }
        let token = self.minter.readdress(session.token(), audience);
        session
            .keep_for(audience, token.map_err(mint_failed)?)
            .ok_or_else(|| Rejection::new(Code::Internal, "header_unfit"))
    }

    /// What a session has of a token of our own that says `audience`: the very token, unless it
    /// was made for one route, which another route's upstream is not shown, or says of the user
    /// what is no longer so.
    pub(super) fn restated(
        &self,
        token: SessionToken,
        audience: &str,
        user: &User,
        record: &SessionRecord,
    ) -> Result<SessionToken, SignerError> {
        let is_of_route = self.settings.load().audiences.contains(audience);
        let usual = Some(self.minter.audience.as_str());
        let other = usual.filter(|usual| is_of_route && *usual != audience);
        let restated = self.minter.restate(&token.text, other, user, record)?;
        Ok(match restated {
            None => token,
            Some(SessionToken {
                text, key_validity, ..
            }) => SessionToken {
                text,
                key_validity,
                ..token
            },
        })
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
    async fn the_token_of_one_route_is_not_shown_to_another() {
        let gateway = TestExchange::new();
        let session = gateway.present(&gateway.token("alice", "1")).await.unwrap();
        for (audience, goes_on) in [("https://billing.example", false), ("https://page", true)] {
            let audience = Arc::from(audience);
            let token = gateway.here.forwarded(&session, Some(&audience)).unwrap();
            let credential = gateway.present(bearer(&token)).await.unwrap();
            assert_eq!(credential.sid(), session.sid());
            let usual = gateway.here.forwarded(&credential, None).unwrap();
            assert_eq!(usual == token, goes_on, "{audience}");
            let claims = gateway.here.minter().read(bearer(&usual), UnixTime::now());
            assert_eq!(claims.unwrap().aud == *audience, goes_on);
            // On its own route it is what it was for.
            let own = gateway
                .here
                .forwarded(&credential, Some(&audience))
                .unwrap();
            let claims = gateway.here.minter().read(bearer(&own), UnixTime::now());
            assert_eq!(claims.unwrap().aud, *audience);
        }
    }
}
