//! Who may use the operators' listener, for what, and from where.
//!
//! With a token, whoever presents it, as far as its role goes ([`role_for`]). Without one, which
//! only a loopback address allows, whoever is on the machine: there a page of another site, open
//! in the operator's browser, must not be taken for the operator. `Host` tells a name that was
//! bound to loopback behind the browser's back (DNS rebinding), `Origin` and `Sec-Fetch-Site` tell
//! a page of another origin.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{FromRequestParts, MatchedPath, Request, State};
use axum::http::header::{AUTHORIZATION, CONTENT_TYPE, HOST, HeaderMap, ORIGIN};
use axum::http::request::Parts;
use axum::http::{Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use tokio::sync::Semaphore;

use super::credential::{self, Held};
use super::fault::Fault;
use crate::clock::UnixTime;
use crate::config::{self, Role};
use crate::store::Store;

/// The rules of one listener.
pub struct Access {
    address: SocketAddr,
    configured: Vec<Held>,
    /// Tokens that operators made.
    store: Arc<dyn Store>,
    /// Wrong tokens are answered one after the other, each after a pause: guessing is slow, and
    /// the right token never waits.
    wrong: Semaphore,
}

/// Who asks, as the audit names them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Operator {
    /// The name.
    pub name: Arc<str>,
    /// What they may do.
    pub role: Role,
    /// What they proved themselves by; `None` where no token is asked for.
    held: Option<Held>,
}

impl Access {
    /// The rules that the configuration asks for. Tokens are kept as digests.
    pub fn new(settings: &config::Admin, store: Arc<dyn Store>) -> Self {
        Self {
            address: settings.address,
            configured: settings.all_tokens().iter().map(Held::of_file).collect(),
            store,
            wrong: Semaphore::new(1),
        }
    }

    /// Whether a token is needed.
    pub fn needs_token(&self) -> bool {
        !self.configured.is_empty()
    }

    /// The tokens of the configuration file.
    pub fn configured(&self) -> &[Held] {
        &self.configured
    }

    /// The operator behind a request for a program: by bearer token.
    ///
    /// # Errors
    ///
    /// 401 without the right token, 403 from another site or beyond the token's role, 415 for a
    /// change that is not JSON, 421 under a name that is not this machine's.
    pub async fn operator(&self, request: &Asked<'_>) -> Result<Operator, Fault> {
        let Asked {
            method, headers, ..
        } = request;
        self.check_host(headers)?;
        let operator = if self.needs_token() {
            let bearer = headers
                .get(AUTHORIZATION)
                .and_then(|value| value.as_bytes().strip_prefix(b"Bearer "));
            self.holder(bearer.unwrap_or_default()).await?
        } else {
            Operator::local()
        };
        if !method.is_safe() {
            check_same_origin(headers)?;
            check_json(headers)?;
        }
        operator.check(request)?;
        Ok(operator)
    }

    /// The operator who holds this token. A wrong one is answered late.
    ///
    /// # Errors
    ///
    /// 401 for a wrong or expired token, 429 when many wrong ones wait for their answer, 503 when
    /// the store is needed and does not answer.
    pub async fn holder(&self, presented: &[u8]) -> Result<Operator, Fault> {
        if presented.is_empty() {
            return Err(Fault::unauthorized());
        }
        let presented = std::str::from_utf8(presented).unwrap_or_default();
        match self.held(presented).await? {
            Some(held) if held.lasts_at(UnixTime::now()) => return Ok(Operator::holding(held)),
            Some(_) => return Err(Fault::expired()),
            None => {}
        }
        let Ok(_turn) = self.wrong.try_acquire() else {
            return Err(Fault::new(
                StatusCode::TOO_MANY_REQUESTS,
                "too_many_requests",
                "too many wrong tokens",
            ));
        };
        tokio::time::sleep(WRONG_TOKEN_PAUSE).await;
        Err(Fault::unauthorized())
    }

    /// Whether the token by which an operator logged in is still good.
    ///
    /// # Errors
    ///
    /// 503 when the store is needed and does not answer.
    pub async fn still_holds(&self, operator: &Operator) -> Result<bool, Fault> {
        let Some(held) = &operator.held else {
            return Ok(!self.needs_token());
        };
        if !held.lasts_at(UnixTime::now()) {
            return Ok(false);
        }
        if self.configured.contains(held) {
            return Ok(true);
        }
        let kept = credential::kept(&*self.store, &held.name).await?;
        Ok(kept.as_ref() == Some(held))
    }

    /// Refuses, where no token protects, a name that is not this machine's own.
    pub fn check_host(&self, headers: &HeaderMap) -> Result<(), Fault> {
        let host = headers.get(HOST).and_then(|value| value.to_str().ok());
        if self.needs_token() || host.is_some_and(|host| self.is_own(host)) {
            return Ok(());
        }
        Err(Fault::new(
            StatusCode::MISDIRECTED_REQUEST,
            "host_not_allowed",
            "without `admin.token` this listener answers to loopback names only",
        ))
    }

    async fn held(&self, presented: &str) -> Result<Option<Held>, Fault> {
        let configured = self.configured.iter().find(|held| held.is(presented));
        if let Some(held) = configured {
            return Ok(Some(held.clone()));
        }
        // Only what looks like a token that was made here is worth a look at the store.
        let Some(name) = credential::name_in(presented) else {
            return Ok(None);
        };
        let kept = credential::kept(&*self.store, name).await?;
        Ok(kept.filter(|held| held.is(presented)))
    }

    fn is_own(&self, host: &str) -> bool {
        if host == self.address.to_string() {
            return true;
        }
        let name = match host.rsplit_once(':') {
            Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
            _ => host,
        };
        let address = name.trim_start_matches('[').trim_end_matches(']');
        match address.parse::<IpAddr>() {
            Ok(address) => address.is_loopback(),
            Err(_) => name.eq_ignore_ascii_case("localhost"),
        }
    }
}

impl Operator {
    /// Whoever is on the machine, where no token is asked for.
    pub fn local() -> Self {
        Self {
            name: LOCAL_USER.into(),
            role: Role::Admin,
            held: None,
        }
    }

    fn holding(held: Held) -> Self {
        Self {
            name: held.name.as_str().into(),
            role: held.role,
            held: Some(held),
        }
    }

    /// Until when their token is good.
    pub fn expires_at(&self) -> Option<UnixTime> {
        self.held.as_ref().and_then(|held| held.expires_at)
    }

    /// Refuses what is beyond the operator's role.
    ///
    /// # Errors
    ///
    /// 403.
    pub fn check(&self, request: &Asked<'_>) -> Result<(), Fault> {
        if self.role >= role_for(request.method, request.route) {
            return Ok(());
        }
        Err(Fault::forbidden(
            "role_insufficient",
            "this token may look, and change nothing",
        ))
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Operator {
    type Rejection = Fault;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Fault> {
        // Absent only on a route that was left out of the guard: refused rather than let in.
        parts
            .extensions
            .get::<Self>()
            .cloned()
            .ok_or_else(Fault::unauthorized)
    }
}

/// What decides about a request.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'a> {
    method: &'a Method,
    headers: &'a HeaderMap,
    /// The path of its route, parameters as they are named there.
    route: &'a str,
}

impl<'a> Asked<'a> {
    /// By a request that was matched to a route.
    pub fn by(request: &'a Request) -> Self {
        let route = request.extensions().get::<MatchedPath>();
        Self {
            method: request.method(),
            headers: request.headers(),
            route: route.map_or("", MatchedPath::as_str),
        }
    }
}

/// The role that a request needs, for programs and pages alike: whoever looks may be a viewer;
/// what may change something is for admins, unless it is one of the few that only ask.
pub fn role_for(method: &Method, route: &str) -> Role {
    if method.is_safe() || ONLY_ASK.contains(&route) {
        Role::Viewer
    } else {
        Role::Admin
    }
}

/// Lets programs in that [`Access::operator`] knows.
pub async fn guard(
    State(access): State<Arc<Access>>,
    mut request: Request,
    next: Next,
) -> Response {
    match access.operator(&Asked::by(&request)).await {
        Ok(operator) => {
            request.extensions_mut().insert(operator);
            next.run(request).await
        }
        Err(fault) => fault.into_response(),
    }
}

/// Refuses what a browser sends for a page of another origin. Programs that are no browsers send
/// neither field.
pub fn check_same_origin(headers: &HeaderMap) -> Result<(), Fault> {
    let text = |name: &str| headers.get(name).map(|value| value.to_str().unwrap_or(""));
    let site = text("sec-fetch-site");
    let same_site = site.is_none_or(|site| site == "same-origin" || site == "none");
    let same_origin = text(ORIGIN.as_str()).is_none_or(|origin| {
        let authority = origin
            .split_once("://")
            .map(|(_scheme, authority)| authority);
        authority.is_some() && authority == text(HOST.as_str())
    });
    if same_site && same_origin {
        Ok(())
    } else {
        Err(Fault::forbidden(
            "cross_origin",
            "a page of another origin asked",
        ))
    }
}

/// A form can not send this type, so a browser asks before it sends it for another origin.
fn check_json(headers: &HeaderMap) -> Result<(), Fault> {
    let kind = headers
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok());
    let essence = kind.and_then(|kind| kind.split(';').next()).unwrap_or("");
    if essence.trim().eq_ignore_ascii_case("application/json") {
        return Ok(());
    }
    Err(Fault::new(
        StatusCode::UNSUPPORTED_MEDIA_TYPE,
        "unsupported_media_type",
        "`Content-Type: application/json` is needed",
    ))
}

/// Routes with a method that might change something, and does not.
const ONLY_ASK: [&str; 5] = [
    "/admin/api/token/test",
    "/api/v0/environments/{environment}/externalJwt/check",
    "/dashboard/external/test",
    "/dashboard/external/issuer/{name}/test",
    "/dashboard/logout",
];
/// How the audit names whoever is on the machine.
const LOCAL_USER: &str = "loopback";
const WRONG_TOKEN_PAUSE: Duration = Duration::from_millis(250);

#[cfg(test)]
mod tests;
