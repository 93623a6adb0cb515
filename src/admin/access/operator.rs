//! Who asks, as the audit names them.

use std::net::IpAddr;
use std::sync::Arc;

use axum::extract::{FromRequestParts, Request};
use axum::http::request::Parts;
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD as BASE64;
use uuid::Uuid;

use crate::admin::api_error::ApiError;
use crate::admin::credential::AdminCredential;
use crate::admin::refused_tokens::Peer;
use crate::clock::UnixTime;
use crate::operator::Role;

/// Who asks, as the audit names them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Operator {
    /// The name: of a token, or a user's email address.
    pub name: Arc<str>,
    /// What they may do.
    pub role: Role,
    /// The address that the request came from, if it is known.
    pub from: Option<IpAddr>,
    proof: Proof,
}

/// What they proved themselves by.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Proof {
    /// Nothing is asked for.
    Presence,
    Token(AdminCredential),
    Session(UserSession),
}

/// The session of a user who is an operator.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UserSession {
    /// Its id.
    pub sid: Uuid,
    /// The user's.
    pub user: Uuid,
    /// The name of the issuer that it is from.
    pub issuer: Arc<str>,
    /// Until when it makes its user an operator.
    pub expires_at: UnixTime,
}

impl Operator {
    /// Whoever is on the machine, where no token is asked for.
    pub fn local() -> Self {
        Self::by(LOCAL_USER.into(), Role::Admin, Proof::Presence)
    }

    /// The holder of an admin token.
    pub(super) fn holding(stored: AdminCredential) -> Self {
        Self::by(
            stored.name.as_str().into(),
            stored.role,
            Proof::Token(stored),
        )
    }

    /// A user with a session.
    pub(super) fn user(name: Arc<str>, role: Role, session: UserSession) -> Self {
        Self::by(name, role, Proof::Session(session))
    }

    fn by(name: Arc<str>, role: Role, proof: Proof) -> Self {
        Self {
            name,
            role,
            from: None,
            proof,
        }
    }

    /// By what a browser's session names them: the token's name, or the user's session.
    pub fn key(&self) -> String {
        match &self.proof {
            Proof::Presence | Proof::Token(_) => self.name.to_string(),
            Proof::Session(session) => format!("{BY_SESSION}{}", session.sid.simple()),
        }
    }

    /// The session's id in what [`Self::key`] made of a user.
    pub(super) fn sid_in(key: &str) -> Option<Uuid> {
        key.strip_prefix(BY_SESSION)?.parse().ok()
    }

    /// By what their token is known here, or which user they are; empty where nothing is asked for.
    pub(in crate::admin) fn proof(&self) -> String {
        match &self.proof {
            Proof::Presence => String::new(),
            Proof::Token(stored) => BASE64.encode(stored.digest.0),
            Proof::Session(session) => session.user.to_string(),
        }
    }

    /// The user's session, if they are a user.
    pub fn session(&self) -> Option<&UserSession> {
        match &self.proof {
            Proof::Session(session) => Some(session),
            Proof::Presence | Proof::Token(_) => None,
        }
    }

    /// This operator, with the address that the request came from.
    pub fn at(self, request: &Request) -> Self {
        self.from_peer(request.extensions().get().copied())
    }

    /// This operator, with the address of the peer.
    pub fn from_peer(self, peer: Option<Peer>) -> Self {
        Self {
            from: peer.map(|Peer(address)| address.to_canonical()),
            ..self
        }
    }

    /// When what they proved themselves by expires.
    pub fn expires_at(&self) -> Option<UnixTime> {
        match &self.proof {
            Proof::Presence => None,
            Proof::Token(stored) => stored.expires_at,
            Proof::Session(session) => Some(session.expires_at),
        }
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

/// The name in the audit log for anyone on the machine.
const LOCAL_USER: &str = "loopback";
/// What no token's name begins with.
const BY_SESSION: &str = "session:";
