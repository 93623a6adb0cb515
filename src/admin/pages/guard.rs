//! Who sees pages and sends forms, and what a browser may do with them.

use std::sync::Arc;

use axum::extract::{FromRequestParts, Request, State};
use axum::http::header::{CONTENT_SECURITY_POLICY, REFERRER_POLICY, X_FRAME_OPTIONS};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Redirect, Response};

use super::kept_form::{self, KeptForm};
use super::visit::visit;
use super::{LARGEST_FORM, login, return_path};
use crate::admin::AdminState;
use crate::admin::access::{Access, AccessRequest, Operator, check_from_this_site};
use crate::admin::api_error::ApiError;
use crate::admin::browser::{DashboardUser, EXPIRED_FORM};
use crate::admin::changes;
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
    let mut dashboard_user = match logged_in(&state, request.headers(), peer).await {
        Ok(Some(dashboard_user)) => dashboard_user,
        Ok(None) => return ask_to_log_in(&state, request).await,
        Err(fault) => return fault.into_response(),
    };
    if let Err(fault) = dashboard_user.operator.check(&AccessRequest::by(&request)) {
        return fault.into_response();
    }
    dashboard_user.operator = dashboard_user.operator.at(&request);
    request
        .extensions_mut()
        .insert::<Operator>(dashboard_user.operator.clone());
    dashboard_user.visit = visit(&state, request.uri());
    request.extensions_mut().insert(dashboard_user.clone());
    if request.method().is_safe() {
        return next.run(request).await;
    }
    take_form(request, next, dashboard_user).await
}

/// Has a form taken, or offers it to its sender again if it is from before their login.
async fn take_form(request: Request, next: Next, dashboard_user: DashboardUser) -> Response {
    let (head, body) = request.into_parts();
    let Ok(body) = changes::read(body, LARGEST_FORM).await else {
        return unread();
    };
    let kept = KeptForm::of(&head.uri, &body);
    let answer = next.run(Request::from_parts(head, body.into())).await;
    let fault = answer.extensions().get::<ApiError>();
    let has_expired = fault.is_some_and(|fault| fault.code == EXPIRED_FORM);
    match kept.filter(|_| has_expired) {
        Some(kept) => (StatusCode::FORBIDDEN, kept.offer(dashboard_user)).into_response(),
        None => answer,
    }
}

/// Leads to the login page, and from there back. What a form sends stays with the browser until then.
async fn ask_to_log_in(state: &AdminState, request: Request) -> Response {
    let (head, body) = request.into_parts();
    if head.method.is_safe() || head.uri.path() == LOGOUT {
        return Redirect::to(&return_path::login_for(&head)).into_response();
    }
    let Ok(body) = changes::read(body, kept_form::LONGEST).await else {
        return unread();
    };
    let kept = KeptForm::of(&head.uri, &body);
    login::ask(state, &head.headers, kept)
}

fn unread() -> Response {
    ApiError::bad_request("the body cannot be read").into_response()
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

/// What a browser may do with a page: show it, alone, with what this origin has.
pub(super) async fn with_policy(mut response: Response) -> Response {
    let headers = response.headers_mut();
    headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    headers.insert(X_FRAME_OPTIONS, HeaderValue::from_static("DENY"));
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("same-origin"));
    response
}

/// Where logging out is sent to.
const LOGOUT: &str = "/dashboard/logout";
const POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; \
                      connect-src 'self'; form-action 'self'; frame-ancestors 'none'; \
                      base-uri 'none'";
