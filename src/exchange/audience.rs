//! For whom a token is.
//!
//! A session token names its audience, and one for the audience of a route is valid on that route only
//! (RFC 7519 section 4.1.3, RFC 9700 section 2.3): an upstream cannot use what it was given elsewhere.
//!
//! A route that is a protected resource takes tokens for itself only (RFC 8707): our own for its
//! identifier, external ones with its identifier in `aud`, and the gateway's session cookie, which is no
//! token. An external token that is for resources alone opens nothing else.
//!
//! Upstream servers see session tokens, and none of these makes its user an operator
//! ([`Recipient::Operators`]).

use std::sync::Arc;

use super::addressees::Addressees;
use super::recipient::{OPERATORS, Recipient};
use super::resource_name;
use super::session::Session;
use super::settings::Settings;
use crate::jwt::Verified;
use crate::rejection::{Code, Rejection};
use crate::session::Minter;

/// Decides for whom tokens are, under one configuration.
pub struct Audiences {
    minter: Arc<Minter>,
    settings: Arc<Settings>,
}

impl Audiences {
    pub(super) fn new(minter: Arc<Minter>, settings: Arc<Settings>) -> Self {
        Self { minter, settings }
    }

    /// Whether a session may be used with a recipient; `by_cookie` says that the gateway's session
    /// cookie was presented for it.
    pub(super) fn admits(
        &self,
        session: &Session,
        by_cookie: bool,
        recipient: Recipient<'_>,
    ) -> bool {
        match recipient {
            Recipient::Anyone => true,
            Recipient::Gateway => !session.is_fenced(),
            Recipient::Route(audience) => !session.is_fenced() || session.is_addressed_to(audience),
            Recipient::Operators => {
                let is_external = session.issuer().is_some() && !session.is_fenced();
                by_cookie || is_external || session.fence() == Some(OPERATORS)
            }
            Recipient::Resource(name) => {
                let is_ours = session.issuer().is_none() && !session.is_fenced();
                session.is_addressed_to(name)
                    || by_cookie
                    || (is_ours && **name == *self.minter.audience)
            }
        }
    }

    /// The resources that an external token is for.
    pub(super) fn addressees(&self, verified: &Verified) -> Addressees {
        if self.settings.resources.is_empty() {
            return Addressees::default();
        }
        let names = || verified.audiences();
        let resources = self.settings.resources.iter();
        let resources: Box<[_]> = resources
            .filter(|resource| names().any(|name| resource_name::same(name, resource)))
            .cloned()
            .collect();
        let is_fence = |name: &str| {
            let is_resource = resources
                .iter()
                .any(|resource| resource_name::same(resource, name));
            is_resource && !self.is_for_gateway(name)
        };
        Addressees {
            only: !resources.is_empty() && names().all(is_fence),
            resources,
        }
    }

    /// Whether an external token may open a session for a recipient.
    pub(super) fn may_open(&self, verified: &Verified, recipient: Recipient<'_>) -> bool {
        let Addressees { resources, only } = self.addressees(verified);
        match recipient {
            _ if !only => true,
            Recipient::Anyone => true,
            Recipient::Gateway | Recipient::Operators => false,
            Recipient::Route(name) | Recipient::Resource(name) => resources.contains(name),
        }
    }

    /// The identifier of a protected resource with this name.
    pub fn resource(&self, name: &str) -> Option<&Arc<str>> {
        let mut resources = self.settings.resources.iter();
        resources.find(|resource| resource_name::same(resource, name))
    }

    /// The audience that is asked for by a name: the usual one, or that of a protected resource.
    pub fn named(&self, name: &str) -> Option<&str> {
        let usual = self.minter.audience.as_str();
        match resource_name::same(name, usual) {
            true => Some(usual),
            false => self.resource(name).map(|resource| &**resource),
        }
    }

    /// Whether a token of ours with this audience may be used at the gateway's own endpoints, and
    /// on routes without an audience of their own.
    pub fn is_for_gateway(&self, audience: &str) -> bool {
        audience == self.minter.audience
            || self.settings.pages.iter().any(|page| page.admits(audience))
    }

    /// The refusal of a token that is for another.
    pub fn refusal() -> Rejection {
        Rejection::new(Code::TokenInvalid, "own_audience_mismatch")
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

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
    async fn what_upstream_servers_see_makes_nobody_an_operator() {
        let gateway = TestExchange::new();
        let external = gateway.token("alice", "1");
        let session = gateway.present(&external).await.unwrap();
        let (operators, mail): (Arc<str>, Arc<str>) = (OPERATORS.into(), "mail".into());
        let token_for = |audience| gateway.here.forwarded(&session, audience).unwrap();
        let usual = token_for(None);
        let for_mail = token_for(Some(&mail));
        let for_operators = token_for(Some(&operators));
        for (token, passes) in [
            (external.as_str(), true),
            (bearer(&usual), false),
            (bearer(&for_mail), false),
            (bearer(&for_operators), true),
        ] {
            // A route with this audience leads to the admin listener and asks for the same.
            for recipient in [Recipient::Operators, Recipient::route(Some(&operators))] {
                let presented = gateway.present_for(recipient, token).await;
                let reason = presented.err().map(|rejection| rejection.reason);
                let refused = (!passes).then_some("own_audience_mismatch");
                assert_eq!(reason, refused, "{recipient:?}");
            }
        }
        let elsewhere = gateway.present(bearer(&for_operators)).await;
        assert_eq!(elsewhere.unwrap_err().reason, "own_audience_mismatch");
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
                let presented = gateway.present_for(recipient, bearer(token)).await;
                let reason = presented.as_ref().err().map(|rejection| rejection.reason);
                let refused = (!passes).then_some("own_audience_mismatch");
                assert_eq!(reason, refused, "{recipient:?}");
                let Ok(presented) = presented else { continue };
                assert_eq!(presented.sid(), session.sid());
                let Recipient::Route(audience) = recipient else {
                    continue;
                };
                let forwarded = gateway.here.forwarded(&presented, Some(audience)).unwrap();
                let claims = gateway
                    .here
                    .minter()
                    .read(bearer(&forwarded), UnixTime::now());
                assert_eq!(claims.unwrap().aud, **audience);
            }
        }
    }

    /// A provider may write the path that is the root into `aud`: the token is for the resource all the same,
    /// and for nothing else.
    #[tokio::test]
    async fn an_external_token_for_a_resource_opens_nothing_else() {
        let gateway = TestExchange::new();
        let mut settings = (*gateway.here.settings).clone();
        settings.resources = vec!["https://tools.example".into()];
        let issuers = Arc::clone(gateway.here.issuers());
        let here = gateway.here.succeeding(issuers, settings);
        for (aud, opens) in [
            ("https://tools.example", false),
            ("https://tools.example/", false),
            ("https://tools.example/other", true),
        ] {
            let more = serde_json::json!({ "aud": aud });
            let token = gateway.token_saying("alice", aud, UnixTime::now(), more);
            let session = gateway.present_at(&here, &token).await;
            assert_eq!(session.is_ok(), opens, "{aud}");
        }
    }
}
