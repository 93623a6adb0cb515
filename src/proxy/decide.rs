//! What becomes of a request: forwarded with a pass, answered by the gateway, or refused.

use std::sync::Arc;

use http::HeaderValue;
use pingora::http::RequestHeader;

use super::answer::acme;
use super::answer::fixed_answer;
use super::answer::health;
use super::answer::https_redirect;
use super::answer::own_answer::{self, OwnAnswer};
use super::context::{Pass, RequestContext};
use super::decisions::Decisions;
use super::request::forwarded::{self, Peer};
use super::request::hops;
use super::request::inspect::{self, Inspected};
use super::snapshot::Snapshot;
use crate::exchange::Session;
use crate::limit::{self, TooOften};
use crate::metrics::Metrics;
use crate::rejection::{Code, Rejection};
use crate::route::{Destination, ProtectedResource, Route, RouteMiss};
use crate::upstream::Upstream;

mod authentication;
mod browser;
pub(super) mod calls;
mod requirements;
mod target;

pub use authentication::reading;
pub use target::upstream_target;

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
    /// Nowhere: the client is redirected to this address.
    Redirect(String),
    /// Nowhere: an authority asks for the proof of a name.
    AcmeChallenge(Arc<str>),
    /// Nowhere: its route says what the gateway answers; the address, if that is a redirect.
    Fixed(Option<String>),
}

/// Decides, and leaves route, pass and source in the context.
///
/// What has no route, or more than one reading, or is not admitted by its route, is refused before
/// anybody is asked who they are. From then on each refusal is a decision about a credential, and counted
/// here, once.
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
    snapshot.proxy.decisive_fields.check(&request.headers)?;
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
            ctx.pass = Some(passed.into());
            Ok(Decision::Fixed(location))
        }
        Ok(passed) => {
            let is_preflight = matches!(passed, Passed::Preflight);
            let calls = route.calls.as_ref().filter(|_| !is_preflight);
            let decision = match calls.is_some_and(|calls| !calls.go_by_fields()) {
                true => Decision::ForwardCall,
                false => Decision::Forward,
            };
            // A call is counted once its content is known.
            if decision == Decision::Forward {
                passed.count(&decisions, ctx.source);
            }
            let pass = Pass::from(passed);
            ctx.destination = incoming.upstream(route, &pass);
            ctx.pass = Some(pass);
            Ok(decision)
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
    if health::is_asked(&snapshot.proxy, request, &inspected.path) {
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
        let location = https_redirect::location(proxy, listener, inspected, port)?;
        return Ok(Some(Decision::Redirect(location)));
    }
    let own = own_answer::find(&snapshot.proxy, &ctx.connection.listener, inspected)?;
    ctx.is_for_us = own.is_some();
    Ok(own.map(|own| match own {
        OwnAnswer::Endpoint => Decision::Own,
        OwnAnswer::Metadata(resource) => Decision::Metadata(resource),
    }))
}

/// A request under the configuration that serves it.
#[derive(Clone, Copy)]
struct Incoming<'a> {
    snapshot: &'a Snapshot,
    request: &'a RequestHeader,
    inspected: &'a Inspected<'a>,
    peer: Peer<'a>,
}

/// As whom a request passes.
enum Passed {
    /// As the user of a session, with the field that carries its token.
    User(Arc<Session>, HeaderValue),
    /// As nobody, who showed nothing.
    Nobody,
    /// As nobody, although something was shown: why that does not count, as a label.
    Disregarded(&'static str),
    /// As nobody, who is not asked here, and not counted.
    Unasked,
    /// As a browser that asks whether a page of another origin may send a request.
    Preflight,
}

impl Passed {
    fn count(&self, decisions: &Decisions<'_>, source: &'static str) {
        match self {
            Self::User(session, _) => decisions.allowed(session.issuer(), source),
            Self::Nobody => decisions.anonymous(),
            Self::Disregarded(reason) => decisions.anonymous_because(source, reason),
            Self::Unasked => {}
            Self::Preflight => decisions.anonymous_because(source, "preflight"),
        }
    }
}

impl From<Passed> for Pass {
    fn from(passed: Passed) -> Self {
        match passed {
            Passed::User(session, forwarded) => Self::Session(session, forwarded),
            Passed::Nobody | Passed::Disregarded(_) | Passed::Unasked => Self::Anonymous,
            Passed::Preflight => Self::Preflight,
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

    fn client(&self) -> forwarded::Client {
        self.peer.client(&self.request.headers)
    }
}
