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
    /// The refusals of `nonces`.
    pub Nonces: endpoint(), environment(), [SdkError::query()];
    /// The refusals of `externalAuth/signin`.
    pub SignIn: endpoint(), environment(), decision(), content(), external(),
        [Code::Conflict, Code::TokenInvalid].map(|code| Rejection::new(code, "")),
        [SdkError::invalid_session_public_key()];
    /// The refusals of `externalAuth/verify`.
    pub Verify: endpoint(), environment(), credential(), decision(), content(), external(),
        [narrow(), Rejection::new(Code::ScopeInvalid, "")];
    /// The refusals of `stepUp/check`.
    pub StepUpCheck: endpoint(), environment(), credential(), decision(), content(), [narrow()];
    /// The refusals of `refresh`.
    pub Refresh: endpoint(), environment(), credential(), decision(), [narrow(), not_json()];
    /// The refusals of `revoke`.
    pub Revoke: endpoint(), environment(), credential(), decision(), [not_json()];
    /// The refusals of `users`.
    pub User: endpoint(), environment(), credential(), decision(), [narrow()];
    /// The refusals of a change of `users`.
    pub Change: endpoint(), environment(), credential(), decision(), change(),
        [SdkError::unfit("email", "", "cannot be changed here")];
    /// The refusals of a deletion of `users`.
    pub Delete: endpoint(), environment(), credential(), decision(), [narrow(), not_json(), step_up()];
    /// The refusals of `session`.
    pub Session: endpoint(), environment(), credential(), decision();
}

/// The refusal of a path with another environment's id.
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

fn change() -> [SdkError; 4] {
    [
        SdkError::wrong_type("firstName"),
        narrow().into(),
        not_json().into(),
        step_up().into(),
    ]
}

fn step_up() -> Rejection {
    Rejection::new(Code::StepUpRequired, "")
}

/// Where a cookie is read or set.
fn not_json() -> Rejection {
    Rejection::new(Code::InvalidRequest, "").with_status(StatusCode::UNSUPPORTED_MEDIA_TYPE)
}
