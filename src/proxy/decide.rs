//! What becomes of a request: forwarded with a pass, answered by the gateway, or refused.

use std::sync::Arc;
use std::time::Instant;

use http::header::{ACCESS_CONTROL_REQUEST_METHOD, ORIGIN};
use http::{HeaderName, HeaderValue, Method, StatusCode};
use pingora::http::RequestHeader;

use super::calls;
use super::context::{Pass, Phase, RequestContext};
use super::copies;
use super::counters::SELF_ISSUED;
use super::decisions::Decisions;
use super::forwarded::{self, Peer};
use super::health;
use super::hops;
use super::inspect::{self, Inspected};
use super::login;
use super::redirect;
use super::snapshot::Snapshot;
use crate::api::device_bound;
use crate::canonical::PathError;
use crate::clock::UnixTime;
use crate::credential::{self, Credential, CredentialError, Reading, Source};
use crate::exchange::{Exchange, Recipient, Session};
use crate::identity::Client;
use crate::issuer::AuthorizationField;
use crate::limit::{self, TooOften};
use crate::metrics::Metrics;
use crate::origin;
use crate::rejection::{Code, Rejection};
use crate::route::settings::{Access, QueryTokens};
use crate::route::{ProtectedResource, Route, RouteMiss};
use crate::session::cookie::{self, CookiePlace};
use crate::stepup::{self, ELEVATED_FIELD};

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
        Ok(passed) => {
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
        return Ok(Some(Decision::Redirect(redirect::location(
            inspected, port,
        ))));
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
        let route = found?;
        ctx.target = upstream_target(&self.snapshot.exchange, route, self.inspected)?;
        ctx.route = Some(Arc::clone(route));
        Ok(route)
    }

    /// Whether the route takes the request, whoever sends it.
    fn admits(&self, route: &Route) -> Result<(), Rejection> {
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
        if is_preflight(self.request) {
            return Ok(Passed {
                pass: Pass::Preflight,
                reason: "preflight",
            });
        }
        let sources = &self.snapshot.proxy.token_sources;
        let reading = Reading {
            authorization: route.authorization == AuthorizationField::Read
                && sources.reads_authorization(),
            // A browser or a script that has no token often says so in its place.
            jwt_only: route.access == Access::Optional,
        };
        let credential = match credential::find_as(&self.request.headers, sources, reading) {
            Err(CredentialError::TwinCookies) => return self.twin_cookies(route, ctx).await,
            found => found.map_err(|error| Refused::without_credential(error.into()))?,
        };
        let Some(credential) = credential else {
            return without_credential(route);
        };
        ctx.source = credential.source.label();
        let begun = Instant::now();
        let session = match self.session(&credential, route).await {
            Err(expired) if expired.code == Code::TokenExpired => {
                self.outlived(&credential, route).await.ok_or(expired)
            }
            decided => decided,
        };
        ctx.exchange = Some(Phase::since(begun));
        match session {
            Ok(session) => self.authorize(&credential, session, route, ctx).await,
            Err(rejection) => self.rejected(&credential, rejection, route, ctx),
        }
    }

    /// What becomes of a request with two different cookies of one name. Which of them counts would be
    /// a guess, so none does; the browser is freed of both where it is known how they were set.
    async fn twin_cookies(
        &self,
        route: &Route,
        ctx: &mut RequestContext,
    ) -> Result<Passed, Refused> {
        let sources = &self.snapshot.proxy.token_sources;
        ctx.source = Source::Cookie.label();
        let twins = sources.twins(&self.request.headers);
        let client = Client::new(self.client().address, &self.request.headers);
        let exchange = &self.snapshot.exchange;
        if exchange.are_of_different_users(&twins, &client).await {
            let refused = Rejection::new(Code::Conflict, "cookies_of_two_users");
            return Err(Refused::without_credential(refused));
        }
        ctx.set_cookies
            .extend(sources.removal(&self.request.headers));
        let rejection = Rejection::from(CredentialError::TwinCookies);
        match route.access {
            Access::Optional => Ok(passed_as_nobody(rejection.reason)),
            Access::Required | Access::None => Err(Refused::without_credential(rejection)),
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

    /// What a refusal says of scopes: all that the request needs, or those that its token lacks.
    fn ask_for_scopes(&self, route: &Route, rejection: &Rejection, ctx: &mut RequestContext) {
        let Some(resource) = &route.resource else {
            return;
        };
        if rejection.status != StatusCode::UNAUTHORIZED {
            return;
        }
        let needed = calls::scopes(self.request, route);
        ctx.want_scopes(match needed.is_empty() {
            true => resource.scopes().split_ascii_whitespace().collect(),
            false => needed,
        });
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

    /// What a browser gets of its session: a cookie, and an offer to bind it to its device.
    async fn tell_browser(
        &self,
        credential: &Credential<'_>,
        session: &Session,
        ctx: &mut RequestContext,
    ) {
        // A token of ours may be narrowed, and ends before its session; a cookie is neither.
        if credential.source == Source::Cookie && session.issuer().is_some() {
            ctx.set_cookies.extend(self.cookie_to_set(session).await);
        }
        let exchange = &self.snapshot.exchange;
        let is_in_cookie = matches!(credential.source, Source::Cookie | Source::SessionCookie);
        // Once for each page, should the browser not have come with the first.
        let is_due = !ctx.set_cookies.is_empty() || is_navigation(self.request);
        if exchange.binds_devices() && is_in_cookie && is_due && !session.is_device_bound() {
            let prefix = self.snapshot.proxy.api_prefix();
            ctx.device_offer = device_bound::offer(exchange, prefix, session.sid()).ok();
        }
    }

    /// What the route asks of a session: how often, what its claims say, what its token allows, from
    /// where it comes, and a fresh proof.
    async fn satisfies(
        &self,
        credential: &Credential<'_>,
        session: &Session,
        route: &Route,
        ctx: &mut RequestContext,
    ) -> Result<(), Rejection> {
        if let Some(rate) = &route.user_rate {
            rate.take(session.user())
                .map_err(|TooOften(wait)| Rejection::too_often("user_too_often", wait))?;
        }
        route.rules.check(session.claims())?;
        if let Some(calls) = &route.calls {
            calls::admit_fields(self.request, calls, route, session, ctx)?;
        }
        let missing = session.missing(route.scopes.iter().map(|scope| &**scope));
        if !missing.is_empty() {
            ctx.want_scopes(missing);
            return Err(Session::scope_insufficient());
        }
        self.check_origin(credential, route)?;
        if route.requires_device && !session.is_device_bound() {
            return Err(Rejection::new(Code::Forbidden, DEVICE_UNBOUND));
        }
        let Some(scope) = &route.step_up else {
            return Ok(());
        };
        let shown = self.request.headers.get(ELEVATED_FIELD);
        let shown = shown.map(|shown| shown.as_bytes());
        stepup::require(&self.snapshot.exchange, session, scope, shown).await
    }

    /// The rule for credentials that a browser attaches by itself.
    fn check_origin(&self, credential: &Credential<'_>, route: &Route) -> Result<(), Rejection> {
        if !credential.source.is_cookie() {
            return Ok(());
        }
        let own = origin::OwnOrigin {
            is_https: self.client().is_https,
            host: self.inspected.host,
        };
        origin::allows(
            &self.request.method,
            inspect::is_websocket(self.request),
            &self.request.headers,
            &own,
            &route.allowed_origins,
        )?;
        Ok(())
    }

    /// What becomes of a request whose credential stands for no session.
    fn rejected(
        &self,
        credential: &Credential<'_>,
        rejection: Rejection,
        route: &Route,
        ctx: &mut RequestContext,
    ) -> Result<Passed, Refused> {
        let sources = &self.snapshot.proxy.token_sources;
        if credential.source == Source::SessionCookie && is_dead(&rejection) {
            ctx.set_cookies.push(cookie::clear(self.cookie_place()));
        }
        if credential.source == Source::Cookie
            && sources.clears_issuers_cookies()
            && login::reason(&rejection).is_some()
        {
            // Or a login page that looks at it sends the browser back.
            ctx.set_cookies
                .extend(sources.removal(&self.request.headers));
        }
        // A browser cannot help sending what it was once given.
        if route.access == Access::Optional && is_stale(credential, &rejection) {
            return Ok(passed_as_nobody(rejection.reason));
        }
        let issuer = self.snapshot.exchange.issuer_label(credential);
        ctx.credential_issuer = Some(Arc::clone(&issuer));
        Err(Refused {
            rejection,
            issuer: Some(issuer),
        })
    }

    /// A session cookie for a browser that came by an issuer's cookie.
    async fn cookie_to_set(&self, session: &Session) -> Option<HeaderValue> {
        let sources = &self.snapshot.proxy.token_sources;
        // Two different ones are no cookie.
        let own = || credential::session_cookie(&self.request.headers, sources).unwrap_or(None);
        let value = self.snapshot.exchange.cookie_to_set(session, own).await?;
        let now = UnixTime::now();
        let until = session.expires_at();
        Some(cookie::set(self.cookie_place(), &value, now, until))
    }

    fn cookie_place(&self) -> CookiePlace<'a> {
        let sources = &self.snapshot.proxy.token_sources;
        CookiePlace {
            name: sources.session_cookie(),
            domain: sources.session_cookie_domain(),
        }
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

fn without_credential(route: &Route) -> Result<Passed, Refused> {
    if route.access == Access::Required {
        let missing = Rejection::new(Code::TokenMissing, "token_missing");
        return Err(Refused::without_credential(missing));
    }
    Ok(passed_as_nobody("ok"))
}

fn passed_as_nobody(reason: &'static str) -> Passed {
    Passed {
        pass: Pass::Anonymous,
        reason,
    }
}

/// What replaces the request's target: a rewritten path, a query without tokens, or the origin-form
/// of an absolute one.
///
/// # Errors
///
/// The query carries a token, and the route does not say that it may.
fn upstream_target(
    exchange: &Exchange,
    route: &Route,
    inspected: &Inspected<'_>,
) -> Result<Option<Vec<u8>>, Rejection> {
    let is_known = |text: &str| exchange.knows(text);
    let carries = inspected.query.is_some_and(|query| {
        route.query_tokens != QueryTokens::Forward && copies::carry_token(query, is_known)
    });
    let kept;
    let (query, path) = match (inspected.query, route.rewritten(&inspected.path)) {
        (Some(_), _) if carries && route.query_tokens == QueryTokens::Refuse => {
            return Err(Rejection::new(Code::InvalidRequest, "token_in_query"));
        }
        (Some(query), path) if carries => {
            kept = copies::without_tokens(query, is_known);
            let path = path.unwrap_or_else(|| inspected.path.as_str().to_owned());
            (kept.as_deref(), Some(path))
        }
        unchanged => unchanged,
    };
    Ok(match (path, query) {
        (Some(path), Some(query)) => Some([path.as_bytes(), b"?", query].concat()),
        (Some(path), None) => Some(path.into_bytes()),
        (None, _) => inspected.is_absolute.then(|| inspected.target.to_owned()),
    })
}

/// Whether a browser asks if a page of another origin may send what follows (Fetch standard,
/// section 4.8). It does so without credentials, so none can be asked for; nor is any passed on.
fn is_preflight(request: &RequestHeader) -> bool {
    request.method == Method::OPTIONS
        && request.headers.contains_key(ORIGIN)
        && request.headers.contains_key(ACCESS_CONTROL_REQUEST_METHOD)
}

fn is_stale(credential: &Credential<'_>, rejection: &Rejection) -> bool {
    credential.source.is_cookie()
        && matches!(rejection.code, Code::TokenExpired | Code::LoginRequired)
}

/// Whether the browser should delete the gateway's cookie.
fn is_dead(rejection: &Rejection) -> bool {
    matches!(
        rejection.code,
        Code::TokenInvalid | Code::TokenExpired | Code::LoginRequired
    )
}

/// Whether a browser loads a page (Fetch Metadata).
fn is_navigation(request: &RequestHeader) -> bool {
    let mode = request.headers.get(SEC_FETCH_MODE);
    mode.is_some_and(|mode| mode.as_bytes() == b"navigate")
}

const SEC_FETCH_MODE: HeaderName = HeaderName::from_static("sec-fetch-mode");
/// The reason of a refusal on a route that requires a device-bound session.
const DEVICE_UNBOUND: &str = "device_unbound";
/// The reason of a pass on a route that asks nobody.
const UNASKED: &str = "";
