//! The role that a request needs.

use axum::extract::{MatchedPath, Request};
use axum::http::{HeaderMap, Method};

use super::operator::Operator;
use crate::admin::api_error::ApiError;
use crate::admin::refused_tokens::Peer;
use crate::operator::Role;

impl Operator {
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

/// What decides about a request.
#[derive(Clone, Copy, Debug)]
pub struct AccessRequest<'a> {
    pub(super) method: &'a Method,
    pub(super) headers: &'a HeaderMap,
    /// The path of its route, parameters as they are named there.
    route: &'a str,
    pub(super) peer: Option<Peer>,
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
