//! Who may use the operators' listener, and from where.
//!
//! With a token, whoever presents it. Without one, which only a loopback address allows, whoever
//! is on the machine: there a page of another site, open in the operator's browser, must not be
//! taken for the operator. `Host` tells a name that was bound to loopback behind the browser's
//! back (DNS rebinding), `Origin` and `Sec-Fetch-Site` tell a page of another origin.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{FromRequestParts, Request, State};
use axum::http::header::{AUTHORIZATION, CONTENT_TYPE, HOST, HeaderMap, ORIGIN};
use axum::http::request::Parts;
use axum::http::{Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use tokio::sync::Semaphore;

use super::fault::Fault;
use crate::config;

/// The rules of one listener.
#[derive(Debug)]
pub struct Access {
    address: SocketAddr,
    token: Option<config::Secret>,
    /// Wrong tokens are answered one after the other, each after a pause: guessing is slow, and
    /// the right token never waits.
    wrong: Semaphore,
}

/// Who asks, as the audit names them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Operator {
    /// The name.
    pub name: Arc<str>,
}

impl Access {
    /// The rules that the configuration asks for.
    pub fn new(settings: &config::Admin) -> Self {
        Self {
            address: settings.address,
            token: settings.token.clone(),
            wrong: Semaphore::new(1),
        }
    }

    /// Whether a token is needed.
    pub fn needs_token(&self) -> bool {
        self.token.is_some()
    }

    /// The operator behind a request for a program: by bearer token.
    ///
    /// # Errors
    ///
    /// 401 without the right token, 403 from another site, 415 for a change that is not JSON,
    /// 421 under a name that is not this machine's.
    pub async fn operator(&self, method: &Method, headers: &HeaderMap) -> Result<Operator, Fault> {
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
        Ok(operator)
    }

    /// The operator who holds this token. A wrong one is answered late.
    ///
    /// # Errors
    ///
    /// 401 for a wrong token, 429 when many wrong ones wait for their answer.
    pub async fn holder(&self, presented: &[u8]) -> Result<Operator, Fault> {
        let right = self.token.as_ref().is_some_and(|token| {
            // In constant time, so that a token can not be found byte by byte.
            let expected = token.expose().as_bytes();
            aws_lc_rs::constant_time::verify_slices_are_equal(presented, expected).is_ok()
        });
        if right {
            return Ok(Operator {
                name: TOKEN_HOLDER.into(),
            });
        }
        if presented.is_empty() {
            return Err(Fault::unauthorized());
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
        }
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

/// Lets programs in that [`Access::operator`] knows.
pub async fn guard(
    State(access): State<Arc<Access>>,
    mut request: Request,
    next: Next,
) -> Response {
    match access.operator(request.method(), request.headers()).await {
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

/// How the audit names the holder of `admin.token`.
const TOKEN_HOLDER: &str = "admin";
/// How the audit names whoever is on the machine.
const LOCAL_USER: &str = "loopback";
const WRONG_TOKEN_PAUSE: Duration = Duration::from_millis(250);

#[cfg(test)]
mod tests;
