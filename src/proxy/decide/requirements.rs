//! What a route asks of a session.

use http::{Method, StatusCode};

use super::Incoming;
use super::calls;
use crate::credential::Credential;
use crate::exchange::Session;
use crate::limit::TooOften;
use crate::origin::{self, AttachedBy, OwnOrigin};
use crate::proxy::context::RequestContext;
use crate::proxy::request::{inspect, method_in_query};
use crate::rejection::{Code, Rejection};
use crate::route::Route;
use crate::stepup::{self, ELEVATED_FIELD};

impl Incoming<'_> {
    /// What the route asks of a session: how often, what its claims say, what its token allows, from
    /// where it comes, and a fresh proof.
    pub(super) async fn satisfies(
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

    /// The rule for credentials that a browser attaches by itself, or a proxy in front for it.
    fn check_origin(&self, credential: &Credential<'_>, route: &Route) -> Result<(), Rejection> {
        let attached_by = match credential.source {
            source if source.is_cookie() => AttachedBy::Browser,
            source if source.is_by_proxy() => AttachedBy::Proxy,
            _ => return Ok(()),
        };
        let own = OwnOrigin {
            is_https: self.client().is_https,
            host: self.inspected.host,
        };
        // A server may do by GET what the query says.
        let (query, unsafe_one) = (self.inspected.query, Method::POST);
        let method = match query.is_some_and(method_in_query::names_method) {
            true => &unsafe_one,
            false => &self.request.method,
        };
        origin::allows(
            attached_by,
            method,
            inspect::is_websocket(self.request),
            &self.request.headers,
            &own,
            &route.allowed_origins,
        )?;
        Ok(())
    }

    /// What a refusal says of scopes: all that the request needs, or those that its token lacks.
    pub(super) fn ask_for_scopes(
        &self,
        route: &Route,
        rejection: &Rejection,
        ctx: &mut RequestContext,
    ) {
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
}

/// The reason of a refusal on a route that requires a device-bound session.
pub(super) const DEVICE_UNBOUND: &str = "device_unbound";
