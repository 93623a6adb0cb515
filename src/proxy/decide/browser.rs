//! What a browser gets with a decision: the session's cookie, an offer to bind it, and the end of cookies
//! that count no more.

use std::sync::Arc;

use http::{HeaderName, HeaderValue};
use pingora::http::RequestHeader;

use super::{Incoming, Passed, Refused};
use crate::api::device_bound;
use crate::clock::UnixTime;
use crate::credential::{self, Credential, CredentialError, OwnCookie, Source};
use crate::exchange::{KeptCookie, Session, is_over, lacks_proof};
use crate::identity::Client;
use crate::proxy::context::RequestContext;
use crate::rejection::{Code, Rejection};
use crate::route::Route;
use crate::route::settings::Access;
use crate::session::cookie::{self, CookiePlace};

impl<'a> Incoming<'a> {
    /// What becomes of a request with two different cookies of one name. Which of them counts would be
    /// a guess, so none does. The browser is freed of the gateway's own at once; of issuers' only in an answer
    /// of the gateway itself, because the upstream's may set one of them.
    pub(super) async fn twin_cookies(
        &self,
        route: &Route,
        ctx: &mut RequestContext,
    ) -> Result<Passed, Refused> {
        let sources = &self.snapshot.proxy.token_sources;
        ctx.source = Source::Cookie.label();
        let headers = &self.request.headers;
        let client = Client::new(self.client().address, headers);
        let exchange = &self.snapshot.exchange;
        ctx.set_cookies
            .extend(sources.removal_of_own_twins(headers));
        for twins in sources.twins(headers) {
            // Of what is not looked at, nobody can say that it is harmless.
            let is_of_two = twins.has_more
                || exchange
                    .are_of_different_users(&twins.credentials, &client)
                    .await;
            if is_of_two {
                ctx.set_cookies.extend(sources.removal(headers));
                let refused = Rejection::new(Code::Conflict, "cookies_of_two_users");
                return Err(Refused::without_credential(refused));
            }
        }
        let rejection = Rejection::from(CredentialError::TwinCookies);
        match route.access {
            Access::Optional => Ok(Passed::Disregarded(rejection.reason)),
            Access::Required | Access::None => Err(Refused::without_credential(rejection)),
        }
    }

    /// What a browser gets of its session: a cookie, and an offer to bind it to its device.
    pub(super) async fn tell_browser(
        &self,
        credential: &Credential<'_>,
        session: &Session,
        ctx: &mut RequestContext,
    ) {
        if let Some(cookie) = self.cookie_to_set(credential, session).await {
            let sources = &self.snapshot.proxy.token_sources;
            let headers = &self.request.headers;
            // Next to one that an earlier configuration set, it would be a twin. The new one comes last,
            // since to some clients that of a host and of a domain of that name are one (RFC 6265, 5.3).
            let elsewhere = sources.removal_elsewhere(OwnCookie::Session, headers);
            ctx.set_cookies.extend(elsewhere);
            ctx.set_cookies.push(cookie);
        }
        let exchange = &self.snapshot.exchange;
        let is_in_cookie = matches!(credential.source, Source::Cookie | Source::SessionCookie);
        // Once for each page, should the browser not have come with the first.
        let is_due = !ctx.set_cookies.is_empty() || says_navigate(self.request);
        if exchange.devices().is_on() && is_in_cookie && is_due && !session.is_device_bound() {
            let prefix = self.snapshot.proxy.api_prefix();
            ctx.device_offer = device_bound::offer(exchange, prefix, session.sid()).ok();
        }
    }

    /// What becomes of a request whose credential stands for no session.
    pub(super) fn rejected(
        &self,
        credential: &Credential<'_>,
        rejection: Rejection,
        route: &Route,
        ctx: &mut RequestContext,
    ) -> Result<Passed, Refused> {
        if credential.source == Source::SessionCookie && is_dead(&rejection) {
            ctx.set_cookies.push(cookie::clear(self.cookie_place()));
        }
        // A browser cannot help sending what it was once given.
        if route.access == Access::Optional && is_stale(credential, &rejection) {
            return Ok(Passed::Disregarded(rejection.reason));
        }
        let issuer = self.snapshot.exchange.verifier().issuer_label(credential);
        ctx.credential_issuer = Some(Arc::clone(&issuer));
        Err(Refused {
            rejection,
            issuer: Some(issuer),
        })
    }

    /// A session cookie for a browser that came by an issuer's cookie, or by one that ends before its session.
    async fn cookie_to_set(
        &self,
        credential: &Credential<'_>,
        session: &Session,
    ) -> Option<HeaderValue> {
        let exchange = &self.snapshot.exchange;
        let sources = &self.snapshot.proxy.token_sources;
        // Two different ones are no cookie.
        let own = || credential::session_cookie(&self.request.headers, sources).unwrap_or(None);
        let kept = match credential.source {
            // A token of ours may be narrowed, and ends before its session; a cookie is neither.
            Source::Cookie if session.issuer().is_some() => {
                exchange.cookie_to_set(session, own).await?
            }
            Source::SessionCookie => exchange.cookie_in_place_of(credential, session).await?,
            _ => return None,
        };
        let KeptCookie { value, until } = kept;
        let now = UnixTime::now();
        Some(cookie::set(self.cookie_place(), &value, now, until))
    }

    fn cookie_place(&self) -> CookiePlace<'a> {
        let sources = &self.snapshot.proxy.token_sources;
        CookiePlace {
            name: sources.session_cookie(),
            domain: sources.session_cookie_domain(),
        }
    }
}

/// Whether a browser only sent what it was once given: a cookie that is over, or that lacks the proof of its
/// device.
fn is_stale(credential: &Credential<'_>, rejection: &Rejection) -> bool {
    credential.source.is_cookie() && (rejection.code == Code::LoginRequired || is_over(rejection))
}

/// Whether the browser should delete the gateway's cookie. One of a live session is renewed by the device's
/// next proof.
fn is_dead(rejection: &Rejection) -> bool {
    let is_refused = matches!(
        rejection.code,
        Code::TokenInvalid | Code::TokenExpired | Code::LoginRequired
    );
    is_refused && !lacks_proof(rejection)
}

/// Whether a browser says that it loads a page (Fetch Metadata).
fn says_navigate(request: &RequestHeader) -> bool {
    let mode = request.headers.get(SEC_FETCH_MODE);
    mode.is_some_and(|mode| mode.as_bytes() == b"navigate")
}

const SEC_FETCH_MODE: HeaderName = HeaderName::from_static("sec-fetch-mode");
