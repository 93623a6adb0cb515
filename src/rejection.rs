//! Why a request is refused: a coarse code for the client, and the exact reason for operators.
//!
//! A client learns a status, one of few [`Code`]s and a request id. The precise reason, a stable
//! snake_case word such as `signature_invalid`, goes to the log, the metrics and the admin
//! listener only. Modules have small error enums of their own; each converts into a
//! [`Rejection`] where it meets a request.

use std::time::Duration;

use http::StatusCode;

mod overload;
mod problem;
mod reasons;

pub use overload::Overload;
pub use problem::Problem;
pub use reasons::{InWords, in_words as reason_in_words};

/// The message for the client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Code {
    /// The request itself is malformed or ambiguous.
    InvalidRequest,
    /// No credential was presented where one is required.
    TokenMissing,
    /// The credential is not acceptable.
    TokenInvalid,
    /// The credential was acceptable, once.
    TokenExpired,
    /// The session ended; the same external token does not open another.
    LoginRequired,
    /// The session is valid, but the request also needs an elevated token (RFC 9470).
    StepUpRequired,
    /// A scope that cannot be granted.
    ScopeInvalid,
    /// The session is valid, but its token does not allow this (RFC 6750 section 3.1).
    ScopeInsufficient,
    /// The credential is valid, but the request is not allowed.
    Forbidden,
    /// The credential is valid, but its user may not sign in.
    NoAccess,
    /// Two credentials that disagree.
    Conflict,
    /// Nothing is configured for this host and path.
    NotFound,
    /// A size limit of the gateway.
    TooLarge,
    /// The client took too long.
    Timeout,
    /// A rate limit of the gateway.
    TooManyRequests,
    /// The gateway cannot decide now; try again.
    Unavailable,
    /// The upstream did not answer properly.
    UpstreamFailed,
    /// The upstream did not answer in time.
    UpstreamTimeout,
    /// A fault of the gateway.
    Internal,
}

impl Code {
    /// The word in the body's `code` member.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::InvalidRequest => "invalid_request",
            Self::TokenMissing => "token_missing",
            Self::TokenInvalid => "token_invalid",
            Self::TokenExpired => "token_expired",
            Self::LoginRequired => "login_required",
            Self::StepUpRequired => "step_up_required",
            Self::ScopeInvalid => "invalid_scopes",
            Self::ScopeInsufficient => "insufficient_scope",
            Self::Forbidden => "forbidden",
            Self::NoAccess => "no_access",
            Self::Conflict => "conflict",
            Self::NotFound => "not_found",
            Self::TooLarge => "too_large",
            Self::Timeout => "timeout",
            Self::TooManyRequests => "too_many_requests",
            Self::Unavailable => "unavailable",
            Self::UpstreamFailed => "upstream_failed",
            Self::UpstreamTimeout => "upstream_timeout",
            Self::Internal => "internal",
        }
    }

    /// One sentence for a person, which holds for every refusal with this code.
    fn text(self) -> &'static str {
        match self {
            Self::InvalidRequest => "The request is not valid.",
            Self::TokenMissing => "A credential is required.",
            Self::TokenInvalid => "The credential is not valid.",
            Self::TokenExpired => "The credential has expired.",
            Self::LoginRequired => "The session has ended. Sign in again.",
            Self::StepUpRequired => "The request requires a fresh proof of the user's identity.",
            Self::ScopeInvalid => "A scope is unknown or not allowed.",
            Self::ScopeInsufficient => "The credential does not allow this.",
            Self::Forbidden => "The request is not allowed.",
            Self::NoAccess => "This account has no access.",
            Self::Conflict => "The request carries credentials that disagree.",
            Self::NotFound => "Nothing is served here.",
            Self::TooLarge => "The request is too large.",
            Self::Timeout => "The request took too long to arrive.",
            Self::TooManyRequests => "Too many requests.",
            Self::Unavailable => "The service is temporarily unavailable. Please try again.",
            Self::UpstreamFailed => "The upstream did not answer properly.",
            Self::UpstreamTimeout => "The upstream did not respond in time.",
            Self::Internal => "Something went wrong.",
        }
    }

    /// The `error` of an RFC 6750 section 3 challenge. `None`: no error is named, because nothing
    /// was presented, or no challenge belongs to this code.
    pub fn bearer_error(self) -> Option<&'static str> {
        match self {
            Self::TokenInvalid | Self::TokenExpired | Self::LoginRequired => Some("invalid_token"),
            Self::Conflict => Some("invalid_request"),
            Self::StepUpRequired => Some("insufficient_user_authentication"),
            Self::ScopeInsufficient => Some("insufficient_scope"),
            _ => None,
        }
    }
}

/// A refusal, created where the cause is known and turned into a response in one place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rejection {
    /// The response's status.
    pub status: StatusCode,
    /// The message for the client.
    pub code: Code,
    /// The precise reason: a stable word for log, metric and admin, never for the client.
    pub reason: &'static str,
    /// What an operator may do about this very refusal, where more is known of it than its reason; for the
    /// log only.
    pub hint: Option<&'static str>,
    /// `Retry-After` (RFC 9110 section 10.2.3), rounded up to whole seconds.
    pub retry_after: Option<Duration>,
}

impl Rejection {
    /// A refusal with the usual status of its code.
    pub fn new(code: Code, reason: &'static str) -> Self {
        let status = match code {
            Code::InvalidRequest | Code::Conflict => StatusCode::BAD_REQUEST,
            Code::TokenMissing | Code::TokenInvalid | Code::TokenExpired | Code::LoginRequired => {
                StatusCode::UNAUTHORIZED
            }
            Code::StepUpRequired => StatusCode::UNAUTHORIZED,
            Code::ScopeInvalid => StatusCode::UNPROCESSABLE_ENTITY,
            Code::Forbidden | Code::NoAccess | Code::ScopeInsufficient => StatusCode::FORBIDDEN,
            Code::NotFound => StatusCode::NOT_FOUND,
            Code::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Code::Timeout => StatusCode::REQUEST_TIMEOUT,
            Code::TooManyRequests => StatusCode::TOO_MANY_REQUESTS,
            Code::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
            Code::UpstreamFailed => StatusCode::BAD_GATEWAY,
            Code::UpstreamTimeout => StatusCode::GATEWAY_TIMEOUT,
            Code::Internal => StatusCode::INTERNAL_SERVER_ERROR,
        };
        Self {
            status,
            code,
            reason,
            hint: None,
            retry_after: None,
        }
    }

    /// What the status is called.
    pub fn title(&self) -> &'static str {
        self.status.canonical_reason().unwrap_or("Refused")
    }

    /// One sentence for a person, free of anything that came with the request: what the code says, or
    /// more exactly where the status or the kind of failure does.
    pub fn text(&self) -> &'static str {
        match (self.code, self.status) {
            (Code::InvalidRequest, StatusCode::BAD_REQUEST) => "The request is malformed.",
            (Code::InvalidRequest, StatusCode::METHOD_NOT_ALLOWED) => {
                "The method is not allowed here."
            }
            (Code::InvalidRequest, StatusCode::UNSUPPORTED_MEDIA_TYPE) => {
                "The type of the content is not accepted here."
            }
            (Code::InvalidRequest, StatusCode::HTTP_VERSION_NOT_SUPPORTED) => {
                "This version of HTTP is not supported."
            }
            (Code::UpstreamFailed, StatusCode::LOOP_DETECTED) => {
                "The request has come back to the gateway too often."
            }
            (Code::UpstreamFailed, StatusCode::NOT_IMPLEMENTED) => {
                "The upstream has no WebSockets."
            }
            (Code::UpstreamFailed, _) if UNREACHED.contains(&self.reason) => {
                "The upstream could not be reached."
            }
            _ => self.code.text(),
        }
    }

    /// What `WWW-Authenticate` asks for (RFC 6750 section 3): a 401 always names the scheme, and an
    /// error only when a credential was presented.
    pub fn challenge(&self) -> Option<&'static str> {
        match (self.status, self.code.bearer_error()) {
            (StatusCode::UNAUTHORIZED, None) => Some(r#"Bearer realm="vestibule""#),
            (_, Some("invalid_token")) => {
                Some(r#"Bearer realm="vestibule", error="invalid_token""#)
            }
            (_, Some("insufficient_user_authentication")) => {
                Some(r#"Bearer realm="vestibule", error="insufficient_user_authentication""#)
            }
            (_, Some("insufficient_scope")) => {
                Some(r#"Bearer realm="vestibule", error="insufficient_scope""#)
            }
            (_, Some("invalid_request")) => {
                Some(r#"Bearer realm="vestibule", error="invalid_request""#)
            }
            _ => None,
        }
    }

    /// The same with another realm, and with further parameters, each with a comma before it.
    pub fn challenge_of(&self, realm: Option<&str>, parameters: &str) -> String {
        let realm = realm.unwrap_or("vestibule");
        let error = self.code.bearer_error();
        let error = error.map_or_else(String::new, |error| format!(", error=\"{error}\""));
        format!("Bearer realm=\"{realm}\"{error}{parameters}")
    }

    /// The same with another status, such as 414 for a URI that is too long.
    pub fn with_status(self, status: StatusCode) -> Self {
        Self { status, ..self }
    }

    /// What an operator may do about it: the hint, or what is said of its reason everywhere.
    pub fn advice(&self) -> Option<&'static str> {
        let of_reason = || reason_in_words(self.reason).map(|known| known.advice);
        self.hint.or_else(of_reason)
    }

    /// The same with a hint for operators.
    pub fn with_hint(self, hint: &'static str) -> Self {
        Self {
            hint: Some(hint),
            ..self
        }
    }

    /// A 429 that says when to come back.
    pub fn too_often(reason: &'static str, retry_after: Duration) -> Self {
        Self {
            retry_after: Some(retry_after),
            ..Self::new(Code::TooManyRequests, reason)
        }
    }

    /// A 429 as a 503, for browsers that renew a bound session: they take each 4xx for its end.
    pub fn as_transient(self) -> Self {
        match self.code {
            Code::TooManyRequests => Self {
                retry_after: self.retry_after,
                ..Self::new(Code::Unavailable, self.reason)
            },
            _ => self,
        }
    }

    /// A 503 that says when to come back.
    pub fn unavailable(reason: &'static str, retry_after: Duration) -> Self {
        Self {
            retry_after: Some(retry_after),
            ..Self::new(Code::Unavailable, reason)
        }
    }
}

/// The failures of an upstream to which no connection came about.
const UNREACHED: [&str; 2] = ["upstream_connect_failed", "upstream_tls_failed"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_true_of_its_refusal() {
        let failed = |reason| Rejection::new(Code::UpstreamFailed, reason).text();
        let unreached = "The upstream could not be reached.";
        assert_eq!(failed("upstream_connect_failed"), unreached);
        assert_eq!(failed("upstream_tls_failed"), unreached);
        let answered = "The upstream did not answer properly.";
        assert_eq!(failed("upstream_protocol_error"), answered);
        let malformed = Rejection::new(Code::InvalidRequest, "request_malformed");
        assert_eq!(malformed.text(), "The request is malformed.");
        let method = malformed.with_status(StatusCode::METHOD_NOT_ALLOWED);
        assert_eq!(method.text(), "The method is not allowed here.");
        let missing = Rejection::new(Code::TokenMissing, "token_missing");
        assert_eq!(missing.text(), Code::TokenMissing.text());
    }
}
