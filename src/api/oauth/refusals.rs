//! What the OAuth endpoints refuse with, for the document.

use std::time::Duration;

use super::OAuthError;
use crate::api::document::refusals::refusals;
use crate::api::refusals::{credential, decision, endpoint, narrow};
use crate::rejection::{Code, Rejection};

refusals! {
    OAuthError;
    /// Of the token endpoint.
    pub Token: endpoint(), client(), later(), [
        OAuthError::unsupported_grant_type(),
        OAuthError::invalid_scope(),
        OAuthError::invalid_target(),
        OAuthError::grant_refused(Rejection::new(Code::TokenInvalid, "")),
    ];
    /// Of the authorization endpoint, which is none.
    pub Authorize: endpoint(), [OAuthError::unsupported_response_type()];
    /// Of introspection and revocation.
    pub Known: endpoint(), client(), later();
    /// The refusals of `userinfo`.
    pub UserInfo: endpoint(), decision(), credential().map(OAuthError::bearer_refused),
        [OAuthError::bearer_refused(narrow())];
}

fn client() -> [OAuthError; 2] {
    [
        OAuthError::missing("subject_token"),
        OAuthError::invalid_client(),
    ]
}

fn later() -> [Rejection; 2] {
    [
        Rejection::too_often("", Duration::from_secs(10)),
        Rejection::unavailable("", Duration::from_secs(5)),
    ]
}
