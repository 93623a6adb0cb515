//! Errors as OAuth writes them (RFC 6749 section 5.2).

use std::borrow::Cow;

use axum::Json;
use axum::http::header::{HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderName, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde_json::{Value, json};
use utoipa::ToSchema;

use crate::api::document::refusals::Shown;
use crate::rejection::{Code, Rejection};

/// A refusal with a registered `error`. Beside the answer it carries the rejection, for the log.
#[derive(Clone, Copy, Debug)]
pub struct OAuthError {
    rejection: Rejection,
    status: StatusCode,
    error: &'static str,
    description: &'static str,
    /// What a 401 asks for.
    challenge: Option<&'static str>,
}

/// A refusal as OAuth clients read it.
#[derive(Debug, Serialize, ToSchema)]
pub struct OAuthFailure {
    /// A registered word, where there is one.
    #[schema(value_type = String)]
    error: &'static str,
    /// One sentence for a person.
    #[schema(value_type = String)]
    error_description: Cow<'static, str>,
}

impl OAuthError {
    /// The endpoint has other methods.
    pub fn method_not_allowed() -> Self {
        Rejection::new(Code::InvalidRequest, "method_not_allowed")
            .with_status(StatusCode::METHOD_NOT_ALLOWED)
            .into()
    }

    /// The request is not well formed.
    pub fn invalid_request(description: &'static str) -> Self {
        Self::refused("invalid_request", description, "oauth_request_invalid")
    }

    /// A parameter is missing.
    pub fn missing(name: &'static str) -> Self {
        Self::refused("invalid_request", name, MISSING)
    }

    /// The grant type is not supported.
    pub fn unsupported_grant_type() -> Self {
        let description = "token exchange (RFC 8693) is supported, and what the metadata list";
        Self::refused("unsupported_grant_type", description, "grant_unsupported")
    }

    /// No response type is supported (RFC 6749 section 4.1.2.1).
    pub fn unsupported_response_type() -> Self {
        let description = "people sign in at their provider, not here";
        let reason = "response_type_unsupported";
        Self::refused("unsupported_response_type", description, reason)
    }

    /// More than the subject's token allows.
    pub fn invalid_scope() -> Self {
        Self::refused(
            "invalid_scope",
            "a scope can only be narrowed",
            "scope_widened",
        )
    }

    /// Another audience than session tokens have (RFC 8693 section 2.2.2).
    pub fn invalid_target() -> Self {
        Self::refused(
            "invalid_target",
            "tokens for this audience are not issued",
            "audience_foreign",
        )
    }

    /// The client's credentials are wrong, or absent where they are asked for.
    pub fn invalid_client() -> Self {
        Self {
            rejection: Rejection::new(Code::TokenInvalid, "client_invalid"),
            status: StatusCode::UNAUTHORIZED,
            error: "invalid_client",
            description: "the client is not authenticated",
            challenge: Some(r#"Basic realm="vestibule""#),
        }
    }

    /// The client authenticates by more than one method (RFC 6749 section 2.3).
    pub fn two_client_methods() -> Self {
        Self::invalid_request("the client uses two authentication methods")
    }

    /// The client's own metadata, or what it signed, were refused.
    pub fn client_refused(rejection: Rejection) -> Self {
        if rejection.status.is_server_error() || rejection.code == Code::TooManyRequests {
            return rejection.into();
        }
        Self {
            rejection,
            ..Self::invalid_client()
        }
    }

    /// The subject's token was refused. RFC 8693 section 2.2.2: that is an invalid request.
    pub fn subject_refused(rejection: Rejection) -> Self {
        if rejection.status.is_server_error() || rejection.code == Code::TooManyRequests {
            return rejection.into();
        }
        if rejection.code == Code::ScopeInvalid {
            return Self::invalid_scope();
        }
        Self {
            rejection,
            status: StatusCode::BAD_REQUEST,
            error: "invalid_request",
            description: rejection.text(),
            challenge: None,
        }
    }

    /// The assertion was refused (RFC 6749 section 5.2).
    pub fn grant_refused(rejection: Rejection) -> Self {
        if rejection.status.is_server_error() || rejection.code == Code::TooManyRequests {
            return rejection.into();
        }
        if rejection.code == Code::ScopeInvalid {
            return Self::invalid_scope();
        }
        Self {
            rejection,
            status: StatusCode::BAD_REQUEST,
            error: "invalid_grant",
            description: rejection.text(),
            challenge: None,
        }
    }

    /// A session token was refused where it is the credential (RFC 6750 section 3.1).
    pub fn bearer_refused(rejection: Rejection) -> Self {
        let challenge = match rejection.code {
            Code::TokenMissing => r#"Bearer realm="vestibule""#,
            Code::TokenInvalid | Code::TokenExpired | Code::LoginRequired => {
                r#"Bearer realm="vestibule", error="invalid_token""#
            }
            Code::ScopeInsufficient => {
                return Self {
                    challenge: Some(r#"Bearer realm="vestibule", error="insufficient_scope""#),
                    ..rejection.into()
                };
            }
            _ => return rejection.into(),
        };
        Self {
            rejection,
            status: StatusCode::UNAUTHORIZED,
            error: "invalid_token",
            description: rejection.text(),
            challenge: Some(challenge),
        }
    }

    /// For the log and the limits.
    pub fn rejection(&self) -> &Rejection {
        &self.rejection
    }

    fn failure(&self) -> OAuthFailure {
        OAuthFailure {
            error: self.error,
            error_description: match self.rejection.reason {
                MISSING => format!("the parameter `{}` is missing", self.description).into(),
                _ => self.description.into(),
            },
        }
    }

    fn refused(error: &'static str, description: &'static str, reason: &'static str) -> Self {
        Self {
            rejection: Rejection::new(Code::InvalidRequest, reason),
            status: StatusCode::BAD_REQUEST,
            error,
            description,
            challenge: None,
        }
    }
}

impl Shown for OAuthError {
    const SCHEMA: &'static str = "OAuthFailure";
    const MEDIA_TYPE: &'static str = "application/json";

    fn status(&self) -> StatusCode {
        self.status
    }

    fn code(&self) -> &str {
        self.error
    }

    fn content(&self) -> Value {
        json!(self.failure())
    }

    fn challenge(&self) -> Option<&'static str> {
        self.challenge
    }

    fn rejection(&self) -> &Rejection {
        &self.rejection
    }
}

impl From<Rejection> for OAuthError {
    fn from(rejection: Rejection) -> Self {
        Self {
            rejection,
            status: rejection.status,
            error: match rejection.code {
                Code::Unavailable => "temporarily_unavailable",
                code => code.as_str(),
            },
            description: rejection.text(),
            challenge: None,
        }
    }
}

impl IntoResponse for OAuthError {
    fn into_response(self) -> Response {
        let mut response = (self.status, Json(self.failure())).into_response();
        let mut add = |name: HeaderName, value| {
            response.headers_mut().insert(name, value);
        };
        if let Some(challenge) = self.challenge {
            add(WWW_AUTHENTICATE, HeaderValue::from_static(challenge));
        }
        if let Some(wait) = self.rejection.retry_after {
            let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
            add(RETRY_AFTER, HeaderValue::from(seconds));
        }
        response.extensions_mut().insert(self.rejection);
        response
    }
}

/// The reason with which `description` is a parameter's name.
const MISSING: &str = "oauth_parameter_missing";
