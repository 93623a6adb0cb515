//! What becomes of a request: forwarded with a pass, answered by the gateway, or refused.

use std::sync::Arc;
use std::time::Instant;

use http::Method;
use http::header::{ACCESS_CONTROL_REQUEST_METHOD, HeaderMap, ORIGIN};
use pingora::http::RequestHeader;

use super::acme;
use super::context::{Pass, Phase, RequestContext};
use super::counters::SELF_ISSUED;
use super::decisions::Decisions;
use super::fixed_answer;
use super::forwarded::{self, Peer};
use super::health;
use super::hops;
use super::inspect::{self, Inspected};
use super::redirect;
use super::snapshot::Snapshot;
use crate::canonical::PathError;
use crate::credential::{self, Credential, CredentialError, Reading, Source};
use crate::exchange::{Recipient, Session};
use crate::identity::Client;
use crate::issuer::AuthorizationField;
use crate::limit::{self, TooOften};
use crate::metrics::Metrics;
use crate::rejection::{Code, Rejection};
use crate::route::settings::Access;
use crate::route::{Destination, ProtectedResource, Route, RouteMiss};
use crate::upstream::Upstream;

mod browser;
mod requirements;
mod target;

use requirements::DEVICE_UNBOUND;
use target::upstream_target;

/// Where an accepted request goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// To its route's upstream; the context holds the pass.
    Forward,
    /// The same, once its content has been read and is a call that may pass.
    ForwardCall,
    /// To the gateway's own endpoints.
    Own,
    /// Nowhere: a load balancer asks whether the gateway serves.
    Health,
    /// Nowhere: a client asks for the metadata of a protected resource.
    Metadata(Arc<ProtectedResource>),
    /// The request is not forwarded: the client is redirected to this address.
    Redirect(String),
    /// Nowhere: an authority asks for the proof of a name.
    AcmeChallenge(Arc<str>),
    /// Nowhere: its route says what the gateway answers; the address, if that is a redirect.
    Fixed(Option<String>),
}

/// Decides, and leaves route, pass and source in the context.
///
/// What has no route, or more than one reading, is refused before anybody is asked who they are. From
/// then on each refusal is a decision about a credential, and counted here, once.
pub async fn decide(
    metrics: &Metrics,
    request: &RequestHeader,
    peer: Peer<'_>,
    ctx: &mut RequestContext,
) -> Result<Decision, Rejection> {
    let snapshot = Arc::clone(&ctx.snapshot);
    let inspected = inspect::inspect(request, &snapshot.proxy.limits)?;
    peer.check(&request.headers)?;
    hops::check(&request.headers, &snapshot.proxy.limits)?;
    if let Some(challenges) = &ctx.connection.challenges
        && let Some(token) = acme::token(request, &inspected.path)
        && let Some(proof) = Box::pin(challenges.answer(token)).await
    {
        ctx.is_for_us = true;
        return Ok(Decision::AcmeChallenge(proof));
    }
    if let Some(elsewhere) = not_forwarded(&snapshot, request, &inspected, peer, ctx)? {
        return Ok(elsewhere);
    }
    let incoming = Incoming {
        snapshot: &snapshot,
        request,
        inspected: &inspected,
        peer,
    };
    let route = incoming.route(ctx)?;
    incoming.admits(route)?;
    let decided = incoming.authenticate(route, ctx).await;
    let decisions = Decisions::new(&snapshot.proxy, metrics);
    match decided {
        Ok(passed) if !route.destination.is_at_servers() => {
            passed.count(&decisions, ctx.source);
            let target = ctx.target.as_deref();
            let location = fixed_answer::location(route, &inspected, target);
            ctx.pass = Some(passed.pass);
            Ok(Decision::Fixed(location))
        }
        Ok(passed) => {
            ctx.destination = incoming.upstream(route, &passed.pass);
            let is_preflight = matches!(passed.pass, Pass::Preflight);
            let calls = route.calls.as_ref().filter(|_| !is_preflight);
            if calls.is_some_and(|calls| !calls.go_by_fields()) {
                // Counted once its content is known.
                ctx.pass = Some(passed.pass);
                return Ok(Decision::ForwardCall);
            }
            passed.count(&decisions, ctx.source);
            ctx.pass = Some(passed.pass);
            Ok(Decision::Forward)
        }
        Err(refused) => {
            incoming.ask_for_scopes(route, &refused.rejection, ctx);
            let issuer = refused.issuer.as_deref();
            decisions.refused(issuer, ctx.source, &refused.rejection);
            Err(refused.rejection)
        }
    }
}

/// What the gateway answers itself; `None`: the request is for a route.
fn not_forwarded(
    snapshot: &Snapshot,
    request: &RequestHeader,
    inspected: &Inspected<'_>,
    peer: Peer<'_>,
    ctx: &mut RequestContext,
) -> Result<Option<Decision>, Rejection> {
    // By whatever name, also where others are redirected.
    if health::is_asked(snapshot, request, &inspected.path) {
        ctx.is_for_us = true;
        return Ok(Some(Decision::Health));
    }
    // A trusted proxy asks for whatever name it knows this gateway by.
    if let Some(asked_for) = &ctx.connection.server_name
        && !peer.is_trusted_proxy()
    {
        asked_for.check(&inspected.host)?;
    }
    if let Some(port) = ctx.connection.redirects_to {
        let (proxy, listener) = (&snapshot.proxy, &ctx.connection.listener);
        let location = redirect::location(proxy, listener, inspected, port)?;
        return Ok(Some(Decision::Redirect(location)));
    }
    if !snapshot.proxy.reserves(&inspected.path) {
        let (listener, host) = (&ctx.connection.listener, &inspected.host);
        let routes = &snapshot.proxy.routes;
        let resource = routes.metadata_at(listener, host, &inspected.path);
        return Ok(resource.map(|resource| {
            ctx.is_for_us = true;
            Decision::Metadata(Arc::clone(resource))
        }));
    }
    if inspected.path.has_escaped_slash() {
        return Err(PathError::EscapedSlash.into());
    }
    if inspected.path.has_empty_segment() {
        return Err(PathError::EmptySegment.into());
    }
    ctx.is_for_us = true;
    Ok(Some(Decision::Own))
}

/// A request under the configuration that serves it.
#[derive(Clone, Copy)]
struct Incoming<'a> {
    snapshot: &'a Snapshot,
    request: &'a RequestHeader,
    inspected: &'a Inspected<'a>,
    peer: Peer<'a>,
}

/// A request that passes, and as whose.
struct Passed {
    pass: Pass,
    /// Why without a session, as a label.
    reason: &'static str,
}

impl Passed {
    fn count(&self, decisions: &Decisions<'_>, source: &'static str) {
        match (&self.pass, self.reason) {
            (Pass::Session(session, _), _) => decisions.allowed(session.issuer(), source),
            (_, UNASKED) => {}
            (Pass::Anonymous, "ok") => decisions.anonymous(),
            (_, reason) => decisions.anonymous_because(source, reason),
        }
    }
}

/// A request that does not pass, and whose credential it had.
struct Refused {
    rejection: Rejection,
    issuer: Option<Arc<str>>,
}

impl Refused {
    fn without_credential(rejection: Rejection) -> Self {
        Self {
            rejection,
            issuer: None,
        }
    }
}

impl<'a> Incoming<'a> {
    /// The route, which the context then has.
    fn route(&self, ctx: &mut RequestContext) -> Result<&'a Arc<Route>, Rejection> {
        let Inspected { host, path, .. } = self.inspected;
        let found = self.snapshot.proxy.routes.find_at(
            &ctx.connection.listener,
            host,
            path,
            &self.request.method,
        );
        if let Err(RouteMiss::Method(served)) = found {
            ctx.methods = served;
        }
        let route = found?.of_request(&self.request.headers, self.inspected.query);
        ctx.target = upstream_target(&self.snapshot.exchange, route, self.inspected)?;
        ctx.route = Some(Arc::clone(route));
        Ok(route)
    }

    /// The one of a route's upstreams for this user or, without one, for this client.
    fn upstream(&self, route: &Route, pass: &Pass) -> Option<Arc<Upstream>> {
        let Destination::Upstreams(split) = &route.destination else {
            return None;
        };
        let key = || match pass {
            Pass::Session(session, _) => session.user().as_bytes().to_vec(),
            Pass::Anonymous | Pass::Preflight => self
                .client()
                .address
                .to_canonical()
                .to_string()
                .into_bytes(),
        };
        split.choose(key).map(Arc::clone)
    }

    /// Whether the route takes the request, whoever sends it.
    fn admits(&self, route: &Route) -> Result<(), Rejection> {
        let networks = &route.client_networks;
        let is_admitted = || {
            !self.peer.hides_client(&self.request.headers) && networks.admit(self.client().address)
        };
        if !networks.is_everyone() && !is_admitted() {
            return Err(Rejection::new(Code::Forbidden, "client_network_refused"));
        }
        let announced = self.inspected.content_length.unwrap_or(0);
        if route.body_size.is_some_and(|most| announced > most) {
            return Err(Rejection::new(Code::TooLarge, "body_too_large"));
        }
        let Some(rate) = &route.client_rate else {
            return Ok(());
        };
        let client = limit::client_network(self.client().address);
        rate.take(client)
            .map_err(|TooOften(wait)| Rejection::too_often("client_too_often", wait))
    }

    /// As whom the request passes.
    async fn authenticate(
        &self,
        route: &Route,
        ctx: &mut RequestContext,
    ) -> Result<Passed, Refused> {
        if route.access == Access::None {
            // Nobody is asked, so there is nothing to count.
            return Ok(passed_as_nobody(UNASKED));
        }
        if is_preflight(self.request) && route.destination.is_at_servers() {
            return Ok(Passed {
                pass: Pass::Preflight,
                reason: "preflight",
            });
        }
        let sources = &self.snapshot.proxy.token_sources;
        let reading = Reading {
            authorization: route.authorization.is_read() && sources.reads_authorization(),
            any_scheme: route.authorization == AuthorizationField::AnyScheme,
            // A browser or a script that has no token often says so in its place.
            jwt_only: route.access == Access::Optional,
        };
        let credential = match credential::find_as(&self.request.headers, sources, reading) {
            Err(CredentialError::TwinCookies) => return self.twin_cookies(route, ctx).await,
            found => found.map_err(|error| Refused::without_credential(error.into()))?,
        };
        let Some(credential) = credential else {
            return without_credential(route, &self.request.headers);
        };
        ctx.source = credential.source.label();
        let begun = Instant::now();
        let session = match self.session(&credential, route).await {
            Err(expired) if expired.code == Code::TokenExpired => {
                let outlived = Box::pin(self.outlived(&credential, route));
                outlived.await.ok_or(expired)
            }
            decided => decided,
        };
        ctx.exchange = Some(Phase::since(begun));
        match session {
            Ok(session) => self.authorize(&credential, session, route, ctx).await,
            Err(rejection) => self.rejected(&credential, rejection, route, ctx),
        }
    }

    /// The session that an expired cookie of an issuer opened, where it may outlive the cookie.
    async fn outlived(&self, expired: &Credential<'_>, route: &Route) -> Option<Arc<Session>> {
        if expired.source != Source::Cookie {
            return None;
        }
        let sources = &self.snapshot.proxy.token_sources;
        let own = credential::session_cookie(&self.request.headers, sources).ok()??;
        self.snapshot
            .exchange
            .outlived(expired, &own, recipient(route))
            .await
    }

    async fn session(
        &self,
        credential: &Credential<'_>,
        route: &Route,
    ) -> Result<Arc<Session>, Rejection> {
        let client = || Client::new(self.client().address, &self.request.headers);
        self.snapshot
            .exchange
            .session_of(credential, recipient(route), client)
            .await
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
        Ok(Passed {
            pass: Pass::Session(session, forwarded),
            reason: "ok",
        })
    }

    fn client(&self) -> forwarded::Client {
        self.peer.client(&self.request.headers)
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
    Ok(passed_as_nobody("ok"))
}

fn passed_as_nobody(reason: &'static str) -> Passed {
    Passed {
        pass: Pass::Anonymous,
        reason,
    }
}

/// Whether a browser asks if a page of another origin may send what follows (Fetch standard,
/// section 4.8). It does so without credentials, so none can be asked for; nor is any passed on. Only
/// a server can answer it: what a route answers by itself is for those who may pass.
fn is_preflight(request: &RequestHeader) -> bool {
    request.method == Method::OPTIONS
        && request.headers.contains_key(ORIGIN)
        && request.headers.contains_key(ACCESS_CONTROL_REQUEST_METHOD)
}

/// What to do about a token that is not seen.
const OTHER_SCHEME: &str = "`Authorization` has a JWT without the scheme `Bearer`. Have the client send \
    `Bearer`, or set `authorization: any_scheme` on the route or the issuer.";
/// The reason of a pass on a route that asks nobody.
const UNASKED: &str = "";
