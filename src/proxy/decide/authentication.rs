//! As whom a request passes: by its credential, or as nobody.

use std::sync::Arc;
use std::time::Instant;

use http::Method;
use http::header::{ACCESS_CONTROL_REQUEST_METHOD, HeaderMap, ORIGIN};
use pingora::http::RequestHeader;

use super::requirements::DEVICE_UNBOUND;
use super::{Incoming, Passed, Refused};
use crate::credential::{self, Credential, CredentialError, Reading, TokenSources};
use crate::exchange::{Recipient, Session};
use crate::identity::Client;
use crate::issuer::AuthorizationField;
use crate::proxy::context::{Phase, RequestContext};
use crate::proxy::counters::SELF_ISSUED;
use crate::proxy::request::method_in_query;
use crate::rejection::{Code, Rejection};
use crate::route::Route;
use crate::route::settings::Access;

impl Incoming<'_> {
    /// As whom the request passes.
    pub(super) async fn authenticate(
        &self,
        route: &Route,
        ctx: &mut RequestContext,
    ) -> Result<Passed, Refused> {
        if route.access == Access::None {
            return Ok(Passed::Unasked);
        }
        if is_preflight(self.request, self.inspected.query) && route.destination.is_at_servers() {
            return Ok(Passed::Preflight);
        }
        let sources = &self.snapshot.proxy.token_sources;
        let headers = &self.request.headers;
        let mut candidates = credential::candidates(headers, sources, reading(route, sources));
        let first = match candidates.next() {
            None => return without_credential(route, headers),
            Some(Err(CredentialError::TwinCookies)) => return self.twin_cookies(route, ctx).await,
            Some(found) => found.map_err(|error| Refused::without_credential(error.into()))?,
        };
        ctx.source = first.source.label();
        let begun = Instant::now();
        let client = || Client::new(self.client().address, headers);
        let (credential, session) = self
            .snapshot
            .exchange
            .decisive_session((first, candidates), recipient(route), client)
            .await;
        ctx.source = credential.source.label();
        ctx.exchange = Some(Phase::since(begun));
        match session {
            Ok(session) => self.authorize(&credential, session, route, ctx).await,
            Err(rejection) => self.rejected(&credential, rejection, route, ctx),
        }
    }

    /// A session, once all that the route asks of it holds.
    async fn authorize(
        &self,
        credential: &Credential<'_>,
        session: Arc<Session>,
        route: &Route,
        ctx: &mut RequestContext,
    ) -> Result<Passed, Refused> {
        let exchange = &self.snapshot.exchange;
        let refused = |rejection| Refused {
            rejection,
            issuer: Some(session.issuer().unwrap_or(SELF_ISSUED).into()),
        };
        if let Err(rejection) = self.satisfies(credential, &session, route, ctx).await {
            if rejection.reason == DEVICE_UNBOUND {
                // The browser can mend that.
                self.tell_browser(credential, &session, ctx).await;
            }
            return Err(refused(rejection));
        }
        let forwarded = exchange
            .forwarded(&session, route.audience.as_ref())
            .map_err(refused)?;
        self.tell_browser(credential, &session, ctx).await;
        Ok(Passed::User(session, forwarded))
    }
}

/// Where a route looks for credentials, and what it takes for one.
pub fn reading(route: &Route, sources: &TokenSources) -> Reading {
    Reading {
        authorization: route.authorization.is_read() && sources.reads_authorization(),
        any_scheme: route.authorization == AuthorizationField::AnyScheme,
        // A browser or a script that has no token often says so in its place.
        jwt_only: route.access == Access::Optional,
    }
}

/// For whom tokens on a route must be.
fn recipient(route: &Route) -> Recipient<'_> {
    match &route.resource {
        Some(resource) if !resource.any_audience() => Recipient::Resource(resource.name()),
        _ => Recipient::route(route.audience.as_ref()),
    }
}

fn without_credential(route: &Route, headers: &HeaderMap) -> Result<Passed, Refused> {
    if route.access == Access::Required {
        let missing = Rejection::new(Code::TokenMissing, "token_missing");
        let is_overlooked = route.authorization.is_read() && credential::has_other_scheme(headers);
        return Err(Refused::without_credential(match is_overlooked {
            true => missing.with_hint(OTHER_SCHEME),
            false => missing,
        }));
    }
    Ok(Passed::Nobody)
}

/// Whether a browser asks if a page of another origin may send what follows (Fetch standard,
/// section 4.8). It does so without credentials, so none can be asked for; nor is any passed on, of the
/// client or of the route, and of the answer only the head is. Only a server can answer it: what a
/// route answers by itself is for those who may pass. A server that goes by a method in the query would not
/// take it for a preflight.
fn is_preflight(request: &RequestHeader, query: Option<&[u8]>) -> bool {
    let has_one = |name| request.headers.get_all(name).iter().count() == 1;
    request.method == Method::OPTIONS
        && has_one(ORIGIN)
        && has_one(ACCESS_CONTROL_REQUEST_METHOD)
        && !query.is_some_and(method_in_query::names_method)
}

/// What to do about a token that is not seen.
const OTHER_SCHEME: &str = "`Authorization` has a JWT without the scheme `Bearer`. Have the client send \
    `Bearer`, or set `authorization: any_scheme` on the route or the issuer.";
