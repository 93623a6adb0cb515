//! The form in which a path of the API refuses, also where a request is refused before the API sees it.

use std::collections::BTreeMap;

use utoipa::openapi::{RefOr, Response};

use super::Refused;
use super::document::refusals::{Shown, responses};
use super::oauth::OAuthError;
use super::sdk::SdkError;
use crate::rejection::{Problem, Rejection};

/// What a client of a path reads refusals as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RefusalForm {
    /// Problem details (RFC 9457).
    Problem,
    /// As the platform's SDKs.
    Sdk,
    /// As OAuth clients (RFC 6749 section 5.2).
    OAuth,
}

impl RefusalForm {
    /// That of a path as it was sent; of one that is not below `api_prefix`, problem details.
    pub fn of(path: &str, api_prefix: &str) -> Self {
        let below = path.strip_prefix(api_prefix).unwrap_or_default();
        if below.starts_with("/api/v0/") {
            Self::Sdk
        } else if below.starts_with("/oauth/") || below == "/userinfo" {
            Self::OAuth
        } else {
            Self::Problem
        }
    }

    /// The media type of a refusal, and its content.
    pub fn content(self, rejection: &Rejection, request_id: &str) -> (&'static str, String) {
        let content = match self {
            Self::Problem => return (Refused::MEDIA_TYPE, problem(rejection, request_id)),
            Self::Sdk => SdkError::from(*rejection).content(),
            Self::OAuth => OAuthError::from(*rejection).content(),
        };
        (SdkError::MEDIA_TYPE, content.to_string())
    }

    /// What the document says of these refusals.
    pub fn responses<const N: usize>(
        self,
        refusals: [Rejection; N],
    ) -> BTreeMap<String, RefOr<Response>> {
        match self {
            Self::Problem => responses(refusals.map(Refused)),
            Self::Sdk => responses(refusals.map(SdkError::from)),
            Self::OAuth => responses(refusals.map(OAuthError::from)),
        }
    }
}

fn problem(rejection: &Rejection, request_id: &str) -> String {
    // Of strings and a number: this cannot fail.
    serde_json::to_string(&Problem::new(rejection, request_id)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_has_the_form_of_its_protocol() {
        for (path, form) in [
            ("/own/api/v0/sdk/x/users", RefusalForm::Sdk),
            ("/own/api/v0/", RefusalForm::Sdk),
            ("/own/api/v0", RefusalForm::Problem),
            ("/own/api/v01/x", RefusalForm::Problem),
            ("/own/oauth/token", RefusalForm::OAuth),
            ("/own/userinfo", RefusalForm::OAuth),
            ("/own/userinfos", RefusalForm::Problem),
            ("/own/logout", RefusalForm::Problem),
            ("/other/api/v0/sdk/x/users", RefusalForm::Problem),
            ("*", RefusalForm::Problem),
        ] {
            assert_eq!(RefusalForm::of(path, "/own"), form, "{path}");
        }
    }
}
