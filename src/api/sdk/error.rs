//! Refusals as the SDKs read them: `{error, code}`.

use axum::Json;
use axum::http::StatusCode;
use axum::http::header::{HeaderValue, RETRY_AFTER};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde_json::{Value, json};
use utoipa::ToSchema;

use crate::api::document::refusals::Shown;
use crate::credential::CredentialError;
use crate::identity::NONCE_SPENT;
use crate::rejection::{Code, Rejection};

/// A refusal of an SDK's request. Beside the answer it carries the rejection, for the log.
#[derive(Clone, Debug)]
pub struct SdkError {
    rejection: Rejection,
    status: StatusCode,
    code: &'static str,
    error: String,
}

/// A refusal as the SDKs read it.
#[derive(Debug, Serialize, ToSchema)]
pub struct SdkFailure {
    /// One sentence for a person.
    error: String,
    /// One of few words for a program.
    #[schema(value_type = String)]
    code: &'static str,
}

impl SdkError {
    /// The external token was not accepted: what SDKs tell the app as `InvalidExternalAuthError`.
    pub fn invalid_external_auth(rejection: Rejection) -> Self {
        match rejection.code {
            _ if rejection.reason == NONCE_SPENT => rejection.into(),
            Code::TokenMissing | Code::TokenInvalid | Code::TokenExpired | Code::LoginRequired => {
                Self {
                    rejection,
                    status: StatusCode::UNPROCESSABLE_ENTITY,
                    code: "invalid_external_auth",
                    error: "Invalid external authentication".to_owned(),
                }
            }
            _ => rejection.into(),
        }
    }

    /// `sessionPublicKey` is no key.
    pub fn invalid_session_public_key() -> Self {
        let rejection = Rejection::new(Code::InvalidRequest, "session_public_key_invalid");
        Self {
            rejection,
            status: StatusCode::UNPROCESSABLE_ENTITY,
            code: "invalid_session_public_key",
            error: "The session's public key is not valid".to_owned(),
        }
    }

    /// A member of the content has the wrong type.
    pub fn wrong_type(member: &str) -> Self {
        let rejection = Rejection::new(Code::InvalidRequest, "body_invalid");
        let error = match member {
            "" | "." => "The body is not a JSON object".to_owned(),
            member => format!("`{member}` has the wrong type"),
        };
        Self {
            error,
            ..rejection.into()
        }
    }

    /// The content lacks a member.
    pub fn missing(member: &str) -> Self {
        Self {
            error: format!("`{member}` is missing"),
            ..Rejection::new(Code::InvalidRequest, "body_incomplete").into()
        }
    }

    /// A member of the content cannot have this value.
    pub fn unfit(member: &str, reason: &'static str, why: &str) -> Self {
        let rejection = Rejection::new(Code::InvalidRequest, reason)
            .with_status(StatusCode::UNPROCESSABLE_ENTITY);
        Self {
            error: format!("`{member}` {why}"),
            ..rejection.into()
        }
    }

    /// The query cannot be read.
    pub fn query() -> Self {
        Rejection::new(Code::InvalidRequest, "query_invalid").into()
    }

    /// No such endpoint, or another environment's.
    pub fn not_found() -> Self {
        Rejection::new(Code::NotFound, "endpoint_unknown").into()
    }

    /// The endpoint has other methods.
    pub fn method_not_allowed() -> Self {
        Rejection::new(Code::InvalidRequest, "method_not_allowed")
            .with_status(StatusCode::METHOD_NOT_ALLOWED)
            .into()
    }
}

impl SdkError {
    fn failure(&self) -> SdkFailure {
        SdkFailure {
            error: self.error.clone(),
            code: self.code,
        }
    }
}

impl Shown for SdkError {
    const SCHEMA: &'static str = "SdkFailure";
    const MEDIA_TYPE: &'static str = "application/json";

    fn status(&self) -> StatusCode {
        self.status
    }

    fn code(&self) -> &str {
        self.code
    }

    fn content(&self) -> Value {
        json!(self.failure())
    }

    fn challenge(&self) -> Option<&'static str> {
        None
    }

    fn rejection(&self) -> &Rejection {
        &self.rejection
    }
}

impl From<Rejection> for SdkError {
    fn from(rejection: Rejection) -> Self {
        Self {
            rejection,
            status: rejection.status,
            code: rejection.code.as_str(),
            error: rejection.text().to_owned(),
        }
    }
}

impl From<CredentialError> for SdkError {
    fn from(error: CredentialError) -> Self {
        Rejection::from(error).into()
    }
}

impl IntoResponse for SdkError {
    fn into_response(self) -> Response {
        let mut response = (self.status, Json(self.failure())).into_response();
        if let Some(wait) = self.rejection.retry_after {
            let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
            response
                .headers_mut()
                .insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        response.extensions_mut().insert(self.rejection);
        response
    }
}
