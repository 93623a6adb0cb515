//! Answers that say what went wrong: `{"error": "…", "code": "…"}`, as the platform's own API does.

use axum::Json;
use axum::http::header::{RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use tracing::warn;
use utoipa::ToSchema;

use crate::clock::rarely::Rarely;
use crate::diagnostic::Diagnostic;
use crate::live_config::ChangeError;
use crate::store::StoreError;

/// Why an operator did not get what was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiError {
    /// The status of the answer.
    pub status: StatusCode,
    /// A stable word for programs.
    pub code: &'static str,
    /// A sentence for people.
    pub message: String,
    /// What is wrong with what was sent, key by key.
    pub problems: Vec<Diagnostic>,
}

impl ApiError {
    /// A fault of this kind.
    pub fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        Self {
            status,
            code,
            message: message.into(),
            problems: Vec::new(),
        }
    }

    /// 400: the request cannot be understood.
    pub fn bad_request(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "bad_request", message)
    }

    /// 415: the content is not said to be JSON.
    pub fn unsupported_media_type() -> Self {
        Self::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "unsupported_media_type",
            "the request needs `Content-Type: application/json`",
        )
    }

    /// 405: the path is there for other methods.
    pub fn method_not_allowed() -> Self {
        Self::new(
            StatusCode::METHOD_NOT_ALLOWED,
            "method_not_allowed",
            "this path does not support the method",
        )
    }

    /// 401: who asks is not known.
    pub fn unauthorized() -> Self {
        Self::new(
            StatusCode::UNAUTHORIZED,
            "unauthorized",
            "an admin token is required",
        )
    }

    /// 401: nobody has this token.
    pub fn wrong_token() -> Self {
        Self::new(
            StatusCode::UNAUTHORIZED,
            "unauthorized",
            "this admin token is not valid",
        )
    }

    /// 503: who asks cannot be found out now.
    pub fn unavailable() -> Self {
        Self::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "unavailable",
            "the store does not respond",
        )
    }

    /// 401: the token has expired.
    pub fn expired() -> Self {
        Self::new(
            StatusCode::UNAUTHORIZED,
            "token_expired",
            "this admin token has expired",
        )
    }

    /// 403: who asks may not.
    pub fn forbidden(code: &'static str, message: impl Into<String>) -> Self {
        Self::new(StatusCode::FORBIDDEN, code, message)
    }

    /// 404: there is no such thing.
    pub fn not_found(what: &str) -> Self {
        Self::new(
            StatusCode::NOT_FOUND,
            "not_found",
            format!("there is no such {what}"),
        )
    }
}

impl From<Vec<Diagnostic>> for ApiError {
    /// 422: what was sent is not what it should be.
    fn from(problems: Vec<Diagnostic>) -> Self {
        let said: Vec<_> = problems.iter().map(ToString::to_string).collect();
        Self {
            problems,
            ..Self::new(
                StatusCode::UNPROCESSABLE_ENTITY,
                "unprocessable",
                said.join("; "),
            )
        }
    }
}

impl From<ChangeError> for ApiError {
    fn from(error: ChangeError) -> Self {
        let message = error.to_string();
        match error {
            ChangeError::FromFile(_) => {
                Self::new(StatusCode::CONFLICT, "issuer_from_file", message)
            }
            ChangeError::Exists(_) => Self::new(StatusCode::CONFLICT, "issuer_exists", message),
            ChangeError::Changed => Self::new(StatusCode::CONFLICT, "conflict", message),
            ChangeError::ListNamesNoIssuer(_) => {
                Self::new(StatusCode::CONFLICT, "access_list_names_no_issuer", message)
            }
            ChangeError::Unknown => Self::not_found("issuer"),
            ChangeError::UnknownOrigin => Self::not_found("origin"),
            ChangeError::UnknownAccessList => Self::not_found("access list"),
            ChangeError::UnknownServer => Self::not_found("server"),
            ChangeError::Invalid(problems) => problems.into(),
            ChangeError::Store(error) => error.into(),
            ChangeError::Build(_) => {
                Self::new(StatusCode::UNPROCESSABLE_ENTITY, "unprocessable", message)
            }
        }
    }
}

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Conflict(what) => Self::new(
                StatusCode::CONFLICT,
                "conflict",
                format!("conflict: {what}"),
            ),
            StoreError::InvalidCursor => Self::bad_request(error.to_string()),
            StoreError::Unavailable(_)
            | StoreError::Full(_)
            | StoreError::ReadOnly
            | StoreError::Replaced
            | StoreError::Released
            | StoreError::Corrupt(_) => {
                static FAILED: Rarely = Rarely::new();
                if let Some(times) = FAILED.due() {
                    warn!(%error, times, "store failed");
                }
                Self::unavailable()
            }
        }
    }
}

/// The content of a refusal.
#[derive(Serialize, ToSchema)]
pub(super) struct Refusal<'a> {
    /// A sentence for people.
    error: &'a str,
    /// A stable word for programs.
    code: &'a str,
    /// What is wrong with what was sent, key by key.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    problems: Vec<FieldProblem<'a>>,
}

/// What is wrong with one key of what was sent.
#[derive(Serialize, ToSchema)]
pub(super) struct FieldProblem<'a> {
    /// The key; empty for the whole.
    field: &'a str,
    /// What is wrong.
    message: &'a str,
    /// What to do about it.
    hint: Option<&'a str>,
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let problems = self.problems.iter().map(|problem| FieldProblem {
            field: &problem.path,
            message: &problem.message,
            hint: problem.hint.as_deref(),
        });
        let body = Json(Refusal {
            error: &self.message,
            code: self.code,
            problems: problems.collect(),
        });
        let mut response = (self.status, body).into_response();
        let headers = response.headers_mut();
        match self.status {
            StatusCode::UNAUTHORIZED => {
                headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
            }
            StatusCode::SERVICE_UNAVAILABLE | StatusCode::TOO_MANY_REQUESTS => {
                headers.insert(RETRY_AFTER, HeaderValue::from_static("1"));
            }
            _ => {}
        }
        // For pages, which say the same to people.
        response.extensions_mut().insert(self);
        response
    }
}
