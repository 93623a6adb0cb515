//! What the endpoints of the protocol refuse with, for the document.

use axum::http::StatusCode;

use super::SdkError;
use crate::api::document::refusals::refusals;
use crate::api::refusals::{credential, decision, endpoint, narrow};
use crate::rejection::{Code, Rejection};

refusals! {
    SdkError;
    /// Of `settings` and `nonce`.
    pub Public: endpoint(), environment();
    /// Of `nonces`.
    pub Nonces: endpoint(), environment(), [SdkError::query()];
    /// Of `externalAuth/signin`.
    pub SignIn: endpoint(), environment(), decision(), content(), external(),
        [Code::Conflict, Code::TokenInvalid].map(|code| Rejection::new(code, "")),
        [SdkError::invalid_session_public_key()];
    /// Of `externalAuth/verify`.
    pub Verify: endpoint(), environment(), credential(), decision(), content(), external(),
        [narrow(), Rejection::new(Code::ScopeInvalid, "")];
    /// Of `stepUp/check`.
    pub StepUpCheck: endpoint(), environment(), credential(), decision(), content(), [narrow()];
    /// Of `refresh`.
    pub Refresh: endpoint(), environment(), credential(), decision(), [narrow(), not_json()];
    /// Of `revoke`.
    pub Revoke: endpoint(), environment(), credential(), decision(), [not_json()];
    /// Of `users`.
    pub User: endpoint(), environment(), credential(), decision(), [narrow()];
    /// Of `session`.
    pub Session: endpoint(), environment(), credential(), decision();
}

/// Another environment's path.
fn environment() -> [SdkError; 1] {
    [SdkError::not_found()]
}

fn content() -> [SdkError; 2] {
    [SdkError::wrong_type("jwt"), not_json().into()]
}

fn external() -> [SdkError; 1] {
    let invalid = Rejection::new(Code::TokenInvalid, "");
    [SdkError::invalid_external_auth(invalid)]
}

/// Where a cookie is read or set.
fn not_json() -> Rejection {
    Rejection::new(Code::InvalidRequest, "").with_status(StatusCode::UNSUPPORTED_MEDIA_TYPE)
}
