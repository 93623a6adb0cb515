//! Who sees pages and sends forms, and what a browser may do with them.

use std::sync::Arc;

use axum::extract::{FromRequestParts, Request, State};
use axum::http::header::{CONTENT_SECURITY_POLICY, REFERRER_POLICY, X_FRAME_OPTIONS};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue};
use axum::middleware::Next;
use axum::response::{IntoResponse, Redirect, Response};

use super::return_path;
use crate::admin::AdminState;
use crate::admin::access::{Access, AccessRequest, Operator, check_from_this_site};
use crate::admin::api_error::ApiError;
use crate::admin::browser::{DashboardUser, Visit};
use crate::admin::notice::{self, Notice};
use crate::admin::refused_tokens::Peer;
use crate::origin::OriginRefusal;

impl<S: Send + Sync> FromRequestParts<S> for DashboardUser {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        parts
            .extensions
            .get::<Self>()
            .cloned()
            .ok_or_else(ApiError::unauthorized)
    }
}

/// Names of this machine only, and forms of this origin only: a browser says so in one field at
/// least.
pub(super) async fn only_this_site(
    State(access): State<Arc<Access>>,
    request: Request,
    next: Next,
) -> Response {
    let headers = request.headers();
    if let Err(fault) = access.check_host(headers) {
        return fault.into_response();
    }
    if !request.method().is_safe()
        && let Err(refusal) = check_from_this_site(headers)
    {
        let message = match refusal {
            OriginRefusal::Absent => "the request does not come from a page of this dashboard",
            _ => "the request comes from a page of another origin",
        };
        return ApiError::forbidden("cross_origin", message).into_response();
    }
    next.run(request).await
}

/// Only operators have access, within their role.
pub(super) async fn only_visitors(
    State(state): State<AdminState>,
    mut request: Request,
    next: Next,
) -> Response {
    let peer = request.extensions().get().copied();
    let dashboard_user = match logged_in(&state, request.headers(), peer).await {
        Ok(dashboard_user) => dashboard_user,
        Err(fault) => return fault.into_response(),
    };
    match dashboard_user {
        Some(mut dashboard_user) => {
            if let Err(fault) = dashboard_user.operator.check(&AccessRequest::by(&request)) {
                return fault.into_response();
            }
            dashboard_user.operator = dashboard_user.operator.at(&request);
            request
                .extensions_mut()
                .insert::<Operator>(dashboard_user.operator.clone());
            dashboard_user.visit = visit(&state, &request);
            request.extensions_mut().insert(dashboard_user);
            next.run(request).await
        }
        None => Redirect::to(&return_path::login_for(&request)).into_response(),
    }
}

/// Who looks: whoever logged in here, or came by a route of the gateway.
async fn logged_in(
    state: &AdminState,
    headers: &HeaderMap,
    peer: Option<Peer>,
) -> Result<Option<DashboardUser>, ApiError> {
    let sessions = &state.dashboard_sessions;
    if !state.access.needs_token() {
        return Ok(Some(sessions.local()));
    }
    if let Some(found) = sessions.dashboard_user(&state.access, headers).await? {
        return Ok(Some(found));
    }
    let forwarded = state.access.forwarded(peer, headers).await?;
    Ok(forwarded.map(|operator| sessions.forwarded(operator)))
}

/// What the page says of the gateway and of the form before it.
fn visit(state: &AdminState, request: &Request) -> Visit {
    let view = state.live_config.view();
    let public_url = view.config.public_url.as_str();
    let host = public_url.split_once("://");
    Visit {
        gateway: host.map_or(public_url, |(_, host)| host).into(),
        environment: state.exchange().minter().environment_id,
        notice: Notice::in_query(request.uri().query()),
        address: notice::dismissed(request.uri().path(), request.uri().query()),
    }
}

/// What a browser may do with a page: show it, alone, with what this origin has.
pub(super) async fn with_policy(mut response: Response) -> Response {
    let headers = response.headers_mut();
    headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    headers.insert(X_FRAME_OPTIONS, HeaderValue::from_static("DENY"));
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("same-origin"));
    response
}

const POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; \
                      connect-src 'self'; form-action 'self'; frame-ancestors 'none'; \
                      base-uri 'none'";
