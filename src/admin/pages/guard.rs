//! Who sees pages and sends forms, and what a browser may do with them.

use std::sync::Arc;

use axum::extract::{FromRequestParts, Request, State};
use axum::http::HeaderValue;
use axum::http::header::{CONTENT_SECURITY_POLICY, REFERRER_POLICY, X_FRAME_OPTIONS};
use axum::http::request::Parts;
use axum::middleware::Next;
use axum::response::{IntoResponse, Redirect, Response};

use crate::admin::AdminState;
use crate::admin::access::{Access, Asked, Operator, check_same_origin};
use crate::admin::browser::Visitor;
use crate::admin::fault::Fault;

impl<S: Send + Sync> FromRequestParts<S> for Visitor {
    type Rejection = Fault;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Fault> {
        parts
            .extensions
            .get::<Self>()
            .cloned()
            .ok_or_else(Fault::unauthorized)
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
    if !request.method().is_safe() {
        let says = headers.contains_key("origin") || headers.contains_key("sec-fetch-site");
        if !says {
            let fault = Fault::forbidden("cross_origin", "no page of this dashboard asked");
            return fault.into_response();
        }
        if let Err(fault) = check_same_origin(headers) {
            return fault.into_response();
        }
    }
    next.run(request).await
}

/// Operators only, as far as their role goes.
pub(super) async fn only_visitors(
    State(state): State<AdminState>,
    mut request: Request,
    next: Next,
) -> Response {
    let visitor = if state.access.needs_token() {
        state.browsers.visitor(request.headers())
    } else {
        Some(state.browsers.local())
    };
    let visitor = match visitor {
        Some(visitor) => match state.access.still_holds(&visitor.operator).await {
            Ok(true) => Some(visitor),
            Ok(false) => {
                state.browsers.forget(&visitor.operator);
                None
            }
            Err(fault) => return fault.into_response(),
        },
        None => None,
    };
    match visitor {
        Some(visitor) => {
            if let Err(fault) = visitor.operator.check(&Asked::by(&request)) {
                return fault.into_response();
            }
            request
                .extensions_mut()
                .insert::<Operator>(visitor.operator.clone());
            request.extensions_mut().insert(visitor);
            next.run(request).await
        }
        None => Redirect::to("/dashboard/login").into_response(),
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
