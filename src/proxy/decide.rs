//! What becomes of a request: forwarded with a pass, answered by the gateway, or refused.

use std::sync::Arc;
use std::time::Instant;

use http::header::{ACCESS_CONTROL_REQUEST_METHOD, ORIGIN};
use http::{HeaderValue, Method};
use pingora::http::RequestHeader;

use super::context::{Pass, Phase, RequestContext};
use super::copies;
use super::counters::SELF_ISSUED;
use super::forwarded::Peer;
use super::inspect::{self, Inspected};
use super::redirect;
use super::snapshot::Snapshot;
use crate::canonical::PathError;
use crate::clock::UnixTime;
use crate::config::route::QueryTokens;
use crate::config::{Access, AuthorizationField};
use crate::credential::{self, Credential, Reading, Source};
use crate::exchange::{Exchange, Recipient, Session};
use crate::identity::Client;
use crate::limit::{self, TooOften};
use crate::metrics::{Metrics, OTHER};
use crate::origin;
use crate::rejection::{Code, Rejection};
use crate::route::{Route, RouteMiss};
use crate::session::cookie;
use crate::stepup::{self, ELEVATED_FIELD};

/// Where an accepted request goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// To its route's upstream; the context holds the pass.
    Forward,
    /// To the gateway's own endpoints.
    Own,
    /// The request is not forwarded: the client is redirected to this address.
    Redirect(String),
}

/// Decides, and leaves route, pass and source in the context.
pub async fn decide(
    exchange: &Exchange,
    metrics: &Metrics,
    request: &RequestHeader,
    peer: Peer<'_>,
    ctx: &mut RequestContext,
) -> Result<Decision, Rejection> {
    let snapshot = Arc::clone(&ctx.snapshot);
    let inspected = inspect::inspect(request, &snapshot.limits)?;
    peer.check(&request.headers)?;
    // A trusted proxy asks for whatever name it knows this gateway by.
    if let Some(asked_for) = &ctx.connection.server_name
        && !peer.is_trusted_proxy()
    {
        asked_for.check(&inspected.host)?;
    }
    if let Some(port) = ctx.connection.redirects_to {
        return Ok(Decision::Redirect(redirect::location(&inspected, port)));
    }
    if snapshot.reserves(&inspected.path) {
        if inspected.path.has_escaped_slash() {
            return Err(PathError::EscapedSlash.into());
        }
        if inspected.path.has_empty_segment() {
            return Err(PathError::EmptySegment.into());
        }
        return Ok(Decision::Own);
    }
    let found = snapshot
        .routes
        .find(&inspected.host, &inspected.path, &request.method);
    if let Err(RouteMiss::Method(served)) = found {
        ctx.methods = served;
    }
    let route = found?;
    ctx.target = upstream_target(exchange, route, &inspected)?;
    ctx.route = Some(Arc::clone(route));
    let announced = inspected.content_length.unwrap_or(0);
    if route.body_size.is_some_and(|most| announced > most) {
        return Err(Rejection::new(Code::TooLarge, "body_too_large"));
    }
    if let Some(rate) = &route.client_rate {
        let client = limit::client_network(peer.client(&request.headers).address);
        rate.take(client)
            .map_err(|TooOften(wait)| Rejection::too_often("client_too_often", wait))?;
    }
    if route.access == Access::None {
        ctx.pass = Some(Pass::Anonymous);
        return Ok(Decision::Forward);
    }
    if is_preflight(request) {
        metrics
            .decisions
            .with_label_values(&[OTHER, "none", "anonymous", "preflight"])
            .inc();
        ctx.pass = Some(Pass::Preflight);
        return Ok(Decision::Forward);
    }

    let reading = Reading {
        authorization: route.authorization == AuthorizationField::Read
            && snapshot.token_sources.reads_authorization(),
        // A browser or a script that has no token often says so in its place.
        jwt_only: route.access == Access::Optional,
    };
    let credential = credential::find_as(&request.headers, &snapshot.token_sources, reading)
        .map_err(|error| counted(metrics, OTHER, "none", error.into()))?;
    let Some(credential) = credential else {
        return anonymous(metrics, route, ctx);
    };
    let source = credential.source.label();
    ctx.source = source;
    let client = || Client::new(peer.client(&request.headers).address, &request.headers);
    let begun = Instant::now();
    let outcome = exchange
        .session_of(
            &credential,
            Recipient::route(route.audience.as_ref()),
            client,
        )
        .await;
    ctx.exchange = Some(Phase::since(begun));
    match outcome {
        Ok(session) => {
            let issuer = session.issuer().unwrap_or(SELF_ISSUED);
            if let Some(rate) = &route.user_rate {
                rate.take(session.user()).map_err(|TooOften(wait)| {
                    let often = Rejection::too_often("user_too_often", wait);
                    counted(metrics, issuer, source, often)
                })?;
            }
            route
                .rules
                .check(session.claims())
                .map_err(|refusal| counted(metrics, issuer, source, refusal.into()))?;
            for scope in &route.scopes {
                session
                    .require_scope(scope)
                    .map_err(|rejection| counted(metrics, issuer, source, rejection))?;
            }
            origin_allows(request, &inspected, &credential, route, peer)
                .map_err(|rejection| counted(metrics, issuer, source, rejection))?;
            if let Some(scope) = &route.step_up {
                let shown = request.headers.get(ELEVATED_FIELD);
                stepup::require(
                    exchange,
                    &session,
                    scope,
                    shown.map(|shown| shown.as_bytes()),
                )
                .await
                .map_err(|rejection| counted(metrics, issuer, source, rejection))?;
            }
            let forwarded = exchange
                .forwarded(&session, route.audience.as_ref())
                .map_err(|rejection| counted(metrics, issuer, source, rejection))?;
            snapshot.count_granted(metrics, issuer, source);
            // A token of ours may be narrowed, and ends before its session; a cookie is neither.
            if credential.source == Source::Cookie && session.issuer().is_some() {
                ctx.set_cookie = cookie_to_set(exchange, &snapshot, request, &session).await;
            }
            ctx.pass = Some(Pass::Session(session, forwarded));
            Ok(Decision::Forward)
        }
        Err(rejection) => {
            if credential.source == Source::SessionCookie && is_dead(&rejection) {
                ctx.set_cookie = Some(cookie::clear(snapshot.token_sources.session_cookie()));
            }
            refused(exchange, metrics, &credential, rejection, route, ctx)
        }
    }
}

fn refused(
    exchange: &Exchange,
    metrics: &Metrics,
    credential: &Credential<'_>,
    rejection: Rejection,
    route: &Route,
    ctx: &mut RequestContext,
) -> Result<Decision, Rejection> {
    let source = credential.source.label();
    // A browser cannot help sending what it was once given.
    if route.access == Access::Optional && is_stale(credential, &rejection) {
        metrics
            .decisions
            .with_label_values(&[OTHER, source, "anonymous", rejection.reason])
            .inc();
        ctx.pass = Some(Pass::Anonymous);
        return Ok(Decision::Forward);
    }
    let issuer = exchange.issuer_label(credential);
    ctx.refused_issuer = Some(Arc::clone(&issuer));
    Err(counted(metrics, &issuer, source, rejection))
}

/// A session cookie for a browser that came by an issuer's cookie.
async fn cookie_to_set(
    exchange: &Exchange,
    snapshot: &Snapshot,
    request: &RequestHeader,
    session: &Session,
) -> Option<HeaderValue> {
    // Two different ones are no cookie.
    let own =
        || credential::session_cookie(&request.headers, &snapshot.token_sources).unwrap_or(None);
    let value = exchange.cookie_to_set(session, own).await?;
    let name = snapshot.token_sources.session_cookie();
    let now = UnixTime::now();
    Some(cookie::set(name, &value, now, session.expires_at()))
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
) -> Result<Option<String>, Rejection> {
    let is_known = |text: &str| exchange.knows(text);
    let carries = inspected.query.is_some_and(|query| {
        route.query_tokens != QueryTokens::Forward
            && copies::carry_token(query.as_bytes(), is_known)
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
        (Some(path), Some(query)) => Some(format!("{path}?{query}")),
        (Some(path), None) => Some(path),
        (None, _) => inspected.is_absolute.then(|| inspected.target.to_owned()),
    })
}

fn anonymous(
    metrics: &Metrics,
    route: &Route,
    ctx: &mut RequestContext,
) -> Result<Decision, Rejection> {
    if route.access == Access::Required {
        let missing = Rejection::new(Code::TokenMissing, "token_missing");
        return Err(counted(metrics, OTHER, "none", missing));
    }
    ctx.snapshot.count_anonymous();
    ctx.pass = Some(Pass::Anonymous);
    Ok(Decision::Forward)
}

fn origin_allows(
    request: &RequestHeader,
    inspected: &Inspected<'_>,
    credential: &Credential<'_>,
    route: &Route,
    peer: Peer<'_>,
) -> Result<(), Rejection> {
    if !credential.source.is_cookie() {
        return Ok(());
    }
    let own = origin::OwnOrigin {
        is_https: peer.client(&request.headers).is_https,
        host: inspected.host,
    };
    let websocket = inspect::is_websocket(request);
    origin::allows(
        &request.method,
        websocket,
        &request.headers,
        &own,
        &route.allowed_origins,
    )?;
    Ok(())
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

fn counted(metrics: &Metrics, issuer: &str, source: &str, rejection: Rejection) -> Rejection {
    metrics
        .decisions
        .with_label_values(&[issuer, source, "refused", rejection.reason])
        .inc();
    rejection
}
