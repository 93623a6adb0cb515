//! Who may use the operators' listener, for what, and from where.
//!
//! With a token, everyone who presents it has access, within its role ([`role_for`]). Without one,
//! which is only possible on a loopback address, everyone on the machine has: there, a page of
//! another site that is open in the operator's browser must not be mistaken for the operator.
//! `Host` reveals a name that was rebound to loopback (DNS rebinding), and `Origin` and
//! `Sec-Fetch-Site` reveal a page of another origin.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{FromRequestParts, MatchedPath, Request, State};
use axum::http::header::{AUTHORIZATION, CONTENT_TYPE, HOST, HeaderMap};
use axum::http::request::Parts;
use axum::http::{Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD as BASE64;
use tokio::sync::Semaphore;

use super::api_error::ApiError;
use super::credential::{self, AdminCredential};
use super::refused_tokens::{Peer, Refusal, Refusals};
use crate::clock::UnixTime;
use crate::metrics::Metrics;
use crate::operator::{AdminSettings, Role};
use crate::origin::{self, OriginRefusal};
use crate::store::Store;

/// The rules of one listener.
pub struct Access {
    address: SocketAddr,
    configured: Vec<AdminCredential>,
    /// Tokens created by operators.
    store: Arc<dyn Store>,
    /// Wrong tokens are answered one after the other, each after a pause: guessing is slow, and
    /// the right token never waits.
    wrong: Semaphore,
    refusals: Refusals,
}

/// Who asks, as the audit names them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Operator {
    /// The name.
    pub name: Arc<str>,
    /// What they may do.
    pub role: Role,
    /// The address that the request came from, if it is known.
    pub from: Option<IpAddr>,
    /// What they proved themselves by; `None` where no token is asked for.
    stored: Option<AdminCredential>,
}

impl Access {
    /// The rules that the configuration asks for. Tokens are kept as digests.
    pub fn new(settings: &AdminSettings, store: Arc<dyn Store>, metrics: &Metrics) -> Self {
        Self {
            address: settings.address,
            configured: settings
                .all_tokens()
                .iter()
                .map(AdminCredential::of_file)
                .collect(),
            refusals: Refusals::new(Arc::clone(&store), metrics),
            store,
            wrong: Semaphore::new(1),
        }
    }

    /// Whether a token is needed.
    pub fn needs_token(&self) -> bool {
        !self.configured.is_empty()
    }

    /// The tokens of the configuration file.
    pub fn configured(&self) -> &[AdminCredential] {
        &self.configured
    }

    /// The operator behind a request for a program: by bearer token.
    ///
    /// # Errors
    ///
    /// 401 without the right token, 403 beyond the token's role, 421 under a name that is not this
    /// machine's. Of a change without a bearer token also 403 from another site, and 415 if it is
    /// not JSON.
    pub async fn operator(&self, request: &AccessRequest<'_>) -> Result<Operator, ApiError> {
        let AccessRequest {
            method, headers, ..
        } = request;
        self.check_host(headers)?;
        let operator = if self.needs_token() {
            // Two fields are no credential: which one would be looked at is anyone's guess.
            let mut fields = headers.get_all(AUTHORIZATION).iter();
            let only = fields.next().filter(|_| fields.next().is_none());
            let bearer = only.and_then(|value| bearer(value.as_bytes()));
            self.holder(bearer.unwrap_or_default(), request.peer)
                .await?
        } else {
            Operator::local()
        };
        if !method.is_safe() && !presents_bearer(headers) {
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
    pub async fn holder(
        &self,
        credential: &[u8],
        peer: Option<Peer>,
    ) -> Result<Operator, ApiError> {
        if credential.is_empty() {
            return Err(ApiError::unauthorized());
        }
        let credential = std::str::from_utf8(credential).unwrap_or_default();
        match self.stored(credential).await? {
            Some(stored) if stored.is_valid_at(UnixTime::now()) => {
                return Ok(Operator::holding(stored));
            }
            Some(stored) => {
                let expired = Refusal::Expired(stored.name);
                self.refusals.record(&expired, peer).await;
                return Err(ApiError::expired());
            }
            None => {}
        }
        let Ok(_turn) = self.wrong.try_acquire() else {
            self.refusals.count(&Refusal::TooMany);
            return Err(ApiError::new(
                StatusCode::TOO_MANY_REQUESTS,
                "too_many_requests",
                "too many wrong tokens",
            ));
        };
        self.refusals.record(&Refusal::Wrong, peer).await;
        tokio::time::sleep(WRONG_TOKEN_PAUSE).await;
        Err(ApiError::wrong_token())
    }

    /// The operator of that name, if their token is valid now.
    ///
    /// # Errors
    ///
    /// 503 when the store is needed and does not answer.
    pub async fn named(&self, name: &str) -> Result<Option<Operator>, ApiError> {
        let configured = self.configured.iter().find(|stored| stored.name == name);
        let stored = match configured {
            Some(stored) => Some(stored.clone()),
            None if crate::operator::is_token_name(name) => {
                credential::kept(&*self.store, name).await?
            }
            None => None,
        };
        let now = UnixTime::now();
        let valid = stored.filter(|stored| stored.is_valid_at(now));
        Ok(valid.map(Operator::holding))
    }

    /// Refuses, where no token protects, a name that is not this machine's own.
    pub fn check_host(&self, headers: &HeaderMap) -> Result<(), ApiError> {
        let host = headers.get(HOST).and_then(|value| value.to_str().ok());
        if self.needs_token() || host.is_some_and(|host| self.is_self_issued(host)) {
            return Ok(());
        }
        Err(ApiError::new(
            StatusCode::MISDIRECTED_REQUEST,
            "host_not_allowed",
            "without `admin.token`, this listener only answers requests for loopback names",
        ))
    }

    async fn stored(&self, credential: &str) -> Result<Option<AdminCredential>, ApiError> {
        let configured = self.configured.iter().find(|stored| stored.is(credential));
        if let Some(stored) = configured {
            return Ok(Some(stored.clone()));
        }
        // The store is only asked about tokens that look like those created here.
        let Some(name) = credential::name_in(credential) else {
            return Ok(None);
        };
        let kept = credential::kept(&*self.store, name).await?;
        Ok(kept.filter(|stored| stored.is(credential)))
    }

    fn is_self_issued(&self, host: &str) -> bool {
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
            from: None,
            stored: None,
        }
    }

    fn holding(stored: AdminCredential) -> Self {
        Self {
            name: stored.name.as_str().into(),
            role: stored.role,
            from: None,
            stored: Some(stored),
        }
    }

    /// By what their token is known here; empty where none is asked for.
    pub(super) fn proof(&self) -> String {
        let stored = self.stored.as_ref();
        stored.map_or_else(String::new, |stored| BASE64.encode(stored.digest.0))
    }

    /// The same, with where this request came from.
    pub fn at(self, request: &Request) -> Self {
        let peer = request.extensions().get::<Peer>();
        Self {
            from: peer.map(|Peer(address)| address.to_canonical()),
            ..self
        }
    }

    /// When their token expires.
    pub fn expires_at(&self) -> Option<UnixTime> {
        self.stored.as_ref().and_then(|stored| stored.expires_at)
    }

    /// Refuses what is beyond the operator's role.
    ///
    /// # Errors
    ///
    /// 403.
    pub fn check(&self, request: &AccessRequest<'_>) -> Result<(), ApiError> {
        if self.role >= role_for(request.method, request.route) {
            return Ok(());
        }
        Err(ApiError::forbidden(
            "role_insufficient",
            "this token is read-only",
        ))
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Operator {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        // Absent only on a route that was left out of the guard: refused rather than let in.
        parts
            .extensions
            .get::<Self>()
            .cloned()
            .ok_or_else(ApiError::unauthorized)
    }
}

/// What decides about a request.
#[derive(Clone, Copy, Debug)]
pub struct AccessRequest<'a> {
    method: &'a Method,
    headers: &'a HeaderMap,
    /// The path of its route, parameters as they are named there.
    route: &'a str,
    peer: Option<Peer>,
}

impl<'a> AccessRequest<'a> {
    /// By a request that was matched to a route.
    pub fn by(request: &'a Request) -> Self {
        let route = request.extensions().get::<MatchedPath>();
        Self {
            method: request.method(),
            headers: request.headers(),
            route: route.map_or("", MatchedPath::as_str),
            peer: request.extensions().get().copied(),
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
    match access.operator(&AccessRequest::by(&request)).await {
        Ok(operator) => {
            let operator = operator.at(&request);
            request.extensions_mut().insert(operator);
            next.run(request).await
        }
        Err(fault) => fault.into_response(),
    }
}

/// Refuses what a browser sends for a page of another origin, by the rule for cookies on routes.
/// Programs that are no browsers send neither field.
pub fn check_same_origin(headers: &HeaderMap) -> Result<(), ApiError> {
    match check_from_this_site(headers) {
        Err(OriginRefusal::Absent) => Ok(()),
        Err(_) => Err(ApiError::forbidden(
            "cross_origin",
            "the request comes from a page of another origin",
        )),
        Ok(()) => Ok(()),
    }
}

/// Whether a browser says that a page of this listener sends the request. The scheme does not
/// count: TLS may end before the listener.
pub fn check_from_this_site(headers: &HeaderMap) -> Result<(), OriginRefusal> {
    let host = headers.get(HOST).and_then(|host| host.to_str().ok());
    let is_own = |origin: &str| {
        let authority = origin.split_once("://").map(|(_, authority)| authority);
        authority.is_some() && authority == host
    };
    origin::check(headers, is_own, |_| false)
}

/// Whether the request has a credential that no browser adds by itself. A page of another origin
/// can add it only after a preflight, which nothing here grants.
fn presents_bearer(headers: &HeaderMap) -> bool {
    let mut fields = headers.get_all(AUTHORIZATION).iter();
    fields.any(|value| bearer(value.as_bytes()).is_some())
}

/// The token of a `Bearer` credential, whose scheme has no letter case (RFC 9110 section 11.1).
fn bearer(field: &[u8]) -> Option<&[u8]> {
    let (scheme, token) = field.split_at_checked(BEARER.len())?;
    scheme.eq_ignore_ascii_case(BEARER).then_some(token)
}

/// A form cannot send this type, so a browser asks before it sends it for another origin.
fn check_json(headers: &HeaderMap) -> Result<(), ApiError> {
    let kind = headers
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok());
    let essence = kind.and_then(|kind| kind.split(';').next()).unwrap_or("");
    if essence.trim().eq_ignore_ascii_case("application/json") {
        return Ok(());
    }
    Err(ApiError::new(
        StatusCode::UNSUPPORTED_MEDIA_TYPE,
        "unsupported_media_type",
        "the request needs `Content-Type: application/json`",
    ))
}

/// Routes with a method that might change something, and does not.
const ONLY_ASK: [&str; 7] = [
    "/admin/api/token/test",
    "/admin/api/routes/explain",
    "/api/v0/environments/{environment}/externalJwt/check",
    "/dashboard/external/test",
    "/dashboard/routes/explain",
    "/dashboard/external/issuer/{name}/test",
    "/dashboard/logout",
];
/// The name in the audit log for anyone on the machine.
const LOCAL_USER: &str = "loopback";
const BEARER: &[u8] = b"Bearer ";
const WRONG_TOKEN_PAUSE: Duration = Duration::from_millis(250);

#[cfg(test)]
mod tests;
