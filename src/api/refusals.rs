//! What endpoints that answer with problem details refuse with, for the document.

use std::time::Duration;

use axum::http::StatusCode;
use serde_json::{Value, json};

use super::Refused;
use super::document::refusals::{Shown, refusals};
use crate::rejection::{Code, Problem, Rejection};

refusals! {
    Refused;
    /// The refusals of public documents.
    pub Public: endpoint();
    /// The refusals of `logout`.
    pub Logout: endpoint(), credential(), decision(), [invalid()];
    /// The refusals of `device-bound/register`.
    pub DeviceRegistration: endpoint(), credential(), decision(), [invalid(), absent()];
    /// The refusals of `device-bound/{sid}/refresh`.
    pub DeviceRefresh: endpoint(), renewal(), [over(), unknown(), invalid(), absent()];
    /// The refusals of `backchannel-logout`.
    pub Backchannel: endpoint(), [invalid(), too_often(), later()];
}

/// What any endpoint refuses with.
pub fn endpoint() -> [Rejection; 2] {
    [Code::TooLarge, Code::Internal].map(|code| Rejection::new(code, ""))
}

/// What an endpoint refuses with that takes a credential.
pub fn credential() -> [Rejection; 5] {
    [
        Code::Conflict,
        Code::TokenMissing,
        Code::TokenInvalid,
        Code::TokenExpired,
        Code::LoginRequired,
    ]
    .map(|code| Rejection::new(code, ""))
}

/// What an endpoint refuses with that decides who may do what.
pub fn decision() -> [Rejection; 4] {
    let refused = [Code::Forbidden, Code::NoAccess].map(|code| Rejection::new(code, ""));
    let [forbidden, no_access] = refused;
    [forbidden, no_access, too_often(), later()]
}

/// The same of one that says 503 where others say 429.
fn renewal() -> [Rejection; 3] {
    let [forbidden, no_access, _, later] = decision();
    [forbidden, no_access, later]
}

/// The session has ended.
fn over() -> Rejection {
    Rejection::new(Code::LoginRequired, "")
}

/// There is no such session.
fn unknown() -> Rejection {
    Rejection::new(Code::TokenInvalid, "")
}

/// It is not configured.
fn absent() -> Rejection {
    Rejection::new(Code::NotFound, "")
}

fn invalid() -> Rejection {
    Rejection::new(Code::InvalidRequest, "")
}

fn too_often() -> Rejection {
    Rejection::too_often("", Duration::from_secs(10))
}

fn later() -> Rejection {
    Rejection::unavailable("", Duration::from_secs(5))
}

/// The session token was narrowed too far.
pub fn narrow() -> Rejection {
    Rejection::new(Code::ScopeInsufficient, "")
}

impl Shown for Refused {
    const SCHEMA: &'static str = "Problem";
    const MEDIA_TYPE: &'static str = "application/problem+json";

    fn status(&self) -> StatusCode {
        self.0.status
    }

    fn code(&self) -> &str {
        self.0.code.as_str()
    }

    fn content(&self) -> Value {
        json!(Problem::new(&self.0, "019a5c0f6e7d7c3b8a1f2e3d4c5b6a79"))
    }

    fn challenge(&self) -> Option<&'static str> {
        self.0.challenge()
    }

    fn rejection(&self) -> &Rejection {
        &self.0
    }
}
